#!/usr/bin/env python3
"""Makes tests/golden/generate: a tiny random GPT-2, and what `transformers` writes with it.

    python tests/golden/make_generate_golden.py            # needs benchmarks/peers/requirements.txt

  config.json, model.safetensors   as save_pretrained writes them; 30 tokens, of which 0 ends a text
  generate.json   {"prompts": [[id, ...], ...],
                   "cases": [{"options": {...}, "texts": [[id, ...], ...]}, ...]}: what generate() puts behind each prompt, the
                   end's token included; all prompts together, padded on the left, or with "alone" each by itself
                   "sampling": [{"options": {...}, "scores": [...], "probabilities": {id: p}}, ...]: what TemperatureLogitsWarper,
                   TopKLogitsWarper and TopPLogitsWarper leave to be drawn from
"""
import json
import pathlib
import shutil

import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from random_model import randomize

VOCAB, POSITIONS, END = 30, 48, 0
OUT = pathlib.Path(__file__).resolve().parent / "generate"

CASES = [
    {"max_new_tokens": 24},
    {"max_new_tokens": 24, "min_new_tokens": 8},
    {"max_new_tokens": 24, "repetition_penalty": 1.3, "alone": True},
    {"max_new_tokens": 24, "num_beams": 2},
    {"max_new_tokens": 24, "num_beams": 4},
    {"max_new_tokens": 24, "num_beams": 4, "length_penalty": 0.0},
    {"max_new_tokens": 24, "num_beams": 4, "length_penalty": 2.5},
    {"max_new_tokens": 24, "num_beams": 3, "length_penalty": -1.0},
    {"max_new_tokens": 24, "num_beams": 3, "min_new_tokens": 6},
    {"max_new_tokens": 24, "num_beams": 3, "repetition_penalty": 1.2, "alone": True},
    {"max_new_tokens": 5, "num_beams": 4},
    {"max_new_tokens": 1, "num_beams": 2},
]


def make_model(generator):
    config = GPT2Config(vocab_size=VOCAB, n_positions=POSITIONS, n_embd=32, n_head=4, n_layer=2, bos_token_id=END,
                        eos_token_id=END, pad_token_id=END, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0,
                        attn_implementation="eager")
    model = GPT2LMHeadModel(config).eval()
    randomize(model, generator, lambda name: ".ln_" in name and name.endswith("weight"))
    with torch.no_grad():  # far from each other, so that nothing ties and every text is another
        model.transformer.wte.weight.mul_(3.0)
        model.transformer.wpe.weight.mul_(8.0)
        model.transformer.wte.weight[END] *= 1.5  # now and then the most likely
    return model


def texts_of(model, prompts, options):
    longest = max(map(len, prompts))
    ids = torch.tensor([[END] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    written = model.generate(ids, attention_mask=mask, do_sample=False, **options)[:, longest:].tolist()
    return [text[:text.index(END) + 1] if END in text else text for text in written]


def sampling_cases(generator):
    for options in ({"temperature": 0.7}, {"top_k": 5}, {"top_p": 0.6}, {"temperature": 1.6, "top_k": 12, "top_p": 0.9},
                    {"top_p": 0.01}):
        scores = torch.randn(1, VOCAB, generator=generator) * 2
        kept = scores
        for name, warper in (("temperature", TemperatureLogitsWarper), ("top_k", TopKLogitsWarper), ("top_p", TopPLogitsWarper)):
            if name in options:
                kept = warper(options[name])(None, kept)
        probabilities = kept.double().softmax(-1)[0].tolist()
        yield {"options": options, "scores": scores[0].tolist(),
               "probabilities": {str(i): p for i, p in enumerate(probabilities) if p > 0}}


def main():
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    generator = torch.Generator().manual_seed(0)
    model = make_model(generator)
    model.save_pretrained(OUT)
    (OUT / "generation_config.json").unlink()
    (OUT / "model.safetensors").chmod(0o644)
    prompts = [torch.randint(1, VOCAB, (length,), generator=generator).tolist() for length in (1, 6, 3, 11, 2, 8)]
    cases = []
    for case in CASES:
        options = {key: value for key, value in case.items() if key != "alone"}
        groups = [[p] for p in prompts] if case.get("alone") else [prompts]
        texts = [text for group in groups for text in texts_of(model, group, options)]
        print(options, "ended:", sum(END in t for t in texts), "lengths:", [len(t) for t in texts])
        cases.append({"options": options, "texts": texts})
    golden = {"prompts": prompts, "cases": cases, "sampling": list(sampling_cases(generator))}
    (OUT / "generate.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
