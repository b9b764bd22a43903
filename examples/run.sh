#!/bin/sh
# Every example, its baseline and its figures, one after the other: about an hour on two cores. Each can be run by
# itself, and goes on where it stopped.
set -eu
cd "$(dirname -- "$0")/.."
failed=0
for example in editorials reviews peoples_daily; do
  printf '\n### examples/%s\n' "$example"
  "examples/$example/run.sh" || failed=1
done
printf '\n### examples/editorials, LoRA\n'
./broadsheet train examples/editorials/lora.yaml || failed=1
exit "$failed"
