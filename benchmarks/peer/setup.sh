#!/usr/bin/env bash
# Set up MMPose 0.29 in an environment of its own: benchmarks/peer/setup.sh [FOLDER]
#
# MMPose 0.x no longer installs by itself: its chumpy and mmcv need old setuptools, xtcocotools
# needs NumPy 1. So packages are installed one by one, MMPose without its dependencies.
set -euo pipefail
folder=${1:-$(dirname "$0")/.venv}
python=${PYTHON:-python3}
[ -f "$folder/.done" ] && exit 0
"$python" -m venv "$folder"
pip="$folder/bin/python -m pip install --quiet"
$pip --upgrade pip wheel
$pip 'torch>=2.4' 'torchvision>=0.19' 'numpy<2' 'opencv-python>=4.9,<4.12' scipy pillow matplotlib \
    'munkres==1.1.4' json_tricks cython addict pyyaml yapf packaging tqdm
# Last, because PyTorch brings a newer one along.
$pip 'setuptools<70'
$pip --no-build-isolation 'mmcv==1.7.2'
$pip --no-build-isolation 'xtcocotools>=1.14'
$pip --no-deps 'mmpose==0.29.0'
touch "$folder/.done"
