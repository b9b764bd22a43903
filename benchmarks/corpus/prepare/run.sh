#!/bin/sh
# run.sh BUILD OUT MODEL [ROUNDS [MEGABYTES]]: `broadsheet prepare` against datasets' load_dataset, map(num_proc=2) and
# save_to_disk with the same tokenizer on the same JSON lines, in turn, each with nothing cached; then the table. Both sides
# must have the same documents and tokens. Wants `datasets` in OUT/packages as ../reads/run.sh does.
set -eu
build=$1 out=$2 model=$3 rounds=${4:-3} megabytes=${5:-200}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
measure=$here/../../measure/tree_memory.py
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$out/packages" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
mkdir -p "$out"
source=$out/documents-$megabytes.jsonl
[ -f "$source" ] || "$python" "$here/../make_documents.py" "$source" "$megabytes"
cat >"$out/corpus.yaml" <<END
schema: 1
kind: corpus
name: documents
output: corpus
tokenizer: $(cd "$model" && pwd)
sources:
  - {files: $(basename "$source"), format: jsonl, licence: none, origin: make_documents.py}
fields:
  id: {kind: id}
  text: {kind: text}
END

# one WHO COMMAND...: a run's line in runs.jsonl.
one() {
  who=$1
  shift
  line=$("$python" "$measure" "$@" 2>"$out/$who.log") || { tail -5 "$out/$who.log" >&2; return 1; }
  printf '{"who": "%s", %s\n' "$who" "${line#\{}" | tee -a "$out/runs.jsonl"
}

: >"$out/runs.jsonl"
for _ in $(seq "$rounds"); do
  rm -rf "$out/corpus" "$out/table" "$out/cache"
  cat "$source" >/dev/null # in the page cache for both
  one ours "$build/launcher/broadsheet" prepare "$out/corpus.yaml" --ranks 2
  HF_HOME="$out/cache" one datasets "$python" "$here/peer.py" "$source" "$model" "$out/table" 2
done
"$python" "$here/peer.py" count "$out/corpus" "$out/table"
"$python" "$here/summarize.py" "$out/runs.jsonl"
rm -rf "$out/corpus" "$out/table" "$out/cache"
