# Four words for everybody: make app, make test, make check, make fix; make test-quick while you write.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help app test test-quick check fix fuzz messages screenshots

help: ## say what the words do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamps are files, so that a second `make` installs nothing.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Derm needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Install one and run: make PYTHON=python3.11 app")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

app: $(VENV)/installed ## set everything up and serve the app at http://127.0.0.1:8501
	$(BIN)/streamlit run streamlit_app.py

test: $(VENV)/installed-dev ## set everything up and run the tests (under CI: the checks, too)
	$(if $(CI),$(MAKE) check)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-quick: $(VENV)/installed-dev ## the tests that need neither a browser nor training nor the real data, within a minute
	$(BIN)/python -m pytest -m "not (browser or real or slow or training)" --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/installed-dev ## linter, formatter, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/installed-dev ## mend what linter and formatter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/installed-dev ## feed readers with made input, for hours: FUZZ_EXAMPLES=1000, FUZZ_PICTURES=2000 for less
	$(BIN)/python tests/fuzz/mutated_pictures.py $${FUZZ_PICTURES:-20000} $${FUZZ_FIRST:-0} 101
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-200000} $(BIN)/python -m pytest -m fuzz --timeout 0 tests/fuzz tests/house/test_killed_writers.py tests/monitor/test_monitor.py tests/engine/test_graph.py

messages: $(VENV)/installed-dev ## renew the catalogues of languages from the source (docs/languages.md)
	$(BIN)/python tools/messages.py

screenshots: $(VENV)/installed-dev ## pictures of every page on drawn data, into screenshots/ and docs/ (needs Chromium)
	$(BIN)/python tests/screenshots.py
