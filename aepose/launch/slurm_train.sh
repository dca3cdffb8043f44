#!/usr/bin/env bash
# Train on machines that Slurm lends, one process per GPU:
#   slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of aepose train ...]
#   NODES          number of machines (1)
#   GPUS_PER_NODE  GPUs of each (8)
#   CPUS_PER_GPU   CPU cores for each GPU's process and data workers (5)
#   PORT           a free port of the first machine (29500)
#   MAX_RESTARTS   how often to start again, from the last checkpoint, if a process dies (0)
#   SRUN_ARGS      more arguments of srun
# The work dir must be on storage that all machines share.
set -euo pipefail
[[ $# -ge 3 ]] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
export GPUS_PER_NODE="${GPUS_PER_NODE:-8}" PORT="${PORT:-29500}"
export MAX_RESTARTS="${MAX_RESTARTS:-0}" PYTHON="${PYTHON:-python}"
# After a restart the processes meet in a new store, where the addresses of the dead ones are not.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
# Slurm starts one torchrun per machine; they meet at the first one. A job that Slurm runs again
# keeps its number, by which the training knows that it goes on.
# shellcheck disable=SC2016,SC2086
exec srun --partition "$1" --job-name "$2" --nodes "${NODES:-1}" --ntasks-per-node 1 \
    --gres "gpu:$GPUS_PER_NODE" --cpus-per-task "$((GPUS_PER_NODE * ${CPUS_PER_GPU:-5}))" \
    --kill-on-bad-exit=1 ${SRUN_ARGS:-} bash -c '
        first="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
        exec "$PYTHON" -m torch.distributed.run --nnodes "$SLURM_NNODES" \
            --nproc-per-node "$GPUS_PER_NODE" --max-restarts "$MAX_RESTARTS" \
            --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$first:$PORT" "$@"
    ' torchrun -m aepose train "${@:3}"
