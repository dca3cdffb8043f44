#!/usr/bin/env bash
# Set up visiongraph 1.2 in an environment of its own: benchmarks/peer_omz/setup.sh [FOLDER]
#
# It asks for an older OpenVINO than there is, so it comes without its dependencies, and what its
# AEPoseEstimator imports comes beside it.
set -euo pipefail
folder=${1:-$(dirname "$0")/.venv}
python=${PYTHON:-python3}
[ -f "$folder/.done" ] && exit 0
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --upgrade pip
"$folder/bin/python" -m pip install --quiet --no-deps 'visiongraph==1.2.0'
"$folder/bin/python" -m pip install --quiet openvino numpy scipy opencv-python-headless vector \
    requests tqdm
touch "$folder/.done"
