#!/usr/bin/env bash
# Set up sleap-nn 0.3 in an environment of its own: benchmarks/peer_tracking/setup.sh [FOLDER]
#
# Its trackers need no GPU; where PyTorch's index of CPU wheels can be reached, name it in
# PIP_EXTRA_INDEX_URL, or some gigabytes of CUDA come along.
set -euo pipefail
folder=${1:-$(dirname "$0")/.venv}
python=${PYTHON:-python3}
[ -f "$folder/.done" ] && exit 0
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --upgrade pip
"$folder/bin/python" -m pip install --quiet 'sleap-nn==0.3.5' torch torchvision
touch "$folder/.done"
