# One target per job; CI calls the same ones.
PYTHON ?= python3
BIN := .venv/bin
TESTS = $(BIN)/pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
ALL = not gpu and not hub and not browser
export HF_HUB_DISABLE_TELEMETRY = 1
export MLFLOW_DISABLE_TELEMETRY = true

.PHONY: setup demo test test-all coverage check docs notebooks browser bench lab clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup  ## the whole job on the embedded ladder, results in demo/
	$(BIN)/zeta run --out demo

test: setup  ## the default tests, on all cores
	$(TESTS)

test-all: setup  ## the slow tests too; tests that need a GPU, the hub or a browser are left out
	$(TESTS) -m "$(ALL)"

coverage: setup  ## test-all, with a list of the branches of the package that no test runs
	$(TESTS) -m "$(ALL)" --cov --cov-report=term-missing:skip-covered

check: setup  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup  ## the documentation as a site, in site/; renews what is generated from the code
	$(BIN)/python docs/scripts/house.py
	$(BIN)/python docs/scripts/command_line.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

notebooks: setup  ## run all notebooks
	$(BIN)/pytest -m slow tests/test_notebooks.py

browser: setup  ## a user's way through JupyterLab in Chromium; set ZETA_SCREENSHOTS to a folder to keep the pictures
	$(BIN)/pytest -m browser tests/browser -o log_cli=true --log-cli-level=INFO

bench: setup  ## the figures of benchmarks/LOG.md
	$(BIN)/python benchmarks/speed.py

lab: setup
	$(BIN)/jupyter lab notebooks

clean:
	rm -rf .venv demo site
