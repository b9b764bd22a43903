#!/bin/sh
# From the command to the end of the first resumed step, ours and HF Trainer's, in turn:
#   benchmarks/resume/run.sh [ROUNDS [warm|cold]]        5 rounds, warm, unless given
# Each side is trained to the middle of an epoch, saves, goes on and is killed with SIGKILL; each round resumes it from
# that checkpoint. Same corpus, batch size and two cores each: one process of two threads, and two of one thread; a
# global batch of 8, HF Trainer's default, and of 32, the example's own.
# warm: programs and checkpoints are in the page cache. cold: the cache is emptied before each start (root only).
set -eu
cd "$(dirname -- "$0")/../.."
python=${BROADSHEET_PEERS_PYTHON:-.cache/peers/bin/python}
broadsheet=${BROADSHEET:-./broadsheet}
here=benchmarks/resume
out=$PWD/runs/resume
rounds=${1:-5}
cache=${2:-warm}
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

# BATCH: the step in the middle of its epoch of 3,787 sentences.
middle() { case $1 in 8) echo 237 ;; 32) echo 60 ;; esac; }

# SIDE BATCH PROCESSES STEP: runs until STEP, prints the seconds.
until_step() {
  threads=$((2 / $3))
  folder=$out/$1-$2-$3
  case $1 in
    ours)
      OMP_NUM_THREADS=$threads python3 $here/until_step.py "$folder/timings.jsonl" "$4" "$folder.log" \
        "$broadsheet" train examples/editorials/sentiment.yaml --ranks "$3" --set launch.threads_per_rank=$threads \
        --set train.global_batch_size="$2" --set checkpoints.every_steps="$(middle "$2")" --run-dir "$folder" ;;
    trainer)
      launch=''
      [ "$3" = 1 ] || launch="-m torch.distributed.run --standalone --nproc-per-node $3"
      # shellcheck disable=SC2086
      OMP_NUM_THREADS=$threads python3 $here/until_step.py "$folder/steps.jsonl" "$4" "$folder.log" \
        "$python" $launch $here/hf_resume.py "$out/ours-$2-1/run.yaml" "$folder" "$(middle "$2")" "$2" ;;
  esac
}

# Far enough beyond the save for a checkpoint written in the background.
for batch in 8 32; do
  for processes in 1 2; do
    for side in ours trainer; do
      until_step $side $batch $processes $(($(middle $batch) + 10)) >/dev/null
    done
  done
done
round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round of $rounds, page cache $cache"
  for batch in 8 32; do
    for processes in 1 2; do
      for side in ours trainer; do
        [ "$cache" = warm ] || { sync; echo 3 >/proc/sys/vm/drop_caches; }
        until_step $side $batch $processes $(($(middle $batch) + 1)) >>"$out/$side-$batch-$processes.seconds"
      done
    done
  done
  round=$((round + 1))
done
"$python" benchmarks/measure/probe.py "$out"
python3 $here/verify.py "$broadsheet" "$out/ours-32-1"
python3 $here/summarize.py "$out" "$cache"
