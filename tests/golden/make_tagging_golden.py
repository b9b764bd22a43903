#!/usr/bin/env python3
"""Makes tests/golden/tagging: tiny random classifiers of tokens and what `transformers` computes with them.

    python tests/golden/make_tagging_golden.py            # needs benchmarks/peers/requirements.txt

One folder per model, dropout 0, float32:
  config.json, model.safetensors   as save_pretrained writes them
  inputs.json                      {"sequences": [{"ids", "token_types", "labels"}]}: labels has -100 at tokens that
                                   are not scored
  outputs.safetensors              float32: logits.<i> [length, tags] of each sequence, run by itself without padding;
                                   loss [] and grad.<parameter name>: summed over all labels of all sequences
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForTokenClassification,
    DistilBertConfig,
    DistilBertForTokenClassification,
    ElectraConfig,
    ElectraForTokenClassification,
    GPT2Config,
    GPT2ForTokenClassification,
    RobertaConfig,
    RobertaForTokenClassification,
)

from random_model import randomize

VOCAB, TAGS = 50, 5
OUT = pathlib.Path(__file__).resolve().parent / "tagging"

BERT = dict(vocab_size=VOCAB, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
            max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=TAGS)
MODELS = {
    "bert": (BertForTokenClassification, BertConfig, BERT),
    "roberta": (RobertaForTokenClassification, RobertaConfig, dict(BERT, type_vocab_size=1, pad_token_id=1)),
    "distilbert": (DistilBertForTokenClassification, DistilBertConfig,
                   dict(vocab_size=VOCAB, dim=16, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=40,
                        dropout=0.0, attention_dropout=0.0, num_labels=TAGS)),
    "electra": (ElectraForTokenClassification, ElectraConfig, dict(BERT, embedding_size=12)),
    "gpt2": (GPT2ForTokenClassification, GPT2Config,
             dict(vocab_size=VOCAB, n_embd=16, n_layer=1, n_head=2, n_positions=40, resid_pdrop=0.0, embd_pdrop=0.0,
                  attn_pdrop=0.0, classifier_dropout=0.0, num_labels=TAGS)),
}


def make(name, model_class, config_class, config):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    model = model_class(config_class(**config)).train()
    randomize(model, generator, lambda n: ("norm" in n.lower() or ".ln_" in n) and n.endswith("weight"))
    folder = OUT / name
    model.save_pretrained(folder)
    sequences, tensors, loss = [], {}, torch.zeros(())
    for i, length in enumerate([7, 2, 22, 12]):
        ids = torch.randint(5, VOCAB, (length,), generator=generator)
        logits = model(input_ids=ids[None]).logits[0]
        scored = torch.rand(length, generator=generator) < 0.6
        labels = torch.where(scored, torch.randint(0, TAGS, (length,), generator=generator), -100)
        tensors[f"logits.{i}"] = logits
        loss = loss + torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        sequences.append({"ids": ids.tolist(), "token_types": [0] * length, "labels": labels.tolist()})
    loss.backward()
    tensors["loss"] = loss
    tensors.update({f"grad.{n}": p.grad for n, p in model.named_parameters() if p.grad is not None})
    (folder / "inputs.json").write_text(json.dumps({"sequences": sequences}) + "\n")
    save_file({key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()},
              folder / "outputs.safetensors")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    for name, (model_class, config_class, config) in MODELS.items():
        make(name, model_class, config_class, config)
    for extra in OUT.rglob("generation_config.json"):
        extra.unlink()
    for file in OUT.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file())} bytes in {OUT}")


if __name__ == "__main__":
    main()
