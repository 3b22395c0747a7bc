#!/usr/bin/env bash
# On the GPU machine: unpacks what scripts/gpu.mjs packed beside this file, and has scripts/gpu/there.mjs do the rest.
#   OUT=RESULTS bash run.sh      besides: LIBTORCH, TESTS, WORK (see scripts/gpu.mjs)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$(mktemp -d)}
export OUT=${OUT:-$work/out}
mkdir -p "$work" "$OUT"
OUT=$(cd "$OUT" && pwd)
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$here/all.tar.xz" "$work"
LIBTORCH=${LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}
export LIBTORCH
export PATH="$work:$PATH"
cd "$work/torch-node"
exec node scripts/gpu/there.mjs
