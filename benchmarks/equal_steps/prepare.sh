#!/bin/sh
# The corpus of the benchmarks that need steps of equal work: runs/equal_steps/corpus.
set -eu
cd "$(dirname -- "$0")/../.."
[ ! -e runs/equal_steps/corpus/corpus.json ] || exit 0
mkdir -p runs/equal_steps
python3 benchmarks/equal_steps/make_texts.py models/minilm/vocab.txt 2000 runs/equal_steps/texts.txt
"${BROADSHEET:-./broadsheet}" prepare benchmarks/equal_steps/corpus.yaml
