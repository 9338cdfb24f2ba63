# `make` lists the targets. Python 3.11 or newer, make and a POSIX shell are all that is needed.

PYTHON  ?= python3
VENV    ?= .venv
PORT    ?= 8000
CHAPTERS ?=
WORKERS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)

BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
PAGE  := _build/html/index.html
CLASS := _build/class/_build/html/index.html

# TensorFlow's start-up notes go to stderr from C++, before any Python could silence them.
export TF_CPP_MIN_LOG_LEVEL := 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help env book serve class lab test browser notebooks mutants spread steady lint format \
  requirements bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=$(PYTHON)  VENV=$(VENV)  PORT=$(PORT)  WORKERS=$(WORKERS)"

env: $(STAMP) ## Create the environment (every target that needs it does this by itself)

# The stamp is written last, so an interrupted installation is taken up again.
$(STAMP): requirements.txt pyproject.toml
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is not Python 3.11 or newer. Name one that is: make PYTHON=python3.12 ..." >&2; \
	  exit 1; }
	@echo "Installing the pinned requirements into $(VENV) (some minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq -r requirements.txt
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

book: $(STAMP) ## Build the book from its stored outputs, warnings as errors
	@echo "Building the book"
	@$(BIN)/jupyter-book build . -q --all -W -n --keep-going >/dev/null
	@echo "Open $(PAGE)"
	@echo "  file://$$(pwd)/$(PAGE)"

serve: book ## Build the book and serve it on this machine (PORT=8000)
	@echo "Serving http://127.0.0.1:$(PORT)/ (stop with Ctrl-C)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

class: $(STAMP) ## Build the book without solutions, for a class, into _build/class
	@echo "Building the book without solutions"
	@BOOK_WITHOUT_SOLUTIONS=1 $(BIN)/jupyter-book build . -q --all -W -n --keep-going \
	  --path-output _build/class >/dev/null
	@echo "Open $(CLASS)"
	@echo "  file://$$(pwd)/$(CLASS)"

lab: $(STAMP) ## Open the chapters in JupyterLab
	@$(BIN)/jupyter lab --ServerApp.root_dir=book

browser: $(STAMP) ## Find a Chromium for the checks on the built pages, or install one
	@$(BIN)/python -m tests.book.browser

test: $(STAMP) browser ## Run everything that CI runs: code, package, notebooks, book (WORKERS=)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
	  --nbval --nbval-current-env --nbval-cell-timeout 300 \
	  --cov --cov-fail-under=95

notebooks: $(STAMP) ## Execute the chapters and store what changed (CHAPTERS="01 05")
	@$(BIN)/python -m tests.book.execute --workers $(WORKERS) $(CHAPTERS)

mutants: $(STAMP) ## Plant faults in the chapters: each must be caught (CHAPTERS=)
	@$(BIN)/python -m tests.book.mutants --workers $(WORKERS) $(CHAPTERS)

spread: $(STAMP) ## Measure how results differ between machines, for tolerances (CHAPTERS=)
	@$(BIN)/python -m tests.book.spread $(CHAPTERS)

steady: $(STAMP) ## Verify the chapters 10 times, and on stand-ins for other machines (CHAPTERS=)
	@$(BIN)/python -m tests.book.steady --workers $(WORKERS) $(CHAPTERS)

lint: $(STAMP) ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(STAMP) ## Repair style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

requirements: $(STAMP) ## Pin what pyproject.toml asks for (UPGRADE=--upgrade: newest of all)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	  --no-annotate --no-header $(UPGRADE) \
	  --extra book --extra test pyproject.toml -o requirements.txt

bench: $(STAMP) ## Time the engine beside fit and hand-written JAX (BENCH="--only digits")
	@$(BIN)/python -m pip install --quiet 'jax>=0.4.30'
	@$(BIN)/python -m benchmarks.speed $(BENCH)
	@$(BIN)/python -m benchmarks.question_study
	@$(BIN)/python -m benchmarks.workers
	@$(BIN)/python -m benchmarks.resume
	@$(BIN)/python -m benchmarks.growth
	@$(BIN)/python -m benchmarks.honesty
	@$(BIN)/python -m benchmarks.folding

clean: ## Remove the built book and the caches; the environment stays
	@rm -rf _build build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find bn_companion tests book benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
