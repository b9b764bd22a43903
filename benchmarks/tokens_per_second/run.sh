#!/bin/sh
# Real tokens per second in training, ours and HF Trainer's, in turn:
#   benchmarks/tokens_per_second/run.sh [ROUNDS [STEPS]]        5 rounds of 60 steps unless given
# A round is: broadsheet, HF Trainer, HF Trainer with group_by_length; same corpus, batch size and two cores each.
# Prints the median rate of each, and the median and range of the ratios within a round.
set -eu
cd "$(dirname -- "$0")/../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/tokens_per_second
out=$PWD/runs/tokens_per_second
rounds=${1:-5}
steps=${2:-60}
[ -x "$python" ] || { echo "$python is not there; run ./dev peers" >&2; exit 2; }
for needed in "$broadsheet" models/minilm/model.safetensors; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done
rm -rf "$out"
mkdir -p "$out"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
"$broadsheet" prepare examples/editorials/corpus.yaml
round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round of $rounds"
  OMP_NUM_THREADS=1 "$broadsheet" train examples/editorials/sentiment.yaml --ranks 2 --set "train.max_steps=$steps" \
    --run-dir "$out/ours-$round" >"$out/ours-$round.log" 2>&1 || { cat "$out/ours-$round.log" >&2; exit 1; }
  for sampling in random group_by_length; do
    OMP_NUM_THREADS=2 "$python" $here/hf_steps.py "$out/ours-$round/run.yaml" "$steps" $sampling \
      "$out/$sampling-$round.json" >"$out/$sampling-$round.log" 2>&1 || { cat "$out/$sampling-$round.log" >&2; exit 1; }
  done
  round=$((round + 1))
done
"$python" $here/summarize.py "$out" "$rounds"
