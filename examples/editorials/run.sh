#!/bin/sh
# The main job on real newspaper sentences: prepare, fine-tune for sentiment and for masked words on two ranks, check that
# it learned, answer three sentences. ./dev quickstart calls it after model, corpus and program are there; calling it
# again goes on where it stopped and trains nothing twice.
set -eu
cd "$(dirname -- "$0")/../.."
here=examples/editorials

step() { printf '\n== %s\n   %s\n' "$1" "$2"; }

for needed in broadsheet models/minilm/model.safetensors $here/data/nytEditorialSnippets_GroundTruth.txt; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done

step "The corpus: clean, split by article, tokenise" "./broadsheet prepare $here/corpus.yaml"
./broadsheet prepare $here/corpus.yaml

step "Sentiment in three classes" "./broadsheet train $here/sentiment.yaml"
./broadsheet train $here/sentiment.yaml

step "Masked words: the language of editorials" "./broadsheet train $here/mlm.yaml"
./broadsheet train $here/mlm.yaml

step "Did it learn?" "build/dev/examples/bag-of-words corpora/editorials text sentiment"
build/dev/examples/bag-of-words corpora/editorials text sentiment >runs/editorials-sentiment/bag_of_words.json
python3 $here/assert.py runs/editorials-sentiment runs/editorials-mlm

step "Three sentences" "./broadsheet predict runs/editorials-sentiment --text '...'"
for sentence in 'Tax plan fails again' 'The museum opens its doors to every child in the city' \
  'The committee will meet on Tuesday'; do
  printf '%s\n   ' "$sentence"
  ./broadsheet predict runs/editorials-sentiment --text "$sentence"
done

cat <<END

Where to look
  runs/editorials-sentiment/report.html     curves, before and after
  runs/editorials-sentiment/results.json    the numbers
  runs/editorials-sentiment/model/          loads in transformers: AutoModelForSequenceClassification.from_pretrained

Go on
  ./broadsheet inspect corpora/editorials
  ./broadsheet evaluate runs/editorials-sentiment --corpus corpora/editorials --split test
  ./broadsheet predict runs/editorials-sentiment --text 'Your own sentence'
  ./broadsheet train $here/sentiment.yaml --set name=mine --set train.learning_rate=5e-5
  ./broadsheet check $here/sentiment.yaml
END
