#!/bin/bash
#SBATCH --requeue
#SBATCH --open-mode=append
# Runs Broadsheet as a Slurm job: starts the ranks, passes signals on to them, and goes back into the queue until the
# work is done. This text is the same for every job. What differs is in the file `parameters` of the job's folder, read
# as data, never as shell; `preamble.sh` there holds the user's own shell lines.
set -u
job=$1
say() { TZ=UTC printf '%(%Y-%m-%dT%H:%M:%SZ)T job %s: %s\n' -1 "$SLURM_JOB_ID" "$*"; }

# A notice (time limit, preemption, scancel --signal) may come at any moment. USR1 makes the ranks vote, save and leave
# with 75; TERM would make srun and mpirun kill them first, so it is passed on as USR1 too.
notice='' child='' start=''
# shellcheck disable=SC2317  # the traps call it
passed_on() {
  [ -n "$notice" ] || say "told to leave by $1: saving a checkpoint first"
  notice=$1
  [ -n "$child" ] || return 0
  ( # ranks that only begin to start would die of it
    trap '' USR1 USR2 TERM INT HUP
    while [ "$launcher" = srun ] && [ ! -e "$job/starts/$start/ready" ] && kill -0 "$child" 2>/dev/null; do sleep 0.2; done
    kill -s USR1 "$child" 2>/dev/null
  ) &
}
for signal in USR1 USR2 TERM INT HUP; do
  # shellcheck disable=SC2064  # the name now, the rest later
  trap "passed_on $signal" "$signal"
done

tool='' verb='' program='' config='' run_dir='' launcher='' guard='' cpus=1 scratch='' resume='' container=()
while IFS= read -r line; do
  value=${line#* }
  case ${line%% *} in
    tool) tool=$value ;;
    verb) verb=$value ;;
    program) program=$value ;;
    config) config=$value ;;
    run_dir) run_dir=$value ;;
    launcher) launcher=$value ;;
    guard) guard=$value ;;
    cpus_per_task) cpus=$value ;;
    scratch) scratch=$value ;;
    resume) resume=--resume ;;
    container) container+=("$value") ;;
  esac
done <"$job/parameters"

# sbatch left the submitter's environment behind; what is set from here on, the ranks are to see.
unset SLURM_EXPORT_ENV
if [ -e "$job/preamble.sh" ]; then
  if ! type module >/dev/null 2>&1; then
    for file in /etc/profile.d/modules.sh /etc/profile.d/lmod.sh /etc/profile.d/z00_lmod.sh; do
      # shellcheck source=/dev/null
      [ ! -r "$file" ] || . "$file"
    done
  fi
  set +u
  # shellcheck source=/dev/null
  . "$job/preamble.sh"
  set -u
fi
[ -z "$scratch" ] || export TMPDIR=$scratch
export OMP_NUM_THREADS=$cpus MKL_NUM_THREADS=$cpus BROADSHEET_JOB=$job
if [ -z "${SLURM_JOB_END_TIME-}" ]; then # Slurm before 23.02 does not say
  end=$(scontrol --oneliner show job "$SLURM_JOB_ID" 2>/dev/null | sed -n 's/.* EndTime=\([0-9T:-]*\) .*/\1/p')
  end=$(date -d "${end:-none}" +%s 2>/dev/null) && export SLURM_JOB_END_TIME=$end
fi

# Is this job still wanted, and is it the only one? It says why not.
start=$("$tool" begin "$job")
begun=$?
[ "$begun" = 0 ] || exit $((begun == 3 ? 0 : begun))

export BROADSHEET_START=$start
[ "${SLURM_RESTART_COUNT:-0}" = 0 ] || [ "$verb" = sweep ] || resume=''
work=("$program" "$verb" "$config")
[ -z "$run_dir" ] || work+=(--run-dir "$run_dir" ${resume:+"$resume"})
case $launcher in # the guard keeps srun from killing the ranks while they save (slurm/term_guard.c)
  srun) work=(env LD_PRELOAD="$guard${LD_PRELOAD:+:$LD_PRELOAD}" srun --mpi=pmix --kill-on-bad-exit=1 --export=ALL --cpus-per-task="$cpus" "${container[@]}" "${work[@]}") ;;
  *) work=("${container[@]}" "${work[@]}") ;; # mpirun, or nothing, is started by the program itself
esac
code=0
if [ -z "$notice" ]; then
  say "starts on $SLURM_JOB_NODELIST: ${work[*]}"
  "${work[@]}" &
  child=$!
  while kill -0 "$child" 2>/dev/null; do # a signal ends `wait`, not the child
    wait "$child"
    code=$?
  done
  child=''
else
  code=75
fi

# What its end means: finished, wrong, to be tried again here, or elsewhere. It says so, and why.
verdict=$("$tool" end "$job" "$code" "${notice:-none}") || exit
if [ "${verdict% *}" = requeue ]; then
  me=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  for ((try = 1; try <= 60; ++try)); do
    scontrol requeue "${me:-$SLURM_JOB_ID}" && break
    case $(scontrol --oneliner show job "$SLURM_JOB_ID" 2>/dev/null) in
      '' | *JobState=RUNNING*) sleep 10 ;; # the controller is away, or has not understood
      *) break ;;                          # it is on its way into the queue already
    esac
  done
fi
exit "${verdict#* }"
