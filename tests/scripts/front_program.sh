#!/bin/sh
# front_program.sh BROADSHEET ENGINE: the front program must start without LibTorch and MPI; the engine has them.
set -eu
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
if needed "$1" | grep -E '^lib(torch|c10|mpi)'; then
  echo "$1 links the libraries above"
  exit 1
fi
# The same question finds them where they are: the check can fail.
needed "$2" | grep -q '^libtorch_cpu'
needed "$2" | grep -q '^libmpi'
