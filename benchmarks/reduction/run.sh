#!/bin/sh
# What train.reduction: consistent costs against fast, in turn, on one rank and on two:
#   benchmarks/reduction/run.sh [ROUNDS [STEPS]]        5 rounds of 25 steps unless given
# Masked words, 16 sentences of 64 tokens a step in micro-batches of 4, one thread for each rank. `auto` is fast with
# the usual micro-batches. Prints the time of a step and the peak memory of a rank.
set -eu
cd "$(dirname -- "$0")/../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/reduction
out=$PWD/runs/reduction
rounds=${1:-5}
steps=${2:-25}
for needed in "$broadsheet" models/minilm/model.safetensors; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done
rm -rf "$out"
mkdir -p "$out"
benchmarks/equal_steps/prepare.sh
[ ! -x "$python" ] || "$python" benchmarks/measure/probe.py "$out"
round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round of $rounds"
  for ranks in 1 2; do
    for side in auto fast consistent; do
      case $side in
        auto) reduction=fast micro=auto ;;
        *) reduction=$side micro=4 ;;
      esac
      run=$out/$side-$ranks-$round
      OMP_NUM_THREADS=1 python3 benchmarks/measure/peak_memory.py "$run.peak" "$broadsheet" train \
        benchmarks/equal_steps/run.yaml --ranks $ranks --set train.max_steps="$steps" --set train.global_batch_size=16 \
        --set train.micro_batch_size=$micro --set train.reduction=$reduction --run-dir "$run" \
        >"$run.log" 2>&1 || { cat "$run.log" >&2; exit 1; }
      mv "$run/timings.jsonl" "$run.timings"
      rm -rf "$run"
    done
  done
  round=$((round + 1))
done
python3 $here/summarize.py "$out" "$rounds"
