# Sourced by ./dev: saying things, the plan, running a stage.
# shellcheck shell=sh disable=SC2154
logs=$root/.cache/log
mkdir -p "$logs"

say() { printf '%s\n' "$*"; }
fail() { printf 'dev: %s\n' "$*" >&2; exit 2; }

# fail_with_log NAME: a command failed for a reason that only its log knows.
fail_with_log() {
  tail -n 40 "$logs/$1" >&2
  printf 'dev: failed; the whole log: %s\n' "$logs/$1" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
now() { date +%s; }
duration() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# quietly LOG COMMAND...: output goes to the log; every few seconds one line says what it is at.
quietly() {
  log=$1
  shift
  "$@" >"$logs/$log" 2>&1 </dev/null &
  child=$!
  trap 'kill "$child" 2>/dev/null; exit 130' INT
  trap 'kill "$child" 2>/dev/null; exit 143' TERM
  ticks=0
  while kill -0 "$child" 2>/dev/null; do
    sleep 1
    ticks=$((ticks + 1))
    if [ $((ticks % 10)) -eq 0 ]; then
      printf '  %s s: %s\n' "$ticks" "$(tail -n 1 "$logs/$log" | tr -d '\r' | cut -c 1-100)"
    fi
  done
  trap - INT TERM
  wait "$child" || fail_with_log "$log"
}

# Kilobytes that new processes may take: free memory, or what the container leaves.
free_memory_kb() {
  kb=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo 2>/dev/null) || kb=
  kb=${kb:-2000000}
  if [ -r /sys/fs/cgroup/memory.max ] && limit=$(cat /sys/fs/cgroup/memory.max) && [ "$limit" != max ]; then
    used=$(cat /sys/fs/cgroup/memory.current 2>/dev/null || echo 0)
    [ $(((limit - used) / 1024)) -ge "$kb" ] || kb=$(((limit - used) / 1024))
  fi
  echo "$kb"
}

# About 1.5 GB for each compile job that sees LibTorch; at least one job, at most one per core.
compile_jobs() {
  if [ -n "${BROADSHEET_JOBS-}" ]; then
    echo "$BROADSHEET_JOBS"
    return
  fi
  jobs=$(($(free_memory_kb) / 1500000))
  [ "$jobs" -le "$(nproc)" ] || jobs=$(nproc)
  [ "$jobs" -ge 1 ] || jobs=1
  echo "$jobs"
}

# describe STAGE: sets title, download and disk (MB), minutes (on two cores), todo (empty: there already).
describe() {
  download=0 disk=0 minutes=1 todo=yes
  case $1 in
    packages)
      title="Debian packages" download=210 disk=900 minutes=2
      packages_are_there && todo='' ;;
    libtorch)
      title="LibTorch $torch_version" download=553 disk=550 minutes=1
      libtorch_is_there && todo='' ;;
    program) title="build the program" disk=300 minutes=6
      [ ! -e build/dev/launcher/broadsheet-engine ] || minutes=0 ;;
    unit) title="run the unit tests" disk=50 ;;
    everything) title="build program and tests" disk=900 minutes=15 ;;
    sanitized) title="build with sanitizers" disk=600 minutes=10 ;;
    raced) title="build to watch threads" disk=150 minutes=3 ;;
    assets)
      title="model and corpus" download=86 disk=180
      assets_are_there && todo='' ;;
    testdata)
      title="test data" download=47 disk=250
      test_data_is_there && todo='' ;;
    peers)
      title="Python peers of the tests" download=2400 disk=6000 minutes=5
      peers_are_there && todo='' ;;
    training) title="train, test, predict" disk=700 minutes=4 ;;
    tests) title="run the tests" disk=500 minutes=10 ;;
  esac
  if [ -z "$todo" ]; then download=0 disk=0 minutes=0; fi
}

# plan VERB STAGE...: what will be downloaded, built and needed; stops when the disk is too small.
plan() {
  verb_planned=$1
  shift
  stage_count=$#
  stage_number=0
  sum_download=0 sum_disk=0 sum_minutes=0
  say "./dev $verb_planned on $(nproc) cores, $(($(free_memory_kb) / 1000000)) GB of memory free: $(compile_jobs) compile jobs"
  printf '  %-28s %12s %10s %10s\n' stage download disk "about"
  for stage_name in "$@"; do
    describe "$stage_name"
    if [ -z "$todo" ]; then
      printf '  %-28s %12s\n' "$title" "there already"
    else
      printf '  %-28s %9s MB %7s MB %6s min\n' "$title" "$download" "$disk" "$minutes"
    fi
    sum_download=$((sum_download + download)) sum_disk=$((sum_disk + disk)) sum_minutes=$((sum_minutes + minutes))
  done
  free_mb=$(($(df -Pk . | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9]*% .*$/\1/p') / 1024))
  printf '  %-28s %9s MB %7s MB %6s min\n' "at most" "$sum_download" "$((sum_disk + sum_download))" "$sum_minutes"
  say "  (disk includes the downloads; $free_mb MB are free here; 4 GB of memory is enough)"
  [ "$free_mb" -ge $((sum_disk + sum_download)) ] ||
    fail "the disk has $free_mb MB free, $((sum_disk + sum_download)) MB are needed; free some, or clone elsewhere"
}

# stage NAME COMMAND...: one stage of the plan, with its place and its time.
stage() {
  describe "$1"
  shift
  stage_number=$((stage_number + 1))
  stage_title="[$stage_number/$stage_count] $title"
  if [ -z "$todo" ]; then outcome="there already"; else outcome="ready" && say "$stage_title ..."; fi
  stage_begun=$(now)
  "$@"
  say "$stage_title: $outcome, $(duration $(($(now) - stage_begun)))"
}
