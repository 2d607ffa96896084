# The README has the same without make. Another Python: make setup PYTHON=python3.13
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install
EDITABLE := $(INSTALL) --quiet --no-deps --no-build-isolation --editable .
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --extra dev --extra registry --group build --group workflows pyproject.toml
# Processes that run tests: most tests outside of tests/unit wait more than they compute.
WAITING := -n 4 --dist loadfile --no-loadscope-reorder
COMPUTING := -n logical --maxprocesses 4 --dist loadfile
# The tests start hundreds of processes: none of them is to compile Minuet anew.
export PYTHONDONTWRITEBYTECODE :=
OLD := sys.version_info < (3, 11) and 'Minuet needs Python 3.11 or newer: make setup PYTHON=python3.13'

.PHONY: setup demo test check matrix bench docs clean lock

setup: .venv/setup.stamp  ## the environment that Minuet runs in

demo: setup  ## a broker, a shop, workers, 1,000 orders, and trouble
	@$(BIN)/minuet demo

test: .venv/check.stamp  ## every test, those on the embedded broker too
	$(BIN)/pytest $(WAITING) $(TESTS) $(if $(CI),,-m "not slow")

check: .venv/check.stamp  ## what must be clean before a commit
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/minuet schemas check && $(BIN)/pytest $(COMPUTING) tests/unit

matrix: .venv/check.stamp  ## the contract suite on each Kafka, engine and Python; goes on where it ended
	$(BIN)/python -m tests.matrix $(ARGS)

bench: .venv/compiled.stamp  ## the figures of this machine, the hot path compiled
	@PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/.venv/compiled $(BIN)/minuet bench

docs: .venv/docs.stamp  ## the pages as a site, in .venv/site; fails on a broken link
	.venv/docs/bin/python -m mkdocs build --strict

clean:  ## back to a fresh clone; stops the project's broker and forgets its data
	@test ! -d .minuet/broker || $(BIN)/minuet dev down
	rm -rf .venv .minuet dist .*_cache .hypothesis

lock:  ## the lock files anew, from pyproject.toml
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group check --constraint requirements.lock --output-file requirements-check.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --extra registry --group build --group workflows --constraint requirements.lock pyproject.toml --output-file requirements-image.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --group docs --constraint requirements.lock pyproject.toml --output-file requirements-docs.lock
	for name in faust quix; do uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" bench/sidebyside/requirements-$$name.in --output-file bench/sidebyside/requirements-$$name.txt || exit; done

.venv/bin/pip:
	@$(PYTHON) -c "import sys; sys.exit($(OLD))"
	$(PYTHON) -m venv --clear .venv

.venv/setup.stamp: requirements.lock pyproject.toml | .venv/bin/pip
	$(INSTALL) --require-hashes -r requirements.lock && $(EDITABLE) && touch $@

.venv/check.stamp: requirements-check.lock pyproject.toml | .venv/bin/pip
	$(INSTALL) --require-hashes -r requirements-check.lock && $(EDITABLE) && touch $@

.venv/docs.stamp: requirements-docs.lock | .venv/bin/pip
	$(PYTHON) -m venv --clear .venv/docs && .venv/docs/bin/pip --disable-pip-version-check install --quiet --require-hashes -r requirements-docs.lock && touch $@

.venv/compiled.stamp: $(shell find minuet -name '*.py') hatch_build.py | .venv/check.stamp
	rm -rf .venv/compiled && MINUET_COMPILE=$(if $(shell command -v cc),1,0) $(INSTALL) --quiet --no-deps --no-build-isolation --target .venv/compiled . && touch $@
