#!/bin/sh
# run.sh BUILD OUT MODEL [ROUNDS [EXAMPLES]]: seconds to the first batch of a shuffled corpus of 10^8 examples, at the start
# and in the middle of an epoch: ours (from opening the corpus to a packed, masked batch) and torch's RandomSampler (from its
# construction to a batch of numbers, no corpus at all), in turn, in fresh processes.
set -eu
build=$1 out=$2 model=$3 rounds=${4:-3} examples=${5:-100000000}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
export PYTHONDONTWRITEBYTECODE=1
middle=$((examples / 64))
[ -f "$out/corpus/corpus.json" ] || "$python" "$here/make_corpus.py" "$build/launcher/broadsheet" "$model" "$out" "$examples"
: >"$out/runs.jsonl"
for _ in $(seq "$rounds"); do
  for first in 0 "$middle"; do
    line=$("$build/tests/peers/read_batches" "$out/corpus" "$model" text 32 1 "$first")
    echo "{\"first_step\": $first, ${line#\{}" | tee -a "$out/runs.jsonl"
    "$python" "$here/peer.py" "$examples" 32 "$first" | tee -a "$out/runs.jsonl"
  done
done
"$python" - "$out/runs.jsonl" <<'END'
import json, statistics, sys
runs = {}
for line in open(sys.argv[1]):
    run = json.loads(line)
    runs.setdefault((run["who"], "start" if run["first_step"] == 0 else "middle"), []).append(run)
for (who, where), mine in runs.items():
    parts = [[1000 * run[name] for run in mine] for name in ("open", "first_batch")]
    print(f"{who:14} {where:7}", *(f"{name} {statistics.median(ms):,.1f} ms [{min(ms):,.1f}, {max(ms):,.1f}]"
                                   for name, ms in zip(("open", "first batch"), parts)))
END
