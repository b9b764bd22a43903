#!/bin/sh
# dev_test.sh ROOT: what ./dev answers to wrong use, and that its parts hold no host, and no path of a machine.
set -u
root=$1
status=0
wrong() {
  echo "$*"
  status=1
}
wants() {
  code=$1 text=$2
  shift 2
  answer=$("$root/dev" "$@" 2>&1)
  got=$?
  [ "$got" -eq "$code" ] || wrong "./dev $*: exit $got, wanted $code: $answer"
  case $answer in *"$text"*) ;; *) wrong "./dev $*: '$text' is not in: $answer" ;; esac
}
wants 0 'usage: ./dev VERB' --help
wants 2 'usage: ./dev VERB'
wants 2 'unknown verb' bulid
wants 2 'no case X99' campaign --list --only X99
wants 2 'not in this version' package
wants 2 'not in this version' build --device cuda
wants 2 'wanted --prefix DIR' install
wants 2 'wanted --prefix DIR' install --prefix
wants 2 'unexpected' test --fast
if grep -nE 'https?://[a-z]' "$root/dev" "$root"/scripts/*; then wrong "a host is hard-coded above"; fi
exit $status
