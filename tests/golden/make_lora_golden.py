#!/usr/bin/env python3
"""Makes tests/golden/lora: tiny random models with LoRA adapters, and what `peft` computes with them.

    python tests/golden/make_lora_golden.py            # needs benchmarks/peers/requirements.txt

One folder per model (see CASES), dropout 0, float32:
  base/      config.json, model.safetensors     as save_pretrained writes them
  adapter/   adapter_config.json, adapter_model.safetensors     as peft writes them, all random, B too
  inputs.json           {"sequences": [{"ids", "token_types", "labels"}], "targets": what target_modules was asked for,
                        "trainable": how many numbers peft trains}: labels is a class, or a list with -100 outside the
                        places that are scored
  outputs.safetensors   float32, per sequence i, each run by itself without padding: logits.<i> [length, vocab] or
                        [labels]; and for each optimizer (sgd, adamw) of 20 steps on all sequences from the adapter:
                        <optimizer>.losses [20], before each step, divided by the labels;
                        <optimizer>.<name in adapter_model.safetensors>, after the last
"""

import json
import pathlib
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from random_model import randomize

VOCAB = 50
STEPS = 20
# The first step divides a gradient by itself. One element of ELECTRA's has 3e-8, most of it rounding: with the usual 1e-8
# peft in float32 and peft in float64 differ by 4e-6 there.
EPSILON = 1e-5
OUT = pathlib.Path(__file__).resolve().parent / "lora"

BERT = dict(vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
            max_position_embeddings=40, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
DISTILBERT = dict(vocab_size=VOCAB, dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=40,
                  dropout=0.0, attention_dropout=0.0, seq_classif_dropout=0.0)
GPT2 = dict(vocab_size=VOCAB, n_positions=40, n_embd=16, n_head=4, n_layer=2, bos_token_id=0, eos_token_id=0,
            pad_token_id=0, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
CLASSES = dict(num_labels=3)
# name: (class, configuration, target_modules, more of LoraConfig)
CASES = {
    "bert-classification": (BertForSequenceClassification, BertConfig(**BERT, **CLASSES), ["query", "dense"], {}),
    "bert-mlm": (BertForMaskedLM, BertConfig(**BERT), None, {"task_type": None}),
    "roberta-classification": (RobertaForSequenceClassification,
                               RobertaConfig(**dict(BERT, type_vocab_size=1, pad_token_id=1), **CLASSES), "all-linear",
                               {"use_rslora": True}),
    "distilbert-classification": (DistilBertForSequenceClassification, DistilBertConfig(**DISTILBERT, **CLASSES),
                                  ["q_lin", "v_lin"], {"modules_to_save": ["pre_classifier", "classifier"]}),
    "electra-classification": (ElectraForSequenceClassification, ElectraConfig(**BERT, embedding_size=12, **CLASSES),
                               r".*attention\.self\.(query|key)|.*embeddings_project", {}),
    "gpt2-classification": (GPT2ForSequenceClassification, GPT2Config(**GPT2, **CLASSES), ["c_attn", "c_proj"], {}),
    "gpt2-lm": (GPT2LMHeadModel, GPT2Config(**GPT2), None, {"task_type": "CAUSAL_LM"}),
}


def add_adapter(model, targets, more, generator):
    config = LoraConfig(**{"task_type": "SEQ_CLS", "r": 3, "lora_alpha": 6, "lora_dropout": 0.0,
                           "target_modules": targets, **more})
    adapted = get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            parameter.data.copy_(torch.empty_like(parameter).normal_(0.0, 0.15, generator=generator))
    adapted.peft_config["default"].base_model_name_or_path = "../base"
    return adapted


def make_sequences(name, generator):
    sequences = []
    for i, length in enumerate([7, 2, 32, 12, 3, 19]):
        ids = torch.randint(5, VOCAB, (length,), generator=generator)
        types = [int(name.startswith(("bert", "electra")) and k > length // 2) for k in range(length)]
        if name.endswith("mlm"):
            chosen = torch.rand(length, generator=generator) < 0.5
            labels = torch.where(chosen, torch.randint(5, VOCAB, (length,), generator=generator), -100).tolist()
        else:
            labels = ids[1:].tolist() + [-100] if name.endswith("lm") else i % 3
        sequences.append({"ids": ids.tolist(), "token_types": types, "labels": labels})
    return sequences


def logits_of(model, name, sequence):
    inputs = {"input_ids": torch.tensor([sequence["ids"]])}
    if name.startswith(("bert", "electra")):
        inputs["token_type_ids"] = torch.tensor([sequence["token_types"]])
    return model(**inputs).logits[0]


def loss_of(model, name, sequences):
    total, count = torch.zeros(()), 0
    for sequence in sequences:
        labels = torch.tensor(sequence["labels"]).reshape(-1)
        logits = logits_of(model, name, sequence)
        logits = logits if logits.dim() == 2 else logits[None]
        total = total + torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
        count += int((labels != -100).sum())
    return total / count


def optimizer_of(kind, model):
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    if kind == "sgd":
        return torch.optim.SGD([p for _, p in trained], lr=0.01)
    groups = [{"params": [p for n, p in trained if not n.endswith("bias")], "weight_decay": 0.01},
              {"params": [p for n, p in trained if n.endswith("bias")], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, eps=EPSILON, foreach=False)


def train(kind, model_class, name, folder, sequences):
    model = PeftModel.from_pretrained(model_class.from_pretrained(folder / "base", dtype=torch.float32),
                                      folder / "adapter", is_trainable=True).train()
    optimizer = optimizer_of(kind, model)
    losses = []
    for _ in range(STEPS):
        loss = loss_of(model, name, sequences)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tensors = {f"{kind}.{key}": value for key, value in get_peft_model_state_dict(model).items()}
    return {f"{kind}.losses": torch.tensor(losses), **tensors}


def make(name):
    model_class, config, targets, more = CASES[name]
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    folder = OUT / name
    model = model_class(config)
    randomize(model, generator,
              lambda n: ("norm" in n.lower() or ".ln_" in n) and n.endswith("weight"))
    model.save_pretrained(folder / "base")
    adapted = add_adapter(model, targets, more, generator).eval()
    adapted.save_pretrained(folder / "adapter")
    file = folder / "adapter/adapter_config.json"
    written = json.loads(file.read_text())
    if isinstance(written["target_modules"], list):  # a set to peft
        written["target_modules"].sort()
    file.write_text(json.dumps(written, indent=2) + "\n")
    sequences = make_sequences(name, generator)
    tensors = {f"logits.{i}": logits_of(adapted, name, sequence) for i, sequence in enumerate(sequences)}
    for kind in ("sgd", "adamw"):
        tensors.update(train(kind, model_class, name, folder, sequences))
    trainable = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    (folder / "inputs.json").write_text(
        json.dumps({"sequences": sequences, "targets": targets, "trainable": trainable}) + "\n")
    save_file({key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()},
              folder / "outputs.safetensors")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shutil.rmtree(OUT, ignore_errors=True)
    for name in CASES:
        make(name)
    for extra in ("generation_config.json", "README.md"):
        for file in OUT.rglob(extra):
            file.unlink()
    for file in OUT.rglob("*.safetensors"):
        file.chmod(0o644)
    print(f"{sum(f.stat().st_size for f in OUT.rglob('*') if f.is_file())} bytes in {OUT}")


if __name__ == "__main__":
    main()
