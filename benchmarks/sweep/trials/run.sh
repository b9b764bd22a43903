#!/bin/sh
# run.sh [SEEDS [LIMIT [VARIANT...]]]: time to the best score of 32 random trials, ours and the peer's sweep in turn.
# 5 seeds; a sweep is ended after LIMIT seconds, 14400 unless given; VARIANT: cost frozen pruned full, all unless given.
# Needs ./dev quickstart and ./dev peers. With all variants and seeds: days of two cores, most of them the peer's.
set -eu
cd "$(dirname -- "$0")/../../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/sweep/trials
out=$PWD/runs/sweep
seeds=${1:-5} limit=${2:-14400}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift
[ $# -gt 0 ] || set -- cost frozen pruned full
[ -x "$python" ] || { echo "$python is not there; run ./dev peers" >&2; exit 2; }
for needed in "$broadsheet" models/minilm/model.safetensors; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done
mkdir -p "$out"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
"$broadsheet" prepare examples/editorials/corpus.yaml

# SIDE SWEEP METHOD SEED TRIALS TARGET FOLDER
measure() {
  rm -rf "${out:?}/$7" "$out/$7.json"
  # A trunk that an earlier sweep has computed is not this one's.
  rm -rf corpora/editorials/features
  "$python" $here/measure.py "$1" "$2" "$3" "$4" "$5" "$6" "$limit" "$out/$7"
  "$python" $here/score_test.py "$out/$7"
}

# VARIANT: the best of 32 random trials that nothing ends early; of ours, for both sides.
target_of() {
  whole=$1
  [ "$1" != pruned ] || whole=full
  [ -f "$out/target-$whole.json" ] || measure ours "$whole" random 101 32 none "target-$whole" >&2
  "$python" -c 'import json, sys; print(max(one["value"] for one in json.load(open(sys.argv[1]))["values"]))' \
    "$out/target-$whole.json"
}

for variant in "$@"; do
  if [ "$variant" = cost ]; then method=random trials=2 target=none; else method=tpe trials=32 target=$(target_of "$variant"); fi
  for seed in $(seq "$seeds"); do
    # Who begins changes from seed to seed.
    sides='ours peer'
    [ $((seed % 2)) = 0 ] || sides='peer ours'
    for side in $sides; do
      measure "$side" "$variant" $method "$seed" $trials "$target" "$variant-$side-$seed"
    done
  done
done
"$python" $here/summarize.py "$out"
