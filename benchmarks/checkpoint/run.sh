#!/bin/sh
# What a checkpoint costs training, ours and PyTorch's two ways, in turn:
#   benchmarks/checkpoint/run.sh [ROUNDS [THREADS [EVERY]]]        5 rounds, 2 threads, 24 steps from save to save
# A round is one process of each side: MiniLM's masked-word training with all weights trained, 512 tokens a step, two
# saves of 274 MB to the same disk. With THREADS 1 a core is left for the writers. About five minutes on two cores.
#   SIDES="ours-1 ours-2 torch_save dcp dcp_kept dcp_overlap"    other sides, see torch_saves.py
set -eu
cd "$(dirname -- "$0")/../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/checkpoint
out=$PWD/runs/checkpoint
rounds=${1:-5}
threads=${2:-2}
sides=${SIDES:-ours-1 torch_save dcp}
every=${3:-24}
saves=2
steps=$((every * (saves + 1)))
[ -x "$python" ] || { echo "$python is not there; run ./dev peers" >&2; exit 2; }
for needed in "$broadsheet" models/minilm/model.safetensors; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done
rm -rf "$out"
mkdir -p "$out"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
benchmarks/equal_steps/prepare.sh
"$python" benchmarks/measure/probe.py "$out"

ours() {
  per_rank=$((threads > $1 ? threads / $1 : 1))
  OMP_NUM_THREADS=$per_rank python3 $here/ours.py "$out/run" "$2" "$out/run.log" \
    "$broadsheet" train benchmarks/equal_steps/run.yaml --run-dir "$out/run" --ranks "$1" \
    --set launch.threads_per_rank=$per_rank --set train.max_steps=$steps --set checkpoints.every_steps="$every"
}

round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round of $rounds, $threads threads"
  for side in $sides; do
    case $side in
      ours-*) ours "${side#ours-}" "$out/$side-$round.json" ;;
      *) OMP_NUM_THREADS=$threads "$python" $here/torch_saves.py models/minilm "$side" $steps "$every" "$out/run" \
           "$out/$side-$round.json" >"$out/run.log" 2>&1 || { cat "$out/run.log" >&2; exit 1; } ;;
    esac
    rm -rf "$out/run"
    sync
  done
  round=$((round + 1))
done
"$python" benchmarks/measure/probe.py "$out"
# shellcheck disable=SC2086
python3 $here/summarize.py "$out" "$rounds" $every $sides
