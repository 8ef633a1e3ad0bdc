# make demo       tune a small CNN on real images, then show the study
# make test       the tests, without the slow ones
# make test-slow  the slow tests
# make test-ray   those of Ray Tune, which it installs first (0.4 GB), with its example
# make lint       formatting, lint, types, import contracts, contents of the wheel, the pages
# make docs       the pages of docs/ as HTML in build/docs, every warning an error
# make examples   every script of examples/ on a small budget
# make smoke      the wheel without any extra, on each Python here that qhpo names and the oldest Optuna
# make clean      remove what the targets above have built (never a study's database)

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.complete
# Wheels only: building a package needs tools that a new machine may not have.
INSTALL := -m pip install -qq --disable-pip-version-check --only-binary=:all: -c constraints.txt

# The models and tables here are small: a second thread per process costs more than it gives.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-slow test-ray lint docs examples smoke clean

# One environment serves all targets: torch is nearly all of its size and both the demo and the
# tests need it, so a lighter one for the demo would only be a second download.
# The build backend goes in first, so that it too has the version of constraints.txt.
$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into .venv what constraints.txt pins (a few minutes the first time)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(INSTALL) hatchling editables
	@$(BIN)/python $(INSTALL) --no-build-isolation -e ".[dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/qhpo run cnn-digits --trials 30 --seed 0
	$(BIN)/qhpo show

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

test-ray: $(STAMP)
	@$(BIN)/python $(INSTALL) --no-build-isolation -e ".[dev,ray]"
	$(BIN)/python -m pytest -m "slow or not slow" tests/qhpo_integrations/ray
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cd "$$folder" && \
	QHPO_EXAMPLE_TRIALS=3 $(BIN)/python $(CURDIR)/examples/ray/tune_network.py

lint: $(STAMP) docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q tests/house/test_wheel.py tests/house/test_lint_config.py

# All anew (-E): the command reference and the tables change without a page that changes.
docs: $(STAMP)
	$(BIN)/python -m sphinx -q -W --keep-going -E -b html docs build/docs
	@echo "Open build/docs/index.html"

# In a folder of their own, so that what the scripts write does not stay in the work tree.
examples: $(STAMP)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cd "$$folder" && \
	for script in $(wildcard $(CURDIR)/examples/*.py); do \
	    echo "== $$(basename "$$script")"; \
	    QHPO_EXAMPLE_TRIALS=3 $(BIN)/python "$$script" || exit 1; \
	done

smoke: $(STAMP)
	$(BIN)/python .ci/smoke.py

clean:
	rm -rf .venv build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find qhpo problems integrations tests examples docs .ci -name __pycache__ -type d -prune -exec rm -rf {} +
