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
	$(UV) pip compile -q pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-annotate --no-header $(LOCK_ARGS) -o requirements/dev.txt
