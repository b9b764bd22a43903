#!/usr/bin/env python3
"""Makes tests/golden/bert: tiny random BERT models and what `transformers` computes with them.

    python tests/golden/make_bert_golden.py            # needs benchmarks/peers/requirements.txt

Forward goldens, one folder per model (see CONFIGURATIONS):
  config.json, model.safetensors   as save_pretrained writes them
  inputs.json                      {"sequences": [{"ids": [...], "token_types": [...]}, ...]}
  outputs.safetensors              float32, per sequence i, without padding:
                                   hidden.<i> [length, hidden]   last hidden state
                                   pooled.<i> [hidden]           where the model has a pooler
                                   logits.<i> [length, vocab] (mlm) or [labels] (classification, regression)
The sequences go through `transformers` as one padded batch with its attention mask; the padding is cut off again.

Training goldens, in training/<task>, dropout 0, float32:
  config.json, model.safetensors   the weights at the start
  batch.json                       {"sequences": [{"ids", "token_types", "labels"}]}: labels is an int (classification),
                                   a float (regression) or a list with -100 outside masked positions (mlm)
  outputs.safetensors              loss [], grad_norm [], grad.<parameter name> for every parameter
training/classification also holds
  steps.json                       {"batches": [batch as above] * 5, "learning_rates", "losses", "grad_norms"} and the
                                   options of torch.optim.AdamW, the linear schedule with warm-up and the clipping
  steps.safetensors                the weights after the fifth step
"""

import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    get_linear_schedule_with_warmup,
)

from random_model import randomize

VOCAB, CLS, SEP, MASK = 50, 2, 3, 4
OUT = pathlib.Path(__file__).resolve().parent / "bert"

BASE = dict(vocab_size=VOCAB, max_position_embeddings=40, pad_token_id=0)
CONFIGURATIONS = {
    "classification-gelu": (
        BertForSequenceClassification,
        dict(hidden_size=32, num_attention_heads=4, num_hidden_layers=2, intermediate_size=64, num_labels=3),
    ),
    "classification-gelu_new": (
        BertForSequenceClassification,
        dict(hidden_size=48, num_attention_heads=3, num_hidden_layers=3, intermediate_size=96, num_labels=2,
             hidden_act="gelu_new", layer_norm_eps=1e-5),
    ),
    "regression": (
        BertForSequenceClassification,
        dict(hidden_size=24, num_attention_heads=2, num_hidden_layers=2, intermediate_size=40, num_labels=1,
             problem_type="regression"),
    ),
    "mlm-gelu": (
        BertForMaskedLM,
        dict(hidden_size=32, num_attention_heads=2, num_hidden_layers=2, intermediate_size=48),
    ),
    "mlm-relu": (  # one token type, coarse epsilon, untied decoder
        BertForMaskedLM,
        dict(hidden_size=16, num_attention_heads=4, num_hidden_layers=1, intermediate_size=40, hidden_act="relu",
             type_vocab_size=1, layer_norm_eps=1e-6, tie_word_embeddings=False),
    ),
    "encoder": (  # no head, names without the "bert." prefix: the layout of sentence encoders
        BertModel,
        dict(hidden_size=32, num_attention_heads=4, num_hidden_layers=2, intermediate_size=64),
    ),
    "encoder-no-pooler": (
        BertModel,
        dict(hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32, type_vocab_size=3),
    ),
}


def build(model_class, config, generator):
    extra = {"add_pooling_layer": False} if config.pop("no_pooler", False) else {}
    model = model_class(BertConfig(**{**BASE, **config}), **extra)
    randomize(model, generator, lambda name: "LayerNorm.weight" in name)
    return model


def make_sequences(lengths, token_types, generator):
    sequences = []
    for length in lengths:
        ids = torch.randint(5, VOCAB, (length,), generator=generator).tolist()
        ids[0], ids[-1] = CLS, SEP
        kinds = [0] * length
        if token_types > 1 and length > 6:  # a pair
            middle = length // 2
            ids[middle] = SEP
            kinds = [0] * (middle + 1) + [token_types - 1] * (length - middle - 1)
        sequences.append({"ids": ids, "token_types": kinds})
    return sequences


def padded(sequences, extra=0):
    longest = max(len(s["ids"]) for s in sequences) + extra
    fill = lambda key, value: torch.tensor([s[key] + [value] * (longest - len(s[key])) for s in sequences])
    return {
        "input_ids": fill("ids", 0),
        "token_type_ids": fill("token_types", 0),
        "attention_mask": torch.tensor([[1] * len(s["ids"]) + [0] * (longest - len(s["ids"])) for s in sequences]),
    }


def forward(model, batch, sequences):
    encoder = getattr(model, "bert", model)
    tensors = {}
    with torch.no_grad():
        encoded = encoder(**batch)
        logits = model(**batch).logits if encoder is not model else None
    for i, sequence in enumerate(sequences):
        length = len(sequence["ids"])
        tensors[f"hidden.{i}"] = encoded.last_hidden_state[i, :length]
        if encoded.pooler_output is not None:
            tensors[f"pooled.{i}"] = encoded.pooler_output[i]
        if logits is not None:
            tensors[f"logits.{i}"] = logits[i, :length] if logits.dim() == 3 else logits[i]
    return {name: tensor.contiguous().clone() for name, tensor in tensors.items()}


def make_forward(name, model_class, config):
    generator = torch.Generator().manual_seed(len(name) * 1000 + sum(map(ord, name)))
    if name == "encoder-no-pooler":
        config = {**config, "no_pooler": True}
    model = build(model_class, dict(config), generator).eval()
    folder = OUT / name
    model.save_pretrained(folder)
    sequences = make_sequences([7, 2, 32, 12, 3, 19], model.config.type_vocab_size, generator)
    tensors = forward(model, padded(sequences, extra=2), sequences)
    for i, sequence in enumerate(sequences):  # padding must not matter, else the golden would be wrong
        alone = forward(model, padded([sequence]), [sequence])
        for key, value in alone.items():
            torch.testing.assert_close(value, tensors[key[:-1] + str(i)], atol=2e-6, rtol=1e-5)
    (folder / "inputs.json").write_text(json.dumps({"sequences": sequences}) + "\n")
    save_file(tensors, folder / "outputs.safetensors")


def with_labels(task, sequences, labels, generator):
    for sequence in sequences:
        if task == "classification":
            sequence["labels"] = int(torch.randint(0, labels, (1,), generator=generator))
        elif task == "regression":
            sequence["labels"] = round(float(torch.empty(1).normal_(0, 1.5, generator=generator)), 3)
        else:
            targets = [-100] * len(sequence["ids"])
            for position in range(1, len(targets) - 1):
                if sequence["ids"][position] > SEP and torch.rand(1, generator=generator) < 0.3:
                    targets[position], sequence["ids"][position] = sequence["ids"][position], MASK
            sequence["labels"] = targets
    return sequences


def label_tensor(task, sequences, width):
    labels = [s["labels"] for s in sequences]
    if task == "mlm":
        return torch.tensor([row + [-100] * (width - len(row)) for row in labels])
    return torch.tensor(labels)


def loss_of(model, task, sequences):
    batch = padded(sequences)
    return model(**batch, labels=label_tensor(task, sequences, batch["input_ids"].shape[1])).loss


def make_training(task):
    generator = torch.Generator().manual_seed(4711 + len(task))
    small = dict(hidden_size=32, num_attention_heads=4, num_hidden_layers=2, intermediate_size=48,
                 hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout=0.0)
    heads = {"classification": (BertForSequenceClassification, dict(num_labels=3)),
             "regression": (BertForSequenceClassification, dict(num_labels=1, problem_type="regression")),
             "mlm": (BertForMaskedLM, {})}
    model_class, extra = heads[task]
    model = build(model_class, {**small, **extra}, generator).train()
    folder = OUT / "training" / task
    model.save_pretrained(folder)
    sequences = with_labels(task, make_sequences([9, 4, 30, 12, 17, 2, 8, 21], 2, generator), 3, generator)
    (folder / "batch.json").write_text(json.dumps({"sequences": sequences}) + "\n")

    loss = loss_of(model, task, sequences)
    loss.backward()
    tensors = {f"grad.{name}": p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    tensors["loss"] = loss.detach()
    tensors["grad_norm"] = torch.sqrt(sum((p.grad.double() ** 2).sum() for p in model.parameters()
                                          if p.grad is not None)).float()
    save_file(tensors, folder / "outputs.safetensors")
    if task == "classification":
        make_steps(model, task, folder, generator)


def make_steps(model, task, folder, generator):
    options = {"learning_rate": 5e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01, "warmup_steps": 2,
               "max_steps": 5, "max_grad_norm": 1.0}
    # No decay on biases and LayerNorm, as in the usual recipe.
    plain = lambda name: name.endswith("bias") or "LayerNorm" in name
    groups = [
        {"params": [p for n, p in model.named_parameters() if not plain(n)], "weight_decay": options["weight_decay"]},
        {"params": [p for n, p in model.named_parameters() if plain(n)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options["learning_rate"], betas=tuple(options["betas"]),
                                  eps=options["eps"])
    schedule = get_linear_schedule_with_warmup(optimizer, options["warmup_steps"], options["max_steps"])
    record = {"options": options, "batches": [], "learning_rates": [], "losses": [], "grad_norms": []}
    for _ in range(options["max_steps"]):
        sequences = with_labels(task, make_sequences([11, 5, 26, 8], 2, generator), 3, generator)
        optimizer.zero_grad()
        loss = loss_of(model, task, sequences)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), options["max_grad_norm"])
        record["batches"].append({"sequences": sequences})
        record["learning_rates"].append(optimizer.param_groups[0]["lr"])
        record["losses"].append(float(loss.detach()))
        record["grad_norms"].append(float(norm))  # before clipping
        optimizer.step()
        schedule.step()
    (folder / "steps.json").write_text(json.dumps(record) + "\n")
    save_file({name: p.detach().clone() for name, p in model.named_parameters()}, folder / "steps.safetensors")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    for name, (model_class, config) in CONFIGURATIONS.items():
        make_forward(name, model_class, config)
    for task in ("classification", "regression", "mlm"):
        make_training(task)
    for extra in OUT.rglob("generation_config.json"):
        extra.unlink()
    for file in OUT.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file())} bytes in {OUT}")


if __name__ == "__main__":
    main()
