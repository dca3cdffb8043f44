#!/usr/bin/env bash
# Find people in pictures, shared out to an array of jobs of Slurm:
#   sbatch --array=1-8 slurm_predict.sh INPUT... [arguments of aepose predict ...]
# Each job does its share; the same `aepose predict`, run once all are done, joins them. The folder
# of --out must be on storage that all machines share.
set -euo pipefail
[[ $# -ge 1 && -n "${SLURM_ARRAY_TASK_ID:-}" ]] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
share="$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))/$SLURM_ARRAY_TASK_COUNT"
exec "${PYTHON:-python}" -m aepose predict "$@" --shard "$share"
