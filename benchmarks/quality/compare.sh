#!/bin/sh
# The editorials' sentiment run and the same recipe by HF Trainer, several seeds of each, in turn:
#   benchmarks/quality/compare.sh [SEED...]        1 2 3 unless given
# Same corpus, split, token ids and hyperparameters; both use two cores: two ranks here, two threads there.
# Prints test macro-F1 (mean and spread) and the ratio of wall times. Results are kept in runs/quality/.
set -eu
cd "$(dirname -- "$0")/../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/quality
out=$PWD/runs/quality
[ $# -gt 0 ] || set -- 1 2 3
[ -x "$python" ] || { echo "$python is not there; run ./dev peers" >&2; exit 2; }
for needed in "$broadsheet" models/minilm/model.safetensors; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done
mkdir -p "$out"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
"$broadsheet" prepare examples/editorials/corpus.yaml
for seed in "$@"; do
  rm -rf "$out/ours-$seed" "$out/ours-$seed.json" "$out/trainer-$seed.json"
  begin=$(date +%s.%N)
  OMP_NUM_THREADS=1 "$broadsheet" train examples/editorials/sentiment.yaml --ranks 2 --set "seed=$seed" \
    --run-dir "$out/ours-$seed"
  end=$(date +%s.%N)
  "$python" $here/summarize.py record "$out/ours-$seed" "$seed" "$begin" "$end" "$out/ours-$seed.json"
  OMP_NUM_THREADS=2 "$python" $here/hf_trainer.py "$out/ours-$seed/run.yaml" "$seed" "$out/trainer-$seed.json"
done
"$python" $here/summarize.py table "$out" "$@"
