#!/usr/bin/env python3
"""Makes tests/golden/relatives: tiny random relatives of BERT and what `transformers` computes with them.

    python tests/golden/make_relatives_golden.py            # needs benchmarks/peers/requirements.txt

One folder per model (see CONFIGURATIONS), dropout 0, float32:
  config.json, model.safetensors   as save_pretrained writes them
  inputs.json                      {"sequences": [{"ids", "token_types", "labels"}]}: labels is a class
                                   (classification) or a list with -100 outside the places that are scored (mlm)
  outputs.safetensors              float32, per sequence i, each run by itself without padding:
                                   hidden.<i> [length, hidden]   last hidden state
                                   logits.<i> [length, vocab] (mlm) or [labels] (classification)
                                   loss [] and grad.<parameter name>: summed over all labels of all sequences
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import (
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
)

from random_model import randomize

VOCAB = 50
OUT = pathlib.Path(__file__).resolve().parent / "relatives"

BERT = dict(vocab_size=VOCAB, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=32,
            max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
ROBERTA = dict(BERT, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)
DISTILBERT = dict(vocab_size=VOCAB, dim=24, n_layers=2, n_heads=3, hidden_dim=32, max_position_embeddings=40,
                  dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0)
CONFIGURATIONS = {
    "roberta-mlm": (RobertaForMaskedLM, RobertaConfig, dict(ROBERTA, hidden_act="gelu_new")),
    "roberta-classification": (RobertaForSequenceClassification, RobertaConfig, dict(ROBERTA, num_labels=3)),
    "distilbert-mlm": (DistilBertForMaskedLM, DistilBertConfig, DISTILBERT),
    "distilbert-classification": (DistilBertForSequenceClassification, DistilBertConfig, dict(DISTILBERT, num_labels=3)),
    "electra-narrow": (ElectraForSequenceClassification, ElectraConfig, dict(BERT, embedding_size=16, num_labels=3)),
    "electra-wide": (ElectraForSequenceClassification, ElectraConfig, dict(BERT, embedding_size=24, num_labels=3)),
}


def make(name, model_class, config_class, config):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    model = model_class(config_class(**config)).train()
    randomize(model, generator, lambda name: "norm" in name.lower() and name.endswith("weight"))
    folder = OUT / name
    model.save_pretrained(folder)
    mlm = name.endswith("mlm")
    types = name.startswith("electra")
    sequences, tensors, loss = [], {}, torch.zeros(())
    for i, length in enumerate([7, 2, 32, 12, 3, 19]):
        ids = torch.randint(5, VOCAB, (length,), generator=generator)
        kinds = torch.tensor([int(types and k > length // 2) for k in range(length)])
        inputs = {"input_ids": ids[None]} | ({"token_type_ids": kinds[None]} if types else {})
        tensors[f"hidden.{i}"] = model.base_model(**inputs).last_hidden_state[0]
        logits = model(**inputs).logits[0]
        if mlm:
            chosen = torch.rand(length, generator=generator) < 0.5
            label = torch.where(chosen, torch.randint(5, VOCAB, (length,), generator=generator), -100)
        else:
            label, logits_2d = torch.tensor([i % 3]), logits[None]
        tensors[f"logits.{i}"] = logits
        loss = loss + torch.nn.functional.cross_entropy(logits if mlm else logits_2d, label, reduction="sum")
        sequences.append({"ids": ids.tolist(), "token_types": kinds.tolist(),
                          "labels": label.tolist() if mlm else int(label)})
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
    for name, (model_class, config_class, config) in CONFIGURATIONS.items():
        make(name, model_class, config_class, config)
    for extra in OUT.rglob("generation_config.json"):
        extra.unlink()
    for file in OUT.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file())} bytes in {OUT}")


if __name__ == "__main__":
    main()
