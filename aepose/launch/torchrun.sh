#!/usr/bin/env bash
# What dist_train.sh and dist_test.sh share: torchrun.sh NPROC COMMAND [arguments ...]
set -euo pipefail
if [[ "${NNODES:-1}" == 1 && -z "${PORT:-}" ]]; then
    place=(--standalone)
else
    place=(--nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}"
           --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}")
fi
exec "${PYTHON:-python}" -m torch.distributed.run "${place[@]}" --nproc-per-node "$1" \
    --max-restarts "${MAX_RESTARTS:-0}" -m aepose "${@:2}"
