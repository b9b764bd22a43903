#!/bin/sh
# run.sh BROADSHEET TEXT OUT [ROUNDS]: `broadsheet tokenizer` with one rank and the trainers of `tokenizers` with one thread,
# in turn, each in a fresh process, on a text a line; then the table. Fails where a BPE's merges differ.
set -eu
program=$1 text=$(realpath "$2") out=$3 rounds=${4:-3}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
export PYTHONDONTWRITEBYTECODE=1 RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
mkdir -p "$out"
: >"$out/runs.jsonl"
cat >"$out/corpus.yaml" <<EOF
schema: 1
kind: corpus
name: text
output: corpus
tokenizer: tokenizer
sources: [{files: $text, format: text}]
fields: {text: {from: text, kind: text}}
EOF
for kind in wordpiece bpe; do
  for _ in $(seq "$rounds"); do
    "$python" "$here/measure.py" ours $kind "$out" "$program" tokenizer "$out/corpus.yaml" --kind $kind --vocab-size 30000 \
      --ranks 1 --replace --output "$out/ours-$kind"
    "$python" "$here/measure.py" tokenizers $kind "$out" "$python" "$here/peer.py" $kind 30000 "$text" "$out/theirs-$kind.json"
  done
done
"$python" "$here/measure.py" summary "$out" "$text"
