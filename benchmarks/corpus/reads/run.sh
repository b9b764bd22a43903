#!/bin/sh
# run.sh BUILD OUT CORPUS MODEL [ROUNDS]: our loader and torch's DataLoader over a `datasets` table of the same texts, in
# turn, each in a fresh process; then the table. CORPUS has a field "text". Wants `datasets` in OUT/packages:
#   pip install --no-deps --target OUT/packages datasets==5.2.0 pyarrow==26.0.1 dill==0.4.1 multiprocess==0.70.19 \
#     pandas==3.1.1 python_dateutil==4.0.0 pytz==2026.6 tzdata==2026.6 fsspec==2026.9.0 six==1.17.0
set -eu
build=$1 out=$2 corpus=$3 model=$4 rounds=${5:-5}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$out/packages" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
mkdir -p "$out"
[ -d "$out/table" ] || "$python" "$here/peer.py" table "$corpus" "$out/table"
: >"$out/runs.jsonl"
for _ in $(seq "$rounds"); do
  "$build/tests/peers/read_batches" "$corpus" "$model" text 32 20000 >>"$out/runs.jsonl"
  for workers in 0 1; do "$python" "$here/peer.py" read "$out/table" "$model" 32 400 "$workers" >>"$out/runs.jsonl"; done
done
"$python" - "$out/runs.jsonl" <<'END'
import json, statistics, sys
runs = {}
for line in open(sys.argv[1]):
    run = json.loads(line)
    runs.setdefault(run["who"], []).append(run)
ours = runs["ours"]
print(f"{'':24} {'samples/s':>12} {'first batch, ms':>16} {'ratio':>8}  least to most")
for who, mine in runs.items():
    rates = [run["samples"] / run["seconds"] for run in mine]
    ratios = sorted(a["samples"] / a["seconds"] / rate for a, rate in zip(ours, rates))
    first = statistics.median(run["first_batch"] for run in mine)
    print(f"{who:24} {statistics.median(rates):12,.0f} {1000 * first:16.2f} {statistics.median(ratios):8.1f}  "
          f"{ratios[0]:.1f} to {ratios[-1]:.1f}")
END
