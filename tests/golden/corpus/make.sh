#!/usr/bin/env bash
# Makes the corpus of this format version: tests/golden/corpus/make.sh BROADSHEET VERSION. What is there is never made
# again by a later program: it shows that corpora of that version are still read.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")"
"$program" prepare "version_$2.yaml" --set "output=version_$2"
