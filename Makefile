# Two commands for newcomers: `make demo` and `make test`. Everything lives in .venv and build/.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto
# One thread per process: the number of threads changes sums, and processes share the cores.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test check bench mistakes clean

help: ## show this list
	@echo "The zoo of deep generative models. What would you like to do?"
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F '\t' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "A smaller installation on Linux without a GPU:"
	@echo "  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo"

demo: .venv/.workflow ## run every demo notebook and say where to look (a few minutes)
	@echo "Running the notebooks; unchanged ones are answered from the cache."
	@$(BIN)/zoo notebook run --all
	@echo "Open one in a browser:"
	@ls build/notebooks/*.html | sed "s|^|  file://$(CURDIR)/|"

test: .venv/.dev ## run all tests
	$(BIN)/pytest --numprocesses $(JOBS) --maxprocesses 8 --dist loadfile

check: .venv/.workflow ## run every check on every entry, notebooks included
	$(BIN)/zoo check --all

bench: .venv/.dev ## measure training, sampling, start-up and the assignment of reviewers
	$(BIN)/python -m zoo.core.benchmarks
	$(BIN)/python -m tools.process.benchmarks

mistakes: .venv/.dev ## plant known mistakes in the models and see each one caught
	$(BIN)/python -m tools.mistakes

clean: ## remove build/ (results and caches), keep .venv
	rm -rf build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; say for example: make demo PYTHON=python3.12"; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || \
	  { echo "No virtual environment: on Debian or Ubuntu install the package python3-venv"; rm -rf .venv; exit 1; }

# A stamp per set of packages, renewed when pyproject.toml changes.
.venv/.workflow .venv/.dev: .venv/.%: pyproject.toml | .venv/bin/python
	@echo "Installing PyTorch and the $* tools into .venv (about 1 GB; the first time takes a minute or more)"
	@$(BIN)/pip install --quiet --editable '.[$*]'
	@touch $@ $(if $(filter dev,$*),.venv/.workflow)
