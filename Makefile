# What a newcomer types: make reproduce, make report, make test. All install what is missing first, and work in a path with a space.
PY ?= python3
CORES ?= all
BIN := .venv/bin
# ffcv is built from source against two modules of OpenCV only (tools/ffcv-build).
BUILD_ENV = PKG_CONFIG_PATH="$(CURDIR)/tools/ffcv-build" CPLUS_INCLUDE_PATH="$(CURDIR)/tools/ffcv-build/include:/usr/include/opencv4"

# A part of the paper's own configuration, for a machine with a GPU: the first models of some of its experiments.
MODELS ?= 2000
EXPERIMENTS ?= 1,5,6

# What `make report` shows.
CONFIG ?= config/digits.yaml
DATASET = $(shell sed -n 's/^dataset: *//p' "$(CONFIG)")

.PHONY: reproduce verify report test benchmark cifar10 lock clean

reproduce: .venv/.ready
	$(BIN)/python -m snakemake --cores $(CORES)
	@$(BIN)/python tools/where.py digits

verify: .venv/.ready
	$(BIN)/python -m snakemake --cores $(CORES) verify

report: .venv/.ready
	$(BIN)/python -m snakemake report_pages --cores $(CORES) --configfile "$(CONFIG)"
	$(BIN)/python -m snakemake report_pages --configfile "$(CONFIG)" --report "results/$(DATASET)/report.html" --report-stylesheet workflow/report/style.css
	@echo "Open $(CURDIR)/results/$(DATASET)/report.html in a browser; it needs no network."

test: .venv/.ready
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m snakefmt --check Snakefile rules
	$(BIN)/python -m pytest

cifar10: .venv/.ready
	mkdir -p results/cifar10
	printf 'only: [%s]\nmodels: {count: %s, shard: %s}\n' "$(EXPERIMENTS)" "$(MODELS)" "$(MODELS)" > results/cifar10/part.yaml
	$(BIN)/python -m snakemake --cores $(CORES) --configfile config/cifar10.yaml results/cifar10/part.yaml

benchmark: .venv/.ready
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/datamodels.py
	$(BIN)/python benchmarks/detection.py

# Bytecode and numba kernels are compiled once here, so that none of the hundreds of short jobs has to.
.venv/.ready: requirements.lock overrides.txt pyproject.toml tools/system.sh
	PY="$(PY)" sh tools/system.sh
	$(PY) -m venv --clear .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.8
	$(BUILD_ENV) $(BIN)/python -m uv pip install -q --compile-bytecode --python $(BIN)/python --override overrides.txt -r requirements.lock
	$(BIN)/python -m uv pip install -q --python $(BIN)/python --no-deps -e .
	$(BIN)/python -c "import ffcv, torch, torchvision"
	$(BIN)/python tools/compile.py
	touch $@

# After a change of a pin in pyproject.toml.
lock: .venv/.ready
	$(BUILD_ENV) $(BIN)/python -m uv pip compile -q --python-version 3.11 --override overrides.txt --extra reproduce --extra test pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .snakemake
