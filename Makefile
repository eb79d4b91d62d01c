# One command for each thing that people and machines do here. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= scanflow-demo
# Two at a time: most of the time of the slow tests is waiting for processes to start and end.
# WORKERS=0 runs them one after the other.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup services demo test check format bench clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Make .venv and install the package with pinned versions

# --without-pip and `pip --python`: Debian's python3 has no ensurepip unless python3-venv is there.
$(STAMP): Makefile pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt -e '.[mnist,postgres,s3,search,services,dev]'
	@touch $@

services: ## Fetch the servers that tests use and no registry of Python has: Prometheus, from Debian
	scripts/fetch_prometheus.sh

demo: $(STAMP) ## Run the main job: four agents keep a digit classifier good while its input drifts
	$(BIN)/scanflow demo mnist --out $(OUT)

test: $(STAMP) ## Run all tests
	$(PYTEST)

check: $(STAMP) ## Format, lint, types, import floors, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST)

format: $(STAMP) ## Let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Run all benchmarks beside the peers, and write benchmarks/README.md (takes some minutes)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/run.py

clean: ## Remove what the other targets made
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
