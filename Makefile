# Two commands for a newcomer: `make canary` and `make test`. Python (3.11 or later) is all they need.
#
#   make canary                  a good canary, through every step, and the report
#   make canary FAULT=login      a bad one; `make faults` lists them
#   make test                    the tests, without a cluster and without the slow ones
#   make test-all                the slow ones too: whole rollouts behind the real router
#   make check                   lint, types, import contracts
#   make bench                   the figures, each beside its baseline

PYTHON ?= python3
FAULT ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: canary faults test test-all check format bench clean

canary: $(INSTALLED)
	PETCLINIC_FAULT='$(FAULT)' $(BIN)/pytest --canary --canary-report $(ARGS)

faults: $(INSTALLED)
	$(BIN)/python -m petclinic --list-faults

test: $(INSTALLED)
	$(BIN)/pytest -n logical --dist worksteal -m "not cluster and not slow" $(ARGS)

test-all: $(INSTALLED)
	$(BIN)/pytest -n logical --dist worksteal -m "not cluster" $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) reports/runs reports/allure-results reports/allure-report reports/latest

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; this is %s. Name one: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(INSTALLED)
