# Two commands on a fresh machine (python3 3.11+, python3-venv, make, git): `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTS_INSTALLED := $(VENV)/.tests-installed
BENCH := build/bench
PROFILE ?= smoke

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint bench vectors clean

help:  ## show what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade pip
	$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(TESTS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install -qq --editable '.[test]'
	@touch $@

demo: $(INSTALLED)  ## install and play the whole story on made-up histories
	$(BIN)/chartseal demo

test: $(TESTS_INSTALLED)  ## run the tests; what is not installed here is skipped with a reason
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" $(ARGS)

test-slow: $(TESTS_INSTALLED)  ## run the slow matrices too
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow $(ARGS)

lint: $(TESTS_INSTALLED)  ## check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED)  ## run every benchmark small and report it in build/bench (PROFILE=paper: as the docs do)
	$(BIN)/python -m pip install -qq --editable '.[bench]'
	@rm -rf $(BENCH) && mkdir -p $(BENCH)
	$(BIN)/python -m benchmarks run all --profile $(PROFILE) --json $(BENCH)/results.jsonl; failed=$$?; \
	$(BIN)/python -m benchmarks report $(BENCH)/results.jsonl --out $(BENCH) && exit $$failed

vectors: $(TESTS_INSTALLED)  ## write the known-answer files anew
	$(BIN)/python -m tests.vectors.generate

clean:  ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
