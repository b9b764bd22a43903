#!/bin/sh
# run.sh [DIR]: BERT on masked words, five epochs. DIR is a Hugging Face folder with weights and tokenizer, for example
# bert-base-cased; without it a smaller BERT starts from scratch with MiniLM's vocabulary.
set -eu
case ${1-} in '' | /*) weights=${1-} ;; *) weights=$PWD/$1 ;; esac
cd "$(dirname -- "$0")/../.."
here=examples/seed-mlm
for needed in broadsheet models/minilm/vocab.txt examples/editorials/data/nytEditorialSnippets_GroundTruth.txt; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart first" >&2; exit 2; }
done
if [ -n "$weights" ]; then
  name=$(basename "$weights")
  ./broadsheet prepare $here/corpus.yaml --set "tokenizer=$weights" --set "output=corpora/seed-mlm-$name"
  ./broadsheet train $here/pretrained.yaml --set "model.from=$weights" --set "data.corpus=corpora/seed-mlm-$name"
else
  ./broadsheet prepare $here/corpus.yaml
  ./broadsheet train $here/scratch.yaml
fi
