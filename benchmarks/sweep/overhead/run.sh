#!/bin/sh
# run.sh BUILD OUT [ROUNDS]: what the sweep's driver costs per trial, ours and Optuna's in turn; about ten minutes.
# OUT must be on the disk whose syncs are to count. Ends with summarize.py's table.
set -eu
build=$1 out=$2 rounds=${3:-3}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
case $build in /*) ;; *) build=$PWD/$build ;; esac
case $python in /*) ;; *) python=$PWD/$python ;; esac
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
mkdir -p "$out"
cd "$out"
for round in $(seq "$rounds"); do
  for trials in 0 300 1000 10000; do
    rm -rf ours
    mkdir ours
    "$build/tests/peers/driver_overhead" past "$here/../trials/full.yaml" $trials ours
    "$build/tests/peers/driver_overhead" measure "$here/../trials/full.yaml" $trials ours >>ours.jsonl
    [ $trials != 0 ] || continue
    for storage in journal sqlite; do "$python" "$here/optuna_overhead.py" $storage $trials >>$storage.jsonl; done
  done
  echo "round $round of $rounds"
done
"$python" "$here/summarize.py" .
