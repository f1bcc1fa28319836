# Tidegate: everything a contributor runs. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

CACHE ?= $(or $(TIDEGATE_CACHE),$(HOME)/.cache/tidegate)
UV_VERSION := 0.13.9
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
PY := .venv/bin/python
export PYTHONUNBUFFERED := 1

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z][a-zA-Z_-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[36mmake %-16s\033[0m %s\n", $$1, $$2}'

# ---- tools -----------------------------------------------------------------------------------------------------------
$(UV):
	@echo "==> uv $(UV_VERSION)"
	@python3 -c 'import ensurepip, venv' 2>/dev/null || (apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv)
	@python3 -m venv $(CACHE)/uv-$(UV_VERSION)
	@$(CACHE)/uv-$(UV_VERSION)/bin/pip install -q uv==$(UV_VERSION)

.venv/.ready: pyproject.toml requirements/dev.txt | $(UV)
	@echo "==> Python environment (.venv)"
	@$(UV) venv -q --allow-existing .venv
	@$(UV) pip sync -q --python $(PY) --require-hashes requirements/dev.txt
	@$(UV) pip install -q --python $(PY) --no-deps -e .
	@touch $@

.PHONY: venv
venv: .venv/.ready ## Create or refresh the Python environment in .venv

.PHONY: lock
lock: $(UV) ## Resolve dependencies anew into requirements/*.txt (hashes, no index named)
	$(UV) pip compile -q pyproject.toml --universal --generate-hashes --no-emit-index-url --no-annotate --no-header $(LOCK_ARGS) -o requirements/operator.txt
	$(UV) pip compile -q pyproject.toml --extra cli --group dev --universal --generate-hashes --no-emit-index-url --no-annotate --no-header $(LOCK_ARGS) -o requirements/dev.txt

# ---- fast loop -------------------------------------------------------------------------------------------------------
CODE := operator/tidegate lab bench tests

.PHONY: format
format: venv ## Format the code
	@.venv/bin/ruff format -q $(CODE)
	@.venv/bin/ruff check -q --fix $(CODE)

.PHONY: lint
lint: venv ## Check format, lint, types and layers
	@echo "==> format" && .venv/bin/ruff format -q --check $(CODE)
	@echo "==> lint" && .venv/bin/ruff check -q $(CODE)
	@echo "==> types" && .venv/bin/mypy --no-error-summary operator/tidegate lab bench
	@echo "==> layers" && .venv/bin/lint-imports --no-logo > build/layers.txt 2>&1 || (cat build/layers.txt; exit 1)

.PHONY: unit
unit: venv ## Run unit and component tests
	@echo "==> unit and component tests" && .venv/bin/pytest -q -n 2 tests/unit tests/component

.PHONY: check
check: build lint generated-check unit ## Everything fast (< 60 s): format, lint, types, layers, generated files, unit and component tests

build:
	@mkdir -p build

.PHONY: crds
crds: venv ## Write crds/, the chart's copy and docs/api.md from the resource's models
	@.venv/bin/python -m tidegate.api crds . && .venv/bin/python -m tidegate.api docs .

.PHONY: generated-check
generated-check: venv ## Check that generated files are up to date
	@echo "==> generated files" && .venv/bin/python -m tidegate.api check .

# ---- lab -------------------------------------------------------------------------------------------------------------
FLAVOUR ?= full

.PHONY: lab-up
lab-up: venv ## Bring up a real cluster on this machine (FLAVOUR=full|control-plane, LAB=external for your own)
	@.venv/bin/python -m lab up --flavour $(FLAVOUR)

.PHONY: lab-down
lab-down: venv ## Take the lab down and leave nothing behind
	@.venv/bin/python -m lab down --flavour $(FLAVOUR)

.PHONY: lab-status
lab-status: venv ## Say what of the lab is up
	@.venv/bin/python -m lab status --flavour $(FLAVOUR)

# ---- the main job ----------------------------------------------------------------------------------------------------
.PHONY: demo
demo: build venv ## Lab, operator, a real model promoted and a bad one taken back, under load
	@.venv/bin/python -m lab up --flavour full
	@.venv/bin/python -m lab demo

.PHONY: test
test: check ## Everything CI checks, on a real cluster of its own
	@.venv/bin/python -m lab up --flavour full
	@.venv/bin/python -m lab up --flavour control-plane
	@echo "==> cluster tests" && .venv/bin/pytest -q --durations=15 tests/cluster

.PHONY: soak
soak: build venv ## What takes long: A/A on the real lab, many requests, many histories
	@.venv/bin/python -m lab up --flavour full
	@.venv/bin/pytest -q -m soak tests

.PHONY: bench
bench: build venv ## What measures; prints tables and writes JSON into build/
	@.venv/bin/python -m lab up --flavour full
	@.venv/bin/python -m bench.responsiveness
	@.venv/bin/python -m bench.transitions
	@.venv/bin/python -m bench.harm
	@.venv/bin/python -m bench.judge

.PHONY: clean
clean: ## Remove build products of this checkout (caches and lab stay)
	@rm -rf build dist .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
