# Each target does all of its set-up on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

# Checks and docs beside each other; the tests, which take both cores, after them.
MAKEFLAGS += --jobs=2

# There is a process for each core; threads of theirs would wait for each other. What one of them
# has compiled the next need not.
test test-slow plugins: export OMP_NUM_THREADS := 1
test test-slow plugins: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-slow check docs plugins clean

demo: $(VENV)/.core
	$(BIN)/vaekit demo demo

# A file shares its trained models, so its tests stay together.
test: $(VENV)/.dev check docs
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow"

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m slow

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Packages of others, installed beside, which touch no file of vaekit.
plugins: $(VENV)/.dev
	rm -rf build/plugins examples/plugins/*/build  # what an earlier build left would be packed again
	$(PIP) --no-deps --no-build-isolation --upgrade --target build/plugins examples/plugins/*/
	PYTHONPATH=$(CURDIR)/build/plugins $(BIN)/python -m pytest -q examples/plugins

docs: $(VENV)/.dev
	$(BIN)/python docs/make_pictures.py
	$(BIN)/mkdocs build --strict --quiet

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo site build
