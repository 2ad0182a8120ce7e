# make setup   a virtual environment with everything      make demo     two evaluations, no key needed
# make check   formatting, lint, types, layers, tests      make test     all tests
# make lint    formatting, lint, types, layers             make browser  what the tests of the report need

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.evalrunner-installed
# One more than there are processors: many tests wait for a process, a server or a page.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

.PHONY: setup demo browser test lint check pictures clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("evalrunner needs Python 3.11 or later: make setup PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)
	@$(BIN)/evalrunner run experiment=quickstart
	@echo
	@$(BIN)/evalrunner run experiment=gsm8k_replay

# Chromium and axe-core, where they are missing; only the tests need them.
browser:
	@tests/browser/install.sh

test: $(STAMP) browser
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint test

# The README's pictures, from the experiment `quickstart`.
pictures: $(STAMP) browser
	$(BIN)/python docs/images/make_pictures.py

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
