#!/usr/bin/env python3
"""Adds the best trial's macro-F1 on the test split to FOLDER.json.   score_test.py FOLDER, as measure.py left it"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "peers"))


def ours(folder, values):
    best = max((one for one in values if one["state"] == "done"), key=lambda one: one["value"])
    answer = subprocess.run([os.environ.get("BROADSHEET", "./broadsheet"), "evaluate",
                             f"{folder}/trials/{best['trial']:04}", "--split", "test", "--json"],
                            check=True, capture_output=True, text=True).stdout
    return json.loads(answer)["metrics"]["macro_f1"]


def peer(folder):
    import types

    import torch
    import yaml
    from transformers import AutoModelForSequenceClassification

    import hf_recipe

    run = yaml.safe_load((HERE / "run.yaml").read_text())
    corpus, start = (str((HERE / path).resolve()) for path in (run["data"]["corpus"], run["model"]["from"]))
    test = hf_recipe.Corpus(corpus, "test", run["task"]["text"], run["task"]["label"], run["data"]["max_length"],
                            *hf_recipe.special_ids(start))
    model = AutoModelForSequenceClassification.from_pretrained(folder / "best").eval()
    logits, labels = [], []
    with torch.no_grad():
        for begin in range(0, len(test), 32):
            batch = hf_recipe.collate([test[i] for i in range(begin, min(begin + 32, len(test)))])
            labels.append(batch.pop("labels"))
            logits.append(model(**batch).logits)
    return hf_recipe.scores(types.SimpleNamespace(predictions=torch.cat(logits).numpy(),
                                                  label_ids=torch.cat(labels).numpy()))["macro_f1"]


def main(folder):
    path = pathlib.Path(f"{folder}.json")
    result = json.loads(path.read_text())
    if not any(one["state"] == "done" for one in result["values"]):
        return
    result["test"] = ours(folder, result["values"]) if result["side"] == "ours" else peer(folder)
    path.write_text(json.dumps(result) + "\n")
    print(f"{folder.name}: test macro-F1 {result['test']:.4f}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
