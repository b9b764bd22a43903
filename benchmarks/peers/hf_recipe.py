"""A Broadsheet run's recipe for HF Trainer: the same corpus, token ids, split and hyperparameters.

Reads the resolved run.yaml and the corpus's HDF5 shards (docs/corpus_format.md); classification only.
"""

import json
import pathlib
import time

import h5py
import numpy
import torch
import yaml
from transformers import AutoModelForSequenceClassification, Trainer, TrainerCallback, TrainingArguments, set_seed


class Corpus:
    """One split as a list of {"input_ids": [CLS] text [SEP], "labels"}."""

    def __init__(self, folder, split, text, label, max_length, cls, sep):
        self.folder = pathlib.Path(folder)
        manifest = json.loads((self.folder / "corpus.json").read_text())
        fields = {field["name"]: field for field in manifest["fields"]}
        self.classes = fields[label]["classes"]
        self.examples = []
        for shard in manifest["splits"][split]["shards"]:
            with h5py.File(self.folder / shard["file"], "r", locking=False) as file:
                offsets = file[f"fields/{text}/offsets"][:]
                tokens = file[f"fields/{text}/tokens"][:]
                labels = file[f"fields/{label}/values"][:]
            for i in range(len(labels)):
                ids = tokens[offsets[i]:min(offsets[i + 1], offsets[i] + max_length - 2)].tolist()
                self.examples.append({"input_ids": [cls, *ids, sep], "labels": int(labels[i])})

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, i):
        return self.examples[i]


def collate(examples):
    """The usual dynamic padding: to the longest of the batch."""
    width = max(len(e["input_ids"]) for e in examples)
    ids = torch.zeros(len(examples), width, dtype=torch.long)
    mask = torch.zeros(len(examples), width, dtype=torch.long)
    for row, example in enumerate(examples):
        length = len(example["input_ids"])
        ids[row, :length] = torch.tensor(example["input_ids"])
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([e["labels"] for e in examples])}


def scores(prediction):
    """Accuracy and macro-F1 over the classes that occur among labels or answers."""
    guess, truth = numpy.argmax(prediction.predictions, -1), prediction.label_ids
    f1 = []
    for c in sorted(set(guess) | set(truth)):
        hits = numpy.sum((guess == c) & (truth == c))
        f1.append(2 * hits / (numpy.sum(guess == c) + numpy.sum(truth == c)))
    return {"accuracy": float(numpy.mean(guess == truth)), "macro_f1": float(numpy.mean(f1))}


class StepClock(TrainerCallback):
    """(seconds, real tokens) of each optimizer step, fetching and padding the batch included."""

    def __init__(self):
        self.records = []
        self.tokens = 0
        self.last = None

    def on_train_begin(self, args, state, control, **kwargs):
        self.last = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        now = time.perf_counter()
        self.records.append((now - self.last, self.tokens))
        self.last, self.tokens = now, 0


class CountingTrainer(Trainer):
    clock = None

    def training_step(self, model, inputs, *rest, **named):
        if self.clock:
            self.clock.tokens += int(inputs["attention_mask"].sum())
        return super().training_step(model, inputs, *rest, **named)


def special_ids(model_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    return tokenizer.cls_token_id, tokenizer.sep_token_id


def validation_options(validation, epochs):
    """The best weights by validation, or the last ones where the run validates at its end only."""
    if validation["every_epochs"] >= epochs:
        return dict(eval_strategy="no", save_strategy="epoch", save_total_limit=1)
    assert validation["every_epochs"] == 1, validation
    return dict(eval_strategy="epoch", save_strategy="epoch", save_total_limit=1, load_best_model_at_end=True,
                metric_for_best_model=validation["metric"], greater_is_better=True)


def make_trainer(run_yaml, output, seed, model_options=None, **overrides):
    """A Trainer with the run's hyperparameters, and its test split.

    `model_options` go to the model's configuration, `overrides` to TrainingArguments.
    """
    run = yaml.safe_load(pathlib.Path(run_yaml).read_text())
    task, train, data = run["task"], run["train"], run["data"]
    assert task["kind"] == "classification" and train["optim"] == "adamw", (task, train)
    set_seed(seed)
    cls, sep = special_ids(run["model"]["from"])
    split = lambda name: Corpus(data["corpus"], name, task["text"], task["label"], data["max_length"], cls, sep)
    splits = {name: split(name) for name in ("train", "validation", "test")}
    model = AutoModelForSequenceClassification.from_pretrained(
        run["model"]["from"], num_labels=len(splits["train"].classes), **(model_options or {}))
    options = dict(
        output_dir=str(output), seed=seed, use_cpu=True, report_to="none", disable_tqdm=True,
        num_train_epochs=train["num_train_epochs"], per_device_train_batch_size=train["global_batch_size"],
        per_device_eval_batch_size=train["global_batch_size"], learning_rate=float(train["learning_rate"]),
        adam_beta1=train["adam_beta1"], adam_beta2=train["adam_beta2"], adam_epsilon=float(train["adam_epsilon"]),
        weight_decay=train["weight_decay"], lr_scheduler_type=train["lr_scheduler_type"],
        warmup_steps=train["warmup_steps"], max_grad_norm=train["max_grad_norm"],
        logging_strategy="no", **validation_options(run["validation"], train["num_train_epochs"]))
    options.update(overrides)
    trainer = CountingTrainer(model=model, args=TrainingArguments(**options), train_dataset=splits["train"],
                              eval_dataset=splits["validation"], data_collator=collate, compute_metrics=scores)
    return trainer, splits["test"]
