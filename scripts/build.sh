# Sourced by ./dev: configure, build, test.
# shellcheck shell=sh disable=SC2154

# batch_of PRESET: how many sources are compiled as one. A tree keeps what it was configured with, by hand too.
batch_of() {
  kept=$(sed -n 's/^BROADSHEET_UNITY:[A-Z]*=//p' "build/$1/CMakeCache.txt" 2>/dev/null) || kept=
  echo "${BROADSHEET_UNITY:-${kept:-8}}"
}

# What configure was last called with; it is called again only when this changes.
configure_key() { printf '%s\n' "$root" "$(libtorch_root)" "$(peers_python)" "$(batch_of "$1")"; }

configure() {
  if [ -e "build/$1/build.ninja" ] && [ "$(configure_key "$1")" = "$(cat "build/$1/configured" 2>/dev/null)" ]; then
    return
  fi
  batch=$(batch_of "$1")
  rm -rf "build/$1/CMakeCache.txt" "build/$1/CMakeFiles"
  bundle=ON
  [ -z "${LIBTORCH_ROOT-}" ] || bundle=OFF
  if ! cmake --preset "$1" -DLIBTORCH_ROOT="$(libtorch_root)" -DBROADSHEET_PEERS_PYTHON="$(peers_python)" \
    -DBROADSHEET_BUNDLE_LIBTORCH=$bundle -DBROADSHEET_UNITY="$batch" >"$logs/configure-$1.log" 2>&1; then
    say "Something that the build needs is missing: an apt package, an environment module, or its folder in CMAKE_PREFIX_PATH." >&2
    fail_with_log "configure-$1.log"
  fi
  configure_key "$1" >"build/$1/configured"
}

# build_targets PRESET TARGET...: with as many jobs as free memory allows, and ./broadsheet as a link to the program.
build_targets() {
  preset=$1
  shift
  configure "$preset"
  NINJA_STATUS='  [%f/%t, %e s] ' cmake --build "build/$preset" --target "$@" -j "$(compile_jobs)"
  if [ "$preset" = dev ]; then
    ln -sfn build/dev/launcher/broadsheet broadsheet
  fi
}

# run_tests PRESET CTEST-ARGUMENTS...: ctest's own summary is the last thing on the screen.
run_tests() {
  preset=$1
  shift
  if [ "$preset" = thread-sanitize ] && setarch -R true 2>/dev/null; then
    # g++ 12's ThreadSanitizer does not start where the kernel scatters addresses more than it knows (vm.mmap_rnd_bits).
    setarch -R ctest --preset "$preset" -j "$(nproc)" "$@"
  else
    ctest --preset "$preset" -j "$(nproc)" "$@"
  fi
}
