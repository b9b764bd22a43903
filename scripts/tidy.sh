#!/bin/sh
# tidy.sh FILE: clang-tidy on one source of build/dev; unchanged since it last passed (it and the headers): nothing to do.
set -eu
key=$(cat .clang-tidy core/*.h data/*.h checkpoints/*.h experiments/*.h experiments/*/*.h slurm/*.h trainer/config.h "$1" | sha256sum | cut -c 1-32)
[ ! -e ".cache/tidy/$key" ] || exit 0
mkdir -p .cache/tidy
# clang cannot read the compiler's precompiled headers: the commands without them.
commands=.cache/tidy/compile_commands.json
if [ ! -e "$commands" ] || [ -n "$(find build/dev/compile_commands.json -newer "$commands")" ]; then
  sed -e 's/-Winvalid-pch//g' -e 's/-include [^ ]*cmake_pch.hxx//g' build/dev/compile_commands.json >"$commands.$$"
  mv "$commands.$$" "$commands"
fi
if output=$(clang-tidy-14 --quiet -p .cache/tidy "$1" 2>&1); then
  touch ".cache/tidy/$key"
else
  printf '%s\n' "$output"
  exit 1
fi
