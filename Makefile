# make demo    train a model for each of the four tasks on the sample tables, and write their reports
# make test    run the tests, the linter, the formatter's check, the spelling check, the import contracts and the type checker
# make format  fix what the linter and the formatter can fix
# make oldest  run the tests with the oldest versions that pyproject.toml allows, in .venv-oldest
# make docs    build the documentation in docs/_build/html
# make soak    run the attacks, such as damaged files and killed processes, and print counts (minutes)
# make bench   run the benchmarks, with other libraries in .venv-bench, into reports/benchmarks (hours)
# make scale   train on 1, 10 and 30 million rows and on 200,000 pictures, into reports/benchmarks (an hour)
# Each builds .venv if it is missing. PYTHON=python3.12 chooses the interpreter.

PYTHON ?= python3
# An interpreter that the user names is used or refused; only the default may fall back on others.
CANDIDATES := $(if $(filter file,$(origin PYTHON)),$(PYTHON) python3.13 python3.12 python3.11,$(PYTHON))
# The interpreter itself must answer: a pyenv shim of that name may exist and not run.
FITS := -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

BIN := .venv/bin

.PHONY: demo test format oldest docs soak bench scale
.DELETE_ON_ERROR:

demo: .venv/.installed
	$(BIN)/recipes demo

test: .venv/.tools
	$(BIN)/python -m pytest -n 2 --dist loadfile
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/pyright

format: .venv/.tools
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Old libraries call functions that newer dependencies have deprecated: ignore those warnings.
oldest: .venv-oldest/.installed
	.venv-oldest/bin/python -m pytest -n 2 --dist loadfile -W ignore::DeprecationWarning

docs: export TF_CPP_MIN_LOG_LEVEL = 3
docs: .venv/.docs
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build/html
	@echo "docs/_build/html/index.html"

soak: .venv/.tools
	$(BIN)/python -m tests.soak

# One after the other, because they are timed. Without LOGITKIT_DATA, accuracy is measured on scikit-learn's tables.
bench: export TF_CPP_MIN_LOG_LEVEL = 3
bench: .venv/.installed .venv-bench/.installed
	$(BIN)/python -m tests.benchmarks.loop
	$(BIN)/python -m tests.benchmarks.calls
	$(BIN)/python -m tests.benchmarks.accuracy
	$(BIN)/python -m tests.benchmarks.images

scale: export TF_CPP_MIN_LOG_LEVEL = 3
scale: .venv/.installed
	$(BIN)/python -m tests.benchmarks.scale run
	$(BIN)/python -m tests.benchmarks.pictures run
	$(BIN)/python -m tests.benchmarks.cluster measure
	$(BIN)/python -m tests.benchmarks.cluster simulate

# The stamp files make the second call quick. --group needs pip 25.1.
.venv/.installed: pyproject.toml
	@if [ ! -x $(BIN)/python ]; then \
	  found=; for python in $(CANDIDATES); do \
	    if $$python $(FITS) >/dev/null 2>&1; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "None of '$(CANDIDATES)' is a Python 3.11, 3.12 or 3.13 that can make virtual environments." >&2; \
	    echo "Name one: make PYTHON=/path/to/python3.12 (on Debian and Ubuntu: apt-get install python3 python3-venv)." >&2; \
	    exit 1; \
	  fi; \
	  echo "$$found -m venv .venv"; $$found -m venv .venv; \
	elif ! $(BIN)/python $(FITS); then \
	  echo ".venv holds another Python than 3.11 to 3.13. Remove the folder, then type make again." >&2; exit 1; \
	fi
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.tools: .venv/.installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

.venv/.docs: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

# PyTorch and TensorFlow need different versions of shared dependencies.
.venv-bench/.installed: pyproject.toml | .venv/.installed
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venv-bench/bin/python -m pip install --quiet --group bench
	@touch $@

# Some of the oldest versions have no build for Python 3.13.
.venv-oldest/.installed: pyproject.toml tests/oldest.txt | .venv/.installed
	@found=; for python in $(BIN)/python python3.12 python3.11; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] > (3, 12))' >/dev/null 2>&1; then \
	    found=$$python; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then echo "make oldest needs Python 3.11 or 3.12 beside the one of .venv." >&2; exit 1; fi; \
	echo "$$found -m venv .venv-oldest"; $$found -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	.venv-oldest/bin/python -m pip install --quiet --constraint tests/oldest.txt --editable . --group test
	@touch $@
