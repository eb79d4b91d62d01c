# One command for each thing that people and machines do here. `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= scanflow-demo

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## Make .venv and install the package with pinned versions

# --without-pip and `pip --python`: Debian's python3 has no ensurepip unless python3-venv is there.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt -e '.[mnist,dev]'
	@touch $@

demo: $(STAMP) ## Run the main job: four agents keep a digit classifier good while its input drifts
	$(BIN)/scanflow demo mnist --out $(OUT)

test: $(STAMP) ## Run all tests
	$(BIN)/python -m pytest

check: $(STAMP) ## Format, lint, types, import floors, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

format: $(STAMP) ## Let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Measure beside the peers, and write the tables to benchmarks/results (takes long)
	$(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/run.py

clean: ## Remove what the other targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
