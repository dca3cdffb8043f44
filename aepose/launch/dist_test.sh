#!/usr/bin/env bash
# Test in several processes, which share the pictures:
#   dist_test.sh CONFIG CHECKPOINT NPROC [arguments of aepose test ...]
# NNODES, NODE_RANK, MASTER_ADDR and PORT are as for dist_train.sh.
set -euo pipefail
[[ $# -ge 3 ]] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
exec "$(dirname "$0")/torchrun.sh" "$3" test "$1" "$2" "${@:4}"
