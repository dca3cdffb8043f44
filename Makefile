# make setup | demo | test | lint | bench | bench-recipes — each sets up what it needs, in .venv.
# make gpu-check — uses the PyTorch of $(PYTHON), without a network: docs/gpu.md
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := work_dirs/demo
TOY_CONFIG := configs/toy/hrnet_w16_toy_256x256.py
TOY_CHECKPOINT := aepose/assets/hrnet_w16_toy_256x256.safetensors
# Set FAST=1 to leave out the slow tests.
PYTEST_FLAGS := $(if $(FAST),-m "not slow and not hostile")

.PHONY: setup demo test hostile lint matrix bench bench-recipes gpu-check toy-checkpoint hooks clean

# Where compiling failed, it is tried again.
setup:
	@$(BIN)/python -c 'import aepose._core' 2> /dev/null || rm -f $(VENV)/.done
	@$(MAKE) --no-print-directory $(VENV)/.done

$(VENV)/.done: pyproject.toml requirements.txt setup.py $(wildcard csrc/core.cpp include/aepose/*)
	@$(PYTHON) -c 'import sys; sys.exit("aepose needs Python 3.11 or newer, and this is %s; name another one: make setup PYTHON=python3.12" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo 'Step 1 of 2: a virtual environment in $(VENV) (seconds)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@echo 'Step 2 of 2: PyTorch and the other packages (downloads up to 3 GB, takes up to 6 GB of disk; minutes)'
	@$(BIN)/python -m pip install --editable '.[dev]'
	@touch $@
	@$(BIN)/python -c 'import aepose.codecs.core as c; print("aepose is set up in $(VENV);", c.describe())'

demo: $(VENV)/.done
	$(BIN)/python tools/make_toy_data.py --out $(DEMO)/first --train 0 --val 8
	@rm -rf $(DEMO)/found  # results of another version are not gone on with
	$(BIN)/python tools/demo.py $(DEMO)/first/val2017 --out $(DEMO)/found
	@echo "The network that ships found the people in $(DEMO)/found. Now one is trained."
	$(BIN)/python tools/make_toy_data.py --out data/toy --train 3000 --val 200 --seed 0
	@rm -f $(DEMO)/*.pth  # a training does not replace an earlier one
	$(BIN)/python tools/train.py $(TOY_CONFIG) --work-dir $(DEMO)
	$(BIN)/python tools/test.py $(TOY_CONFIG) $(DEMO)/last.pth --work-dir $(DEMO)/single-scale --show-dir $(DEMO)/pictures
	@echo "The pictures are in $(DEMO)/pictures; overview.png shows the first ones."
	$(BIN)/python tools/reproduce.py --zoo configs/toy/reproduce.json --out $(DEMO)/table

test: $(VENV)/.done
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_FLAGS)

# Thousands of odd inputs, and more kills: an hour on two cores.
hostile: $(VENV)/.done
	AEPOSE_HOSTILE=10000 $(BIN)/python -m pytest -m "" tests/hostile tests/codecs/test_fuzz.py tests/engine/test_kill.py

lint: $(VENV)/.done
	$(BIN)/ruff check .
	$(BIN)/python tools/check_file_length.py

# Other instruction sets, threads, Pythons and versions: about two hours on two cores, and 25 GB.
matrix: $(VENV)/.done
	$(BIN)/python -m nox $(NOX)

bench: $(VENV)/.done
	PYTHON=$(PYTHON) benchmarks/peer/setup.sh
	$(BIN)/python benchmarks/run_all.py

# Trainings that differ in one thing: two to three hours on two cores, see docs/networks.md.
bench-recipes: $(VENV)/.done
	$(BIN)/python benchmarks/recipes.py work_dirs/recipes $(RECIPES)

gpu-check:
	$(PYTHON) benchmarks/gpu_check.py $(GPU_CHECK)

# Trains the demo's network on, to the one that ships: about 20 minutes more on two cores.
toy-checkpoint: demo
	$(BIN)/python tools/make_toy_data.py --out data/toy_long --train 8000 --val 200 --seed 0
	@rm -f work_dirs/toy_long/*.pth
	$(BIN)/python tools/train.py configs/toy/hrnet_w16_toy_256x256_long.py --work-dir work_dirs/toy_long
	$(BIN)/python tools/publish_model.py work_dirs/toy_long/last.pth $(TOY_CHECKPOINT)

hooks: $(VENV)/.done
	$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) build dist *.egg-info aepose/_core*
