# What a newcomer types: make reproduce, make test, make check. All install what is missing first, and work in a path with a space.
PY ?= python3
CORES ?= all
BIN := .venv/bin

# Which run `make report`, `make check` and `make reference` are about.
CONFIG ?= config/digits.yaml
# Recipes read it from the environment: what a file is called never becomes part of a command.
export CONFIG

# A part of the paper's own configuration, for a machine with a GPU: the first models of some of its experiments.
MODELS ?= 2000
EXPERIMENTS ?= 1,5,6

# The Pythons that `make test-wheel` tries.
PYTHONS ?= python3.11 python3.12 python3.13
.PHONY: reproduce check verify report reference reference-run scan-study beyond table1 test test-fast test-faults test-slurm fuzz lint types test-machines test-wheel benchmark cifar10 lock clean

# The paper's experiments on digits, then the answer.
reproduce: .venv/.ready
	@started=$$(date +%s); $(BIN)/python -m snakemake --logger progress --cores $(CORES) && \
	  $(BIN)/python tools/ending.py config/digits.yaml $$started

# Does my run give the numbers of the reference? Makes what is not finished first.
check: .venv/.ready
	@$(BIN)/python -m snakemake --logger progress --cores $(CORES) --configfile "$$CONFIG"
	@$(BIN)/python -m snakemake --quiet all --cores $(CORES) check --configfile "$$CONFIG"

# Makes a finished run the reference that README, docs and tests read.
reference: .venv/.ready
	$(BIN)/python tools/reference.py "$$CONFIG"
	$(BIN)/python tools/readme.py

# The run that becomes the reference: ten seeds, eight permutations. Goes on where it was stopped.
reference-run: .venv/.ready
	$(BIN)/python -m snakemake --logger progress --cores $(CORES) --configfile "$$CONFIG" config/reference.yaml

# What the scan answers where the truth is known (docs/scan.md): about four hours on two cores, resumable.
scan-study: .venv/.ready
	$(SCANS) --configfile config/digits.yaml config/scan/digits.yaml -- $(call tables,digits,scan scan_others scan_power)
	$(SCANS) --configfile config/digits.yaml -- $(call tables,digits,scan_price scan_trusted)
	$(SCANS) --configfile config/scan/fashion_mini.yaml -- $(call tables,fashion_mini,scan scan_others scan_growth)
	$(SCANS) --configfile config/cifar10_mini.yaml config/scan/cifar10_mini.yaml -- $(call tables,cifar10_mini,scan scan_others)
	$(BIN)/python tools/scan_study.py

# Other attacks, detectors and data, and votes (docs/beyond.md): resumable. BEYOND="digits mails" makes a part of it.
beyond: .venv/.ready
	@$(BIN)/python tools/beyond_runs.py --cores $(CORES)
	@$(BIN)/python tools/beyond.py
export BEYOND
SCANS = $(BIN)/python -m snakemake --logger progress --cores $(CORES)
tables = $(foreach name,$(2),results/$(1)/tables/$(name).csv)

# Table 1 with the paper's network and all of CIFAR-10 on a processor: an hour and a half a network, resumable at every epoch.
table1: .venv/.ready
	$(BIN)/python tools/table1.py config/cifar10.yaml $(if $(MINUTES),--minutes "$$MINUTES")

verify: .venv/.ready
	$(BIN)/python -m snakemake --cores $(CORES) verify

# One HTML file of a run. The data set's name is read as YAML is read, never by the shell.
report: .venv/.ready
	$(BIN)/python -m snakemake report_pages --cores $(CORES) --configfile "$$CONFIG"
	@report="results/$$($(BIN)/python -c 'import sys; from rethinking_backdoors.config import load; print(load(sys.argv[1])["dataset"])' \
	  "$$CONFIG")/report.html" && \
	  $(BIN)/python -m snakemake report_pages --configfile "$$CONFIG" --report "$$report" --report-stylesheet workflow/report/style.css && \
	  echo "Open $(CURDIR)/$$report in a browser; it needs no network."

test: lint
	$(BIN)/python -m pytest

# Without the tests that run the workflow, and those that take seconds each.
test-fast: .venv/.ready
	$(BIN)/python -m pytest -m "not slow"

# The fault table of docs/faults.md, done to real runs: a quarter of an hour.
test-faults: .venv/.ready
	FAULTS=1 $(BIN)/python -m pytest tests/faults -rs

# A run on a real Slurm of one node, in a temporary folder; needs root and Debian's slurmctld, slurmd, slurm-client and munge.
test-slurm: .venv/.ready
	$(BIN)/python -m pip install -q snakemake-executor-plugin-slurm==2.8.0
	SLURM_TESTS=1 $(BIN)/python -m pytest -n 0 tests/slurm -rs

# Every reader of files on 10,000 damaged ones.
fuzz: .venv/.ready
	FUZZ=10000 $(BIN)/python -m pytest tests/fuzz

lint: .venv/.ready
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m snakefmt --check Snakefile rules workflow

# Types; pyright needs Node.js, and fetches it where there is none.
types: .venv/.ready
	$(BIN)/python -m pyright

# Do the numbers depend on the processor? Half an hour on two cores; not part of the tests.
test-machines: .venv/.ready
	$(BIN)/python tools/machines.py --cores $(CORES)

# Does the library work from a wheel, without a checkout, snakemake and ffcv? make test-wheel PYTHONS="python3.11 python3.13"
test-wheel: .venv/.ready
	sh tools/wheel.sh $(PYTHONS)

cifar10: .venv/.ready
	mkdir -p results/cifar10
	printf 'only: [%s]\nmodels: {count: %s, shard: %s}\n' "$(EXPERIMENTS)" "$(MODELS)" "$(MODELS)" > results/cifar10/part.yaml
	$(BIN)/python -m snakemake --cores $(CORES) --configfile config/cifar10.yaml results/cifar10/part.yaml

benchmark: .venv/.ready
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/datamodels.py
	$(BIN)/python benchmarks/detection.py

.venv/.ready: requirements.lock pyproject.toml tools/install.sh tools/system.sh
	@PY="$(PY)" sh tools/install.sh
	@touch $@

# After a change of a pin in pyproject.toml.
lock: .venv/.ready
	PKG_CONFIG_PATH="$(CURDIR)/tools/ffcv-build" CPLUS_INCLUDE_PATH="$(CURDIR)/tools/ffcv-build/include:/usr/include/opencv4" \
	  $(BIN)/python -m uv pip compile -q --python-version 3.11 --extra reproduce --extra test pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .snakemake
