#!/bin/sh
# run.sh BUILD OUT CORPUS MODEL [ROUNDS [EPOCHS]]: our loader and torch's DataLoader over the same texts as a `datasets`
# table, in our shards by h5py, as MosaicML Streaming's shards and as LitData's chunks, in turn, each in a fresh process;
# then the table. The peers read EPOCHS epochs, ours fifty times as many. CORPUS has a field "text". What the peers want
# beyond ./dev peers (requirements.txt here) is installed in OUT/packages once.
set -eu
build=$1 out=$2 corpus=$3 model=$4 rounds=${5:-5} epochs=${6:-4}
here=$(cd "$(dirname "$0")" && pwd)
python=${BROADSHEET_PEERS_PYTHON:-$here/../../../.cache/peers/bin/python}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$out/packages" HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1
mkdir -p "$out"
if ! cmp -s "$here/requirements.txt" "$out/packages/requirements.txt"; then
  rm -rf "$out/packages"
  "$python" -m pip install --quiet --no-deps --target "$out/packages" -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$out/packages/"
fi
for kind in table h5py mosaicml litdata; do
  [ -d "$out/$kind" ] || {
    "$python" "$here/peer.py" make "$kind" "$corpus" "$out/$kind.part"
    mv "$out/$kind.part" "$out/$kind"
  }
done
steps=$("$python" "$here/peer.py" steps "$corpus" 32)
: >"$out/runs.jsonl"
for _ in $(seq "$rounds"); do
  "$build/tests/peers/read_batches" "$corpus" "$model" text 32 $((50 * epochs * steps)) >>"$out/runs.jsonl"
  for kind in table h5py mosaicml litdata; do
    for workers in 0 1; do
      "$python" "$here/peer.py" read "$kind" "$out/$kind" "$model" 32 "$epochs" "$workers" >>"$out/runs.jsonl"
    done
  done
done
"$python" "$here/summarize.py" "$out/runs.jsonl"
