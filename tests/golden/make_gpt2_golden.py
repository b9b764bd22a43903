#!/usr/bin/env python3
"""Makes tests/golden/gpt2: tiny random GPT-2 models and what `transformers` computes with them.

    python tests/golden/make_gpt2_golden.py            # needs benchmarks/peers/requirements.txt

One folder per model (see CONFIGURATIONS), dropout 0, float32:
  config.json, model.safetensors   as save_pretrained writes them
  inputs.json                      {"sequences": [{"ids": [...], "token_types": [0, ...]}, ...]}; with a head also "labels":
                                   the next token of every place and -100 at the last (lm), a class (classification)
  outputs.safetensors              float32, per sequence i, each run by itself without padding:
                                   hidden.<i> [length, hidden]   last hidden state
                                   logits.<i> [length, vocab] (lm) or [labels] (classification, of the last token)
                                   with a head: loss [] and grad.<parameter name>: summed over all labels of all
                                   sequences
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, GPT2Model

from random_model import randomize

VOCAB = 50
OUT = pathlib.Path(__file__).resolve().parent / "gpt2"

BASE = dict(vocab_size=VOCAB, n_positions=40, bos_token_id=0, eos_token_id=0, pad_token_id=0,
            embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
CONFIGURATIONS = {
    "lm": (GPT2LMHeadModel, dict(n_embd=32, n_head=4, n_layer=2)),
    "lm-untied": (GPT2LMHeadModel, dict(n_embd=24, n_head=3, n_layer=3, n_inner=40, activation_function="relu",
                                        layer_norm_epsilon=1e-6, tie_word_embeddings=False)),
    "trunk": (GPT2Model, dict(n_embd=16, n_head=2, n_layer=1, activation_function="gelu")),  # no head, no prefix
    "classification": (GPT2ForSequenceClassification, dict(n_embd=16, n_head=4, n_layer=2, num_labels=3)),
}


def make(name, model_class, config):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    model = model_class(GPT2Config(**{**BASE, **config}, attn_implementation="eager")).train()
    randomize(model, generator, lambda name: ".ln_" in name and name.endswith("weight"))
    folder = OUT / name
    model.save_pretrained(folder)
    trunk = getattr(model, "transformer", model)
    lm = model_class is GPT2LMHeadModel
    sequences, tensors, loss = [], {}, torch.zeros(())
    for i, length in enumerate([7, 2, 32, 12, 1, 19]):
        ids = torch.randint(1, VOCAB, (length,), generator=generator)
        sequence = {"ids": ids.tolist(), "token_types": [0] * length}
        tensors[f"hidden.{i}"] = trunk(ids[None]).last_hidden_state[0]
        if model is not trunk:
            logits = model(ids[None]).logits[0]
            label = torch.cat([ids[1:], torch.tensor([-100])]) if lm else torch.tensor([i % 3])
            tensors[f"logits.{i}"] = logits
            loss = loss + torch.nn.functional.cross_entropy(logits if lm else logits[None], label, reduction="sum")
            sequence["labels"] = label.tolist() if lm else int(label)
        sequences.append(sequence)
    if model is not trunk:
        loss.backward()
        tensors["loss"] = loss
        tensors.update({f"grad.{n}": p.grad for n, p in model.named_parameters()})
    (folder / "inputs.json").write_text(json.dumps({"sequences": sequences}) + "\n")
    save_file({key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()},
              folder / "outputs.safetensors")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    for name, (model_class, config) in CONFIGURATIONS.items():
        make(name, model_class, config)
    for extra in OUT.rglob("generation_config.json"):
        extra.unlink()
    for file in OUT.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file())} bytes in {OUT}")


if __name__ == "__main__":
    main()
