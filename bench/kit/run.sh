#!/bin/sh
# Measures the cards of this machine: ./run.sh --help. Needs a Linux of x86-64 with glibc 2.35 or newer, and for CUDA
# NVIDIA's driver (branch 580 or newer). Nothing is installed, and nothing outside of --out is written but caches.
set -eu
case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
here=$(CDPATH='' cd -- "$here" && pwd -P)
node=$here/bin/node
before=${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH="$here/lib${before:+:$before}"
# The machine's own C++ library where it is new enough: drivers are made for that one. Else the kit's, with the one
# function that Debian's takes from a C library newer than 2.35 (arc4random.c).
if ! problem=$("$node" "$here/app/bench/kit/probe.js" 2>&1); then
  LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$here/lib/c++
  export LD_PRELOAD="$here/lib/c++/libarc4random.so${LD_PRELOAD:+:$LD_PRELOAD}"
  if ! problem=$("$node" "$here/app/bench/kit/probe.js" 2>&1); then
    printf '%s\n' "this kit does not run here: $problem" >&2
    exit 2
  fi
fi
exec "$node" "$here/app/bench/kit/main.js" "$@"
