# What CI runs is what a person runs. `make` alone prints this list.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup run check test conformance soak bench docs clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/runtime: requirements/runtime.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Moorage needs Python 3.11 or newer; set PYTHON=")'
	@# Made anew if an earlier try was interrupted or Debian's python3-venv was missing: it has no pip then.
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

.venv/dev: .venv/runtime requirements/dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

setup: .venv/dev  ## the virtual environment .venv, with the moorage command in it

run: .venv/runtime  ## serve on 127.0.0.1:5000, images in ./data
	@mkdir -p data
	@$(BIN)/moorage serve --welcome config/development.yml

check: .venv/dev  ## formatting, lint, types, layers, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m moorage.config.reference --check docs/configuration.md

# Bytecode is kept whatever the environment says: tests start the server hundreds of times.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/dev  ## every test (installs Debian packages when root, else says what is missing)
	@tests/prepare
	$(BIN)/python -m pytest -m "not alone" --numprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m alone tests/faults

conformance: .venv/dev  ## the OCI conformance suite, versions 1.1 and dev (needs Go)
	@tests/conformance/run

soak: .venv/dev  ## the long crash, fault, fuzz and load tests
	@tests/prepare
	$(BIN)/python -m pytest -m soak --soak

bench: .venv/dev  ## the workloads against the peers; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

docs: .venv/dev  ## write the generated pages anew
	$(BIN)/python -m moorage.config.reference --write docs/configuration.md

clean:  ## remove the virtual environment and the caches
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
