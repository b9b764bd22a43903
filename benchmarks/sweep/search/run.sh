#!/bin/sh
# run.sh BUILD OUT [SEEDS]: our search and Optuna's, side by side; about half an hour. Ends with summarize.py's tables.
set -eu
build=$1 out=$2 seeds=${3:-50}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
functions=$build/tests/peers/search_functions
table=$build/tests/peers/search_table
mkdir -p "$out"
"$python" "$here/optuna_functions.py" check "$functions"
for name in branin hartmann6 rosenbrock5 ackley5 rastrigin5 levy5 styblinski_tang5 func2c jenatton mixed; do
  for method in random tpe; do "$functions" $name $method "$seeds" 100 >"$out/$name.$method.functions.jsonl"; done
  for sampler in default independent; do
    "$python" "$here/optuna_functions.py" $name $sampler "$seeds" 100 >"$out/$name.optuna-$sampler.functions.jsonl"
  done
done
"$python" "$here/optuna_functions.py" jenatton group "$seeds" 100 >"$out/jenatton.optuna-group.functions.jsonl"
[ -f "$out/digits.json" ] || "$python" "$here/make_table.py" "$out/digits.json"
for rule in none asha; do "$table" "$out/digits.json" $rule 54 135 270 540 >"$out/$rule.table.jsonl"; done
"$python" "$here/optuna_table.py" "$out/digits.json" 54 135 270 540 >"$out/optuna.table.jsonl"
for trials in 300 1000 10000; do
  "$functions" overhead tpe $trials >"$out/tpe.$trials.overhead.jsonl"
  for storage in memory journal sqlite; do
    [ $storage$trials != sqlite10000 ] || continue
    "$python" "$here/optuna_overhead.py" $storage $trials >"$out/$storage.$trials.overhead.jsonl"
  done
done
"$python" "$here/summarize.py" "$out"
