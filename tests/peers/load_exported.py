#!/usr/bin/env python3
"""What Broadsheet wrote, loaded in transformers.

    load_exported.py check MODEL_DIR INPUT.jsonl PREDICTIONS.jsonl [--text FIELD] [--max-length N]
        MODEL_DIR (a run's model/ or an export) loads without a missing or unexpected tensor, and gives the
        probabilities or scores that `broadsheet predict --input INPUT.jsonl` wrote, within 1e-5.
    load_exported.py end_to_end BROADSHEET TOKENIZE_LINES
        Makes a tiny random BERT and a small corpus, prepares, trains five steps on two ranks for each task, predicts,
        exports, and checks all of it; token ids too. The same with a tiny random GPT-2 on byte-level BPE. Then with
        an adapter on each: peft loads what the run wrote, and its export with --merge-adapters is a whole model.
"""

import json
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import torch
from peft import AutoPeftModelForSequenceClassification, PeftModel
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForPreTraining,
    GPT2Config,
    GPT2LMHeadModel,
)

TOLERANCE = 1e-5
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def load(model_class, folder):
    model, info = model_class.from_pretrained(str(folder), output_loading_info=True)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[what], f"{folder}: {what}: {info[what]}"
    return model.eval()


def read_jsonl(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def check_predictions(folder, inputs, predictions, text_field="text", max_length=128):
    """Compares `broadsheet predict` with AutoModelForSequenceClassification; returns the largest difference."""
    model = load(AutoModelForSequenceClassification, folder)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    assert len(inputs) == len(predictions), (len(inputs), len(predictions))
    largest = 0.0
    for i, (document, prediction) in enumerate(zip(inputs, predictions)):
        assert prediction.get("id", prediction.get("line")) == document.get("id", i + 1), (document, prediction)
        encoded = tokenizer(document[text_field], truncation=True, max_length=max_length, return_tensors="pt")
        with torch.no_grad():
            logits = model(**encoded).logits[0].double()
        if "score" in prediction:
            difference = abs(float(logits[0]) - prediction["score"])
        else:
            wanted = torch.softmax(logits, -1)
            names = [model.config.id2label[k] for k in range(len(wanted))]
            assert set(names) == set(prediction["probabilities"]), (names, prediction)
            difference = max(abs(float(p) - prediction["probabilities"][name]) for name, p in zip(names, wanted))
            ordered = sorted(wanted.tolist())
            if ordered[-1] - ordered[-2] > 2 * TOLERANCE:
                assert prediction["label"] == names[int(wanted.argmax())], (document, prediction)
        assert difference <= TOLERANCE, f"{document}: {prediction}: differs by {difference}"
        largest = max(largest, difference)
    return largest


def check_ids(tokenize_lines, folder, texts):
    blob = b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)
    done = subprocess.run([tokenize_lines, str(folder), "encode"], input=blob, stdout=subprocess.PIPE, check=True)
    ours = [[int(i) for i in line.split()] for line in done.stdout.decode().split("\n")[:-1]]
    theirs = AutoTokenizer.from_pretrained(str(folder))(texts, add_special_tokens=False)["input_ids"]
    assert ours == theirs


WORDS = {"negative": "tax crisis fails war deficit loss scandal".split(),
         "neutral": "committee meets tuesday report city figures hall".split(),
         "positive": "museum opens children win peace growth festival".split()}


def make_documents(count):
    rng = random.Random(7)
    documents = []
    for i in range(count):
        label = rng.choice(sorted(WORDS))
        words = [rng.choice(WORDS[label] if rng.random() < 0.6 else ["the", "of", "Été", "新闻", "on"])
                 for _ in range(rng.randint(3, 40))]
        score = {"negative": -1, "neutral": 0, "positive": 1}[label] + round(rng.gauss(0, 0.2), 3)
        text = " ".join(words) + f" {i}."
        documents.append(with_words({"id": f"d{i}", "text": text, "begin": text[:20], "mood": label, "rating": score}))
    return documents


def with_words(document):
    """A tag for each word of the text, so that there is something to learn."""
    words = document["text"].split()
    return document | {"words": words, "tags": [("O", "B-X", "I-X")[len(word) % 3] for word in words]}


def make_model(folder, texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL))
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 64, "pad_token": "[PAD]",
         "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}))
    torch.manual_seed(3)
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2,
                        num_attention_heads=4, intermediate_size=64, max_position_embeddings=64, initializer_range=0.1)
    BertForPreTraining(config).save_pretrained(folder)


END = "<|endoftext|>"


def make_gpt2(folder, texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=400, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 64, "bos_token": END, "eos_token": END,
         "unk_token": END}))
    torch.manual_seed(4)
    end = tokenizer.token_to_id(END)
    GPT2LMHeadModel(GPT2Config(vocab_size=tokenizer.get_vocab_size(), n_embd=32, n_layer=2, n_head=4, n_positions=64,
                               initializer_range=0.1, bos_token_id=end, eos_token_id=end)).save_pretrained(folder)


def check_causal_lm(folder, documents, predictions, max_length):
    """The loss of each text as transformers computes it from the text's tokens and, where they fit, the end's."""
    model, tokenizer = load(AutoModelForCausalLM, folder), AutoTokenizer.from_pretrained(str(folder))
    assert model.lm_head.weight.data_ptr() == model.transformer.wte.weight.data_ptr()
    largest = 0.0
    for document, prediction in zip(documents, predictions, strict=True):
        ids = tokenizer(document["text"])["input_ids"]
        ids = ids[:max_length - 2] if len(ids) > max_length - 2 else ids + [tokenizer.eos_token_id]
        ids = torch.tensor([ids])
        with torch.no_grad():
            loss = float(model(ids, labels=ids).loss)
            difference = abs(loss - prediction["loss"])
        # Every character of a token in the byte alphabet is a byte.
        size = sum(len(token) for token in tokenizer.convert_ids_to_tokens(ids[0, 1:]) if token != END)
        bits = loss * (ids.shape[1] - 1) / math.log(2) / size
        assert abs(bits - prediction["bits_per_byte"]) <= TOLERANCE * 2, f"{document}: {bits} {prediction}"
        assert prediction["predicted_tokens"] == ids.shape[1] - 1, (document, prediction)
        assert difference <= TOLERANCE, f"{document}: {prediction}: differs by {difference}"
        largest = max(largest, difference)
    return largest


def check_generation(folder, documents, written):
    """The texts that generate() of transformers writes behind the same prompts: greedily and with beams."""
    model, tokenizer = load(AutoModelForCausalLM, folder), AutoTokenizer.from_pretrained(str(folder))
    different = set()
    for options, lines in written:
        for document, line in zip(documents[:50], lines[:50], strict=True):
            ids = [tokenizer(text)["input_ids"] for text in (document["begin"], " :")]
            prompt = torch.tensor([ids[0] + ids[1]])
            with torch.no_grad():
                text = model.generate(prompt, do_sample=False, max_new_tokens=8, pad_token_id=tokenizer.eos_token_id,
                                      **options)[0, prompt.shape[1]:]
            assert line["tokens"] == int((text != tokenizer.eos_token_id).sum()), (options, document, line, text)
            assert line["text"] == tokenizer.decode(text, skip_special_tokens=True), (options, document, line)
            different.add(line["text"])
    assert len(different) > 10, different
    return len(different)


def check_tagging(folder, documents, lines, max_length):
    """The tag that transformers gives to the first token of each word; O to words that were cut away."""
    model, tokenizer = load(AutoModelForTokenClassification, folder), AutoTokenizer.from_pretrained(str(folder))
    by_id, words = {document["id"]: document for document in documents}, 0
    for line in lines:
        document, wanted, end = by_id[line["id"]], [], 0
        encoded = tokenizer(document["text"], truncation=True, max_length=max_length, return_offsets_mapping=True,
                            return_tensors="pt")
        offsets = encoded.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            best = model(**encoded).logits[0].argmax(-1).tolist()
        for word in document["words"]:
            begin = document["text"].index(word, end)
            end = begin + len(word)
            row = next((row for row, (first, last) in enumerate(offsets) if last > begin and last > first), None)
            wanted.append("O" if row is None else model.config.id2label[best[row]])
        assert line["tags"] == wanted, (document, line, wanted)
        assert line["truth"] == document["tags"], (document, line)
        words += len(wanted)
    assert words > 500 and len({tag for line in lines for tag in line["tags"]}) > 1
    return words


CORPUS = """
schema: 1
kind: corpus
name: moods
output: tiny-corpus
tokenizer: tiny
sources: [{files: moods.jsonl, format: jsonl, licence: none, origin: made by a test}]
fields:
  id: {from: id, kind: id}
  text: {from: text, kind: text}
  begin: {from: begin, kind: text}
  mood: {from: mood, kind: label}
  rating: {from: rating, kind: score}
  words: {kind: list}
  tags: {kind: tags, values: [O, B-X, I-X]}
split: {by: hash, validation: 0.15, test: 0.15, seed: 1}
"""
TASKS = {"classification": "{kind: classification, text: text, label: mood}",
         "calibrated": "{kind: classification, text: text, label: mood, calibration: temperature}",
         "regression": "{kind: regression, text: text, score: rating}",
         "tagging": "{kind: tagging, text: text, words: words, tags: tags}",
         "masked_lm": "{kind: masked_lm, text: text}"}


GPT2_TASKS = {"causal_lm": "{kind: causal_lm, text: text}",
              "generation": "{kind: generation, prompt: '{begin} :', target: text, max_new_tokens: 8}",
              **{k: TASKS[k] for k in ("classification", "calibrated", "regression", "tagging")}}


def run_yaml(task, model="tiny"):
    return f"""
schema: 1
kind: run
name: {model}-{task}
model: {{from: {model}}}
task: {(TASKS | GPT2_TASKS)[task]}
data: {{corpus: {model}-corpus, max_length: 48}}
train: {{max_steps: 5, global_batch_size: 16, micro_batch_size: 4, learning_rate: 5e-3}}
validation: {{every_steps: 5, metric: {"mse" if task == "regression" else "loss"}}}
launch: {{ranks: 2}}
"""


def end_to_end(broadsheet, tokenize_lines):
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                   "OMPI_MCA_rmaps_base_oversubscribe": "1"}
    documents = make_documents(200)
    texts = [d["text"] for d in documents]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        call = lambda *arguments: subprocess.run([broadsheet, *arguments], cwd=folder, env=environment, check=True)
        make_model(folder / "tiny", texts)
        (folder / "moods.jsonl").write_text("".join(json.dumps(d, ensure_ascii=False) + "\n" for d in documents),
                                            encoding="utf-8")
        make_gpt2(folder / "gpt2", texts)
        for model, tasks in (("tiny", TASKS), ("gpt2", GPT2_TASKS)):
            (folder / f"{model}.yaml").write_text(CORPUS.replace("tiny", model))
            call("prepare", f"{model}.yaml")
            for task in tasks:
                check_task(call, tokenize_lines, folder, model, task, documents)
            check_adapter(call, folder, model, documents)


def check_task(call, tokenize_lines, folder, model, task, documents):
    name = f"{model}-{task}"
    (folder / f"{name}.yaml").write_text(run_yaml(task, model))
    call("train", f"{name}.yaml")
    call("export", f"runs/{name}", "--out", f"exported-{name}")
    for written in (folder / "runs" / name / "model", folder / f"exported-{name}"):
        check_ids(tokenize_lines, written, [d["text"] for d in documents])
        if task == "masked_lm":
            check_masked_lm(folder / model, written)
            continue
        described = json.loads((written / "broadsheet.json").read_text(encoding="utf-8"))
        assert ("temperature" in described) == (task == "calibrated"), described
        output = folder / f"{name}.jsonl"
        if task == "tagging":
            call("evaluate", str(written), "--corpus", f"{model}-corpus", "--split", "train", "--predictions", str(output))
            longest = 46 if model == "gpt2" else 48  # as below
            words = check_tagging(written, documents, read_jsonl(output), longest)
            print(f"{name}: the tags of {words} words of {written.name}")
            output.unlink()
            continue
        if task == "generation":
            lines = []
            for options in ({}, {"num_beams": 3}, {"num_beams": 2, "length_penalty": 0.3}, {"repetition_penalty": 1.4}):
                flags = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", str(value))]
                call("generate", str(written), "--input", "moods.jsonl", "--output", str(output), "--threads", "1", *flags)
                lines.append((options, read_jsonl(output)))
            print(f"{name}: {check_generation(written, documents, lines)} different texts of {written.name}")
            continue
        call("predict", str(written), "--input", "moods.jsonl", "--output", str(output), "--threads", "1")
        check = check_causal_lm if task == "causal_lm" else check_predictions
        # Room for two special tokens is kept also where a text has none.
        longest = 46 if check is check_predictions and model == "gpt2" else 48
        largest = check(written, documents, read_jsonl(output), max_length=longest)
        print(f"{name}: {len(documents)} predictions of {written.name}, largest difference {largest:.1e}")
        output.unlink()


def check_adapter(call, folder, model, documents):
    """The adapter in peft, by hand and by its Auto class, and merged by us, against `predict`."""
    name = f"{model}-lora"
    (folder / f"{name}.yaml").write_text(
        run_yaml("classification", model).replace(f"name: {model}-classification", f"name: {name}") +
        "adapter: {kind: lora, r: 4, lora_alpha: 16, target_modules: all-linear}\n")
    call("train", f"{name}.yaml")
    written, merged, output = folder / "runs" / name / "model", folder / f"merged-{name}", folder / f"{name}.jsonl"
    call("export", f"runs/{name}", "--merge-adapters", "--out", str(merged))
    call("predict", str(written), "--input", "moods.jsonl", "--output", str(output), "--threads", "1")
    tokenizer = AutoTokenizer.from_pretrained(str(written))
    base = AutoModelForSequenceClassification.from_pretrained(str(folder / model), num_labels=3)
    base.config.pad_token_id = tokenizer.pad_token_id or 0
    models = {"PeftModel": PeftModel.from_pretrained(base, str(written)),
              "AutoPeftModel": AutoPeftModelForSequenceClassification.from_pretrained(str(written), num_labels=3),
              "transformers": AutoModelForSequenceClassification.from_pretrained(str(written), num_labels=3),
              "merged": load(AutoModelForSequenceClassification, merged)}
    longest = 46 if model == "gpt2" else 48
    names = json.loads((written / "broadsheet.json").read_text())["config"]["id2label"]
    for kind, loaded in models.items():
        loaded.eval()
        largest = 0.0
        for document, prediction in zip(documents, read_jsonl(output), strict=True):
            encoded = tokenizer(document["text"], truncation=True, max_length=longest, return_tensors="pt")
            with torch.no_grad():
                wanted = torch.softmax(loaded(**encoded).logits[0].double(), -1)
            for k, p in enumerate(wanted):
                largest = max(largest, abs(float(p) - prediction["probabilities"][names[str(k)]]))
        assert largest <= TOLERANCE, f"{name}: {kind}: differs by {largest}"
        print(f"{name}: {len(documents)} predictions of {kind}, largest difference {largest:.1e}")


def check_masked_lm(before, after):
    """Loads whole, still ties its decoder to the embeddings, and has been trained."""
    start, end = load_any(AutoModelForMaskedLM, before), load(AutoModelForMaskedLM, after)
    assert end.cls.predictions.decoder.weight.data_ptr() == end.bert.embeddings.word_embeddings.weight.data_ptr()
    moved = max(float((a - b).detach().abs().max()) for a, b in zip(start.parameters(), end.parameters()))
    assert 0 < moved < 0.1, moved
    print(f"masked_lm: {after.name} loads; five steps moved a weight by at most {moved:.1e}")


def load_any(model_class, folder):
    return model_class.from_pretrained(str(folder)).eval()


def main(arguments):
    if arguments[:1] == ["end_to_end"] and len(arguments) == 3:
        end_to_end(os.path.abspath(arguments[1]), os.path.abspath(arguments[2]))
        return
    if arguments[:1] == ["check"] and len(arguments) >= 4:
        options = dict(zip(arguments[4::2], arguments[5::2]))
        largest = check_predictions(arguments[1], read_jsonl(arguments[2]), read_jsonl(arguments[3]),
                                    options.get("--text", "text"), int(options.get("--max-length", 128)))
        print(f"largest difference {largest:.1e}")
        return
    sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
