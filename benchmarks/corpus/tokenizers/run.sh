#!/bin/sh
# run.sh BUILD OUT [ROUNDS [PART]]: our tokenizer and others in turn, each in a fresh process; then summarize.py's table.
# PART: of so many texts one takes part. KINDS in the environment: not all tokenizers, such as KINDS=gpt2.
# nanotoken and gigatoken take part in one round where they are in OUT/packages (pip install --no-deps --target).
set -eu
build=$1 out=$2 rounds=${3:-5} part=${4:-1}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
ours=$build/tests/peers/tokenize_texts
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$out/packages"
[ -f "$out/bpe-chinese/tokenizer.json" ] || "$python" "$here/make_texts.py" "$out" "$part"
: >"$out/runs.jsonl"

# one KIND LANGUAGE THREADS ROUND COMMAND...: a run's line, with what it was.
one() {
  kind=$1 language=$2 threads=$3 round=$4
  shift 4
  line=$("$@" "$out/$kind-$language" "$out/$language.txt" "$threads") || return 1
  printf '{"kind": "%s", "language": "%s", "threads": %s, "round": %s, %s\n' \
    "$kind" "$language" "$threads" "$round" "${line#\{}" >>"$out/runs.jsonl"
}

for kind in ${KINDS:-wordpiece bpe gpt2}; do
  for language in english chinese; do
    for threads in 1 2; do
      for round in $(seq "$rounds"); do
        one "$kind" "$language" "$threads" "$round" "$ours"
        one "$kind" "$language" "$threads" "$round" "$python" "$here/peers.py" tokenizers
      done
    done
    package=nanotoken
    [ "$kind" = wordpiece ] || package=gigatoken
    [ ! -d "$out/packages/$package" ] || one "$kind" "$language" 1 1 "$python" "$here/peers.py" "$package"
  done
done
"$python" "$here/summarize.py" "$out"
