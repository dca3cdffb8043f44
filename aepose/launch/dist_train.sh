#!/usr/bin/env bash
# Train in several processes, one per GPU (or per share of the CPU cores where there is none):
#   dist_train.sh CONFIG NPROC [arguments of aepose train ...]
# On several machines run it on each, with the same MASTER_ADDR:
#   NNODES        number of machines (1)
#   NODE_RANK     number of this machine, from 0 (0)
#   MASTER_ADDR   address of machine 0 (127.0.0.1)
#   PORT          a free port of machine 0 (29500; on one machine: any that is free)
#   MAX_RESTARTS  how often to start again, from the last checkpoint, if a process dies (0)
set -euo pipefail
[[ $# -ge 2 ]] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
exec "$(dirname "$0")/torchrun.sh" "$2" train "$1" "${@:3}"
