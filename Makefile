# Two commands matter: `make run` and `make test`. The others are for those who build Vidgen.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests wait for half of their time, so that two cores have work for four.
WORKERS := -n 4
# Compiled modules are kept, wherever it was told otherwise: tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=
LOCK := --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	--no-annotate --no-header

.PHONY: run demo test test-all check fix bench screenshots lock audit clean

run: $(VENV)/.installed ## the dashboard, with a sample project that renders real videos offline
	$(BIN)/vidgen serve

demo: $(VENV)/.installed ## the sample project rendered to MP4s without a screen
	$(BIN)/vidgen demo

test: $(VENV)/.installed-dev ## what CI runs: everything but the extended tests
	$(BIN)/pytest $(WORKERS) -m "not extended"

test-all: $(VENV)/.installed-dev ## the whole suite; pages get the machine for themselves
	$(BIN)/pytest $(WORKERS) -m "not browser"
	$(BIN)/pytest -n 2 -m browser

check: $(VENV)/.installed-dev ## before each commit: format, lint, types, architecture, fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(WORKERS) -m "not slow and not browser" -q

fix: $(VENV)/.installed-dev ## format, and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-dev ## figures of speed and memory, as tables, which docs/performance.md keeps
	$(BIN)/python -m dependency_groups bench > $(VENV)/bench.in
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(VENV)/bench.in
	$(BIN)/python benchmarks

screenshots: $(VENV)/.installed-dev ## the pictures of docs/screenshots, from a rehearsal run
	$(BIN)/python scripts/screenshots.py

lock: $(VENV)/.installed-dev ## pin what pyproject.toml asks for; names no package index
	$(BIN)/pip-compile $(LOCK) --output-file requirements.lock pyproject.toml
	$(BIN)/python -m dependency_groups test lint lock > $(VENV)/dev.in
	$(BIN)/pip-compile $(LOCK) --allow-unsafe --constraint requirements.lock \
		--output-file requirements-dev.lock $(VENV)/dev.in

audit: $(VENV)/.installed-dev ## known holes in the pinned dependencies
	$(BIN)/pip-audit --requirement requirements.lock --disable-pip --no-deps

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m compileall -q vidgen_core pages streamlit_app.py
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	touch $@
