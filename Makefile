# Everything runs from .venv, which is made on first use and again whenever a lock changes.
# Paths are relative, so that the checkout may lie anywhere, also under a name with spaces.

PYTHON ?= python3
UV_VERSION := 0.13.9
# Where uv finds no registry, pip does with its own configuration.
INSTALLER ?= uv
# For pytest: a file, `-k words` …
ARGS ?=
# Tests wait for processes and networks a quarter of their time: one worker more than there are cores.
WORKERS ?= $$(($$(getconf _NPROCESSORS_ONLN) + 1))

RUN := .venv/bin/python
PACKAGES := server resolvers schema services models rules
NODE_STAMP := conformance/node_modules/installed.stamp

# Without bytecode a start compiles all that it imports anew (0.7 s of CPU), and a worker of the tests all tests (6 s).
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help serve test test-fast conformance check format bench soak schema audit release lock node-lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

serve: .venv/runtime.stamp ## set up and start the server (settings: README.md)
	@$(RUN) -m server serve

test: .venv/development.stamp ## run all tests but the long ones (ARGS="-k words" for some)
	@$(RUN) -m pytest -n $(WORKERS) $(ARGS)

test-fast: .venv/development.stamp ## run the tests of the rules alone, in seconds
	@$(RUN) -m pytest tests/rules $(ARGS)

conformance: .venv/development.stamp $(NODE_STAMP) ## run outside suites and real clients against a server (ARGS="urql gql" for some)
	@$(RUN) -m conformance $(ARGS)

check: .venv/development.stamp ## lint, format, types, import layers
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -c 'from importlinter.cli import lint_imports_command; lint_imports_command(["--no-logo"])'

format: .venv/development.stamp ## put the code into the common form
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

bench: .venv/development.stamp ## measure the ledger beside its rivals
	@$(RUN) -m benchmarks $(ARGS)

soak: .venv/development.stamp ## run the long tests: crashes and load
	@$(RUN) -m pytest -m soak $(ARGS)

schema: .venv/runtime.stamp ## write schema.graphql anew, and what clients know of it
	@$(RUN) -m server schema > schema.graphql.new
	@mv schema.graphql.new schema.graphql
	@$(RUN) -m clients.generate < schema.graphql

audit: .venv/runtime.stamp ## check every invariant of the ledger, beside a server or alone
	@$(RUN) -m server audit

release: .venv/development.stamp ## keep what a release promises (VERSION=0.2; docs/releasing.md)
	@$(RUN) -m releases $(VERSION)

COMPILE = $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml

lock: .venv/made.stamp ## pin what pyproject.toml asks for, with hashes
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock

node-lock: ## pin what conformance/package.json asks for, with hashes and no address
	@cd conformance && npm install --package-lock-only --no-audit --no-fund --loglevel=error
	@cd conformance && node -e 'const fs = require("fs"), lock = require("./package-lock.json"); Object.values(lock.packages).forEach((part) => delete part.funding); fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n")'

clean: ## remove what was installed and cached; data in .data stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis schema.graphql.new
	rm -rf conformance/node_modules
	find $(PACKAGES) tests benchmarks conformance clients releases -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp comes last, so that a set-up that was cut off is begun again.
.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'This Python makes no virtual environments; on Debian: apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up .venv …'
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@[ '$(INSTALLER)' != uv ] || $(RUN) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || echo 'uv is not to be had; pip will do.'
	@touch $@

define install
	@echo 'Installing $(1) …'
	@{ [ '$(INSTALLER)' = uv ] && $(RUN) -m uv pip install --quiet --require-hashes -r $(1); } \
	|| { echo 'Installing with pip …'; $(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); }
	@touch $@
endef

.venv/runtime.stamp: requirements.lock .venv/made.stamp
	$(call install,requirements.lock)

.venv/development.stamp: requirements-dev.lock .venv/made.stamp
	$(call install,requirements-dev.lock)
	@touch .venv/runtime.stamp

# Exactly what the lock has; the package of clients/javascript is linked.
$(NODE_STAMP): conformance/package.json conformance/package-lock.json conformance/.npmrc clients/javascript/package.json
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null || { echo 'Node 18 or newer is needed; on Debian: apt install nodejs npm' >&2; exit 1; }
	@echo 'Installing conformance/package-lock.json …'
	@cd conformance && npm ci --no-progress --loglevel=error
	@touch $@
