# `make demo` and `make test` are the only two commands a person needs, in either order.
BIN := .venv/bin
PY ?= python3
JOBS ?= auto
FLIPS ?= 1000000
EACH ?= 60
export PATH := $(CURDIR)/$(BIN):$(PATH)

SERVICES := cd tests && exec python -m services.build
SERVED := tests/integration tests/interop
# these wait for services now and then: one worker more than there are cores
WAITING = $(if $(filter auto,$(JOBS)),$(shell expr $$(nproc) + 1),$(JOBS))
# the unit tests get no network, where that can be taken from them
ALONE := $(shell unshare --net true 2>/dev/null && echo env MINISEAL_TEST_ALONE=1 unshare --net tests/alone.sh)

.PHONY: setup demo test services check bench fuzz docs lock

setup: .venv/.ready ## .venv with everything, by hash

demo: setup ## a mini-program from source to a host's memory, then what is refused
	miniseal demo examples

test: setup ## every test, in parallel; what they run beside them is built meanwhile
	@$(SERVICES) --packages
	@($(SERVICES)) >.services.log 2>&1 & builder=$$!; failed=0; \
	trap 'kill $$builder 2>/dev/null' EXIT; trap 'exit 130' INT TERM; \
	$(ALONE) pytest -n $(JOBS) --dist worksteal -q $(SERVED:%=--ignore %) || failed=$$?; \
	if kill -0 $$builder 2>/dev/null; then echo "waiting for services: see .services.log"; fi; \
	wait $$builder || { tail -40 .services.log; exit 1; }; \
	pytest -n $(WAITING) --dist worksteal -q $(SERVED) || failed=$$?; \
	exit $$failed

services: setup ## what the tests run beside them: Debian packages, a Sigstore, a Dagger engine, ...
	@$(SERVICES)

check: setup ## lint, types, architecture, dependencies, spelling, generated docs, workflows
	ruff check . && ruff format --check . && mypy && pyright && lint-imports && deptry . && codespell && python docs/generate.py --check
	cd tests && python -m services.lint

bench: setup ## ratios against a floor or a peer in one run, from an installed wheel
	python tests/benchmarks/run.py

fuzz: setup ## FLIPS bits of signed bundles changed, then each fuzz target for EACH seconds
	MINISEAL_FLIPS=$(FLIPS) pytest -n $(JOBS) -q tests/unit/verifier/test_mutation.py
	for target in tests/fuzz/fuzz_*.py; do \
	PYTHONPATH=tests python tests/fuzz/run.py --seconds $(EACH) $$(basename $$target .py | cut -c6-) || exit 1; \
	done

docs: setup ## write docs/reference from the code
	python docs/generate.py

lock: setup ## resolve requirements/*.txt again
	python requirements/lock.py

.venv/.ready: pyproject.toml requirements/dev.txt requirements/bootstrap.txt
	$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "miniseal needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PY) -m venv .venv
	python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	uv pip sync -q --require-hashes --python $(BIN)/python requirements/dev.txt
	uv pip install -q --no-deps --no-build-isolation --offline --python $(BIN)/python -e .
	touch $@
