#!/bin/sh
# From the command to the end of the first resumed step, ours and HF Trainer's, in turn:
#   benchmarks/resume/run.sh [ROUNDS [warm|cold]]        5 rounds, warm, unless given
# Each side is trained to the middle of an epoch, saves, goes on and is killed with SIGKILL; each round resumes it from
# that checkpoint. Same corpus, batch size and two cores each: one process of two threads, and two of one thread.
# warm: programs and checkpoints are in the page cache. cold: the cache is emptied before each start (root only).
set -eu
cd "$(dirname -- "$0")/../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/resume
out=$PWD/runs/resume
rounds=${1:-5}
cache=${2:-warm}
saved=60   # of the 119 steps of an epoch
[ -x "$python" ] || { echo "$python is not there; run ./dev peers" >&2; exit 2; }
for needed in "$broadsheet" models/minilm/model.safetensors; do
  [ -e "$needed" ] || { echo "$needed is not there; run ./dev quickstart" >&2; exit 2; }
done
[ "$cache" = warm ] || [ -w /proc/sys/vm/drop_caches ] || { echo "cold: only root can do it" >&2; exit 2; }
rm -rf "$out"
mkdir -p "$out"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
"$broadsheet" prepare examples/editorials/corpus.yaml
"$python" benchmarks/measure/probe.py "$out"

# SIDE PROCESSES STEP: runs until STEP, prints the seconds.
until_step() {
  threads=$((2 / $2))
  case $1 in
    ours)
      OMP_NUM_THREADS=$threads python3 $here/until_step.py "$out/ours-$2/timings.jsonl" "$3" "$out/ours-$2.log" \
        "$broadsheet" train examples/editorials/sentiment.yaml --ranks "$2" --set launch.threads_per_rank=$threads \
        --set checkpoints.every_steps=$saved --run-dir "$out/ours-$2" ;;
    trainer)
      launch=''
      [ "$2" = 1 ] || launch="-m torch.distributed.run --standalone --nproc-per-node $2"
      # shellcheck disable=SC2086
      OMP_NUM_THREADS=$threads python3 $here/until_step.py "$out/trainer-$2/steps.jsonl" "$3" "$out/trainer-$2.log" \
        "$python" $launch $here/hf_resume.py "$out/ours-1/run.yaml" "$out/trainer-$2" $saved ;;
  esac
}

# Far enough beyond the save for a checkpoint written in the background.
for processes in 1 2; do
  for side in ours trainer; do
    until_step $side $processes $((saved + 10)) >/dev/null
  done
done
round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round of $rounds, page cache $cache"
  for processes in 1 2; do
    for side in ours trainer; do
      [ "$cache" = warm ] || { sync; echo 3 >/proc/sys/vm/drop_caches; }
      until_step $side $processes $((saved + 1)) >>"$out/$side-$processes.seconds"
    done
  done
  round=$((round + 1))
done
"$python" benchmarks/measure/probe.py "$out"
python3 $here/verify.py "$broadsheet" "$out/ours-1"
python3 $here/summarize.py "$out" "$cache"
