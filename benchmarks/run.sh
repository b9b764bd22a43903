#!/bin/sh
# ./dev bench: every benchmark, ours and the peer in the same run, in turn. About an hour on two cores.
set -eu
cd "$(dirname -- "$0")/.."
benchmarks/quality/compare.sh
benchmarks/tokens_per_second/run.sh
benchmarks/reduction/run.sh
benchmarks/resume/run.sh
benchmarks/checkpoint/run.sh
