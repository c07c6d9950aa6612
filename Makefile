# Two commands do everything: `make demo` shows limner at work, `make test` proves that it works.
# Both set up what they need, only what changed, in this folder alone: .venv, .venv-vllm and .limner.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export LIMNER_HOME ?= $(CURDIR)/.limner
PYTHON ?= python3
UV := .venv/bin/python -m uv
RUN := .venv/bin/python
EVAL := .venv/bin/limner eval run
GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q GPU && echo yes)
ENGINE_LOCK := limner/locks/$(if $(GPU),vllm-cuda.lock,vllm-cpu.lock)

.PHONY: help demo test quick check setup postgres browser bench quality crash lock clean

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

demo: setup ## profile the bundled sample with a real model, and show two persona cards
	@$(RUN) -m limner.demo

test: setup postgres browser ## every test: SQLite and PostgreSQL, Chroma both ways, a real vLLM
	@echo "▸ Testing: formatting, types, then every test"
	@$(MAKE) --no-print-directory check
	@$(RUN) -m pytest -n auto --dist worksteal -m "not vllm"
	@$(RUN) -m pytest -m vllm

quick: .venv/.ready ## the tests that need no server and no model
	@$(RUN) -m pytest -n auto --dist worksteal -m "not vllm and not postgres and not chroma_server and not slow"

check: .venv/.ready ## formatting, lint and types
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(RUN) -m pyright

setup: .venv/.ready .venv-vllm/.ready ## both environments: the application's, and vLLM's

.venv/.ready: limner/locks/app.lock pyproject.toml
	@echo "▸ Installing the application into .venv"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "limner needs Python 3.11 or newer; name one: make PYTHON=python3.11 …"; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(UV) pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r limner/locks/app.lock
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps -e .
	@touch $@

.venv-vllm/.ready: $(ENGINE_LOCK) | .venv/.ready
	@echo "▸ Installing vLLM for this machine's $(if $(GPU),GPU,processor) into .venv-vllm"
	@test -x .venv-vllm/bin/python || $(UV) venv --quiet --python .venv/bin/python .venv-vllm
	@$(UV) pip install --quiet --python .venv-vllm/bin/python --no-deps $${PIP_FIND_LINKS:+--find-links "$$PIP_FIND_LINKS"} -r $(ENGINE_LOCK)
	@touch $@

postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "▸ Installing PostgreSQL for the tests"; apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; \
	  else echo "▸ PostgreSQL is not installed: its tests are skipped (Debian: sudo apt-get install postgresql)"; fi; }

browser:
	@command -v chromium google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "▸ Installing Chromium for the tests"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "▸ Chromium is not installed: the report is not drawn (Debian: sudo apt-get install chromium)"; fi; }

bench: setup ## throughput against a bare client, limner's own time and memory a user, ingest rate
	@$(RUN) -m evals.bench

quality: setup ## tags and probabilities against gold: the bundled sets, and the real ones where they are here
	@$(EVAL) synonyms
	@$(EVAL) sample
	@test -d ../shared/data || echo "▸ Left out: the data sets in ../shared/data are not part of limner"
	@test ! -d ../shared/data || for task in calibration-movielens calibration-douban calibration-completejourney \
	  completejourney "movielens --limit 60" douban; do $(EVAL) $$task; done

crash: setup ## kill a run at random moments, resume, and compare with an undisturbed one
	@$(RUN) -m evals.crash

lock: .venv/.ready ## renew the lock of the application's environment
	@$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --group dev pyproject.toml -o limner/locks/app.lock

clean: ## remove everything that was set up
	@rm -rf .venv .venv-vllm .limner
