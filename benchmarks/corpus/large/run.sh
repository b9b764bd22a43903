#!/bin/sh
# run.sh BUILD OUT MODEL [GIGABYTES]: `prepare` of real texts, tiled to that size with seeded variation, with one process and
# with two: seconds and rates by stage, peak memory of each process, share of the disk's own rate. OUT needs four times
# the size; what is made there is removed at the end.
set -eu
build=$1 out=$2 model=$3 gigabytes=${4:-10}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$out"
trap 'rm -rf "$out/base.jsonl" "$out/documents.jsonl" "$out/corpus" "$out/.corpus.preparing"' EXIT
"$python" "$here/../make_documents.py" "$out/base.jsonl" 20
"$python" "$here/tile.py" "$out/base.jsonl" "$out/documents.jsonl" "$gigabytes"
cat >"$out/corpus.yaml" <<END
schema: 1
kind: corpus
name: large
output: corpus
tokenizer: $(cd "$model" && pwd)
sources:
  - {files: documents.jsonl, format: jsonl, licence: none, origin: tile.py}
fields:
  id: {kind: id}
  text: {kind: text}
END
for ranks in 1 2; do
  rm -rf "$out/corpus"
  echo "$ranks processes:"
  "$python" "$here/watch.py" "$(wc -c <"$out/documents.jsonl")" "$out/corpus" \
    "$build/launcher/broadsheet" prepare "$out/corpus.yaml" --ranks "$ranks"
done
