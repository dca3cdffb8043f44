# make setup | demo | test | lint | bench — each sets up what it needs, in .venv.
# make gpu-check — uses the PyTorch of $(PYTHON), without a network: docs/gpu.md
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := work_dirs/demo
TOY_CONFIG := configs/toy/hrnet_w16_toy_256x256.py
TOY_CHECKPOINT := aepose/assets/hrnet_w16_toy_256x256.safetensors
# Set FAST=1 to leave out the slow tests.
PYTEST_FLAGS := $(if $(FAST),-m "not slow")

.PHONY: setup demo test lint bench gpu-check toy-checkpoint hooks clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml requirements.txt setup.py $(wildcard csrc/*)
	$(PYTHON) -c 'import sys; sys.exit("aepose needs Python 3.10 or newer" if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/python tools/make_toy_data.py --out data/toy --train 3000 --val 200 --seed 0
	$(BIN)/python tools/train.py $(TOY_CONFIG) --work-dir $(DEMO)
	$(BIN)/python tools/test.py $(TOY_CONFIG) $(DEMO)/last.pth --work-dir $(DEMO)/single-scale --show-dir $(DEMO)/pictures
	@echo "The pictures are in $(DEMO)/pictures; overview.png shows the first ones."
	$(BIN)/python tools/reproduce.py --zoo configs/toy/reproduce.json --out $(DEMO)/table

test: setup
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/python tools/check_file_length.py

bench: setup
	PYTHON=$(PYTHON) benchmarks/peer/setup.sh
	$(BIN)/python benchmarks/run_all.py

gpu-check:
	$(PYTHON) benchmarks/gpu_check.py $(GPU_CHECK)

# Trains the demo's network on, to the one that ships: about 20 minutes more on two cores.
toy-checkpoint: demo
	$(BIN)/python tools/make_toy_data.py --out data/toy_long --train 8000 --val 200 --seed 0
	$(BIN)/python tools/train.py configs/toy/hrnet_w16_toy_256x256_long.py --work-dir work_dirs/toy_long
	$(BIN)/python tools/publish_model.py work_dirs/toy_long/last.pth $(TOY_CHECKPOINT)

hooks: setup
	$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) build dist *.egg-info aepose/_core*
