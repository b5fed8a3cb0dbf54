# Two commands are all a person needs, in either order: `make demo` and `make test`.
BIN := .venv/bin
PY ?= python3
JOBS ?= auto
CHECKED := cli pipeline packager attestations registry verifier formats

.PHONY: setup demo test check bench lock docs

setup: .venv/.ready ## make .venv with everything, by hash

demo: setup ## one mini-program from source to a host's memory, then what is refused
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/miniseal demo examples/tip

test: setup ## every test, in parallel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n $(JOBS) --dist worksteal -q

check: setup ## linters, types, architecture, spelling, generated docs
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/checks.py

bench: setup ## ratios against a floor or a peer, in one run, from an installed wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/benchmarks/run.py

docs: setup ## write docs/reference from the code
	$(BIN)/python docs/generate.py

lock: setup ## resolve requirements/*.txt again
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header --all-extras --group dev pyproject.toml -o requirements/dev.txt
	grep -A 99 '^uv==' requirements/dev.txt | sed '/^wasmtime==/,$$d;/^typing/,$$d;/^ *# via/d' > requirements/bootstrap.txt

.venv/.ready: pyproject.toml requirements/dev.txt requirements/bootstrap.txt
	test -x $(BIN)/python || $(PY) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip sync -q --require-hashes --python $(BIN)/python requirements/dev.txt
	$(BIN)/uv pip install -q --no-deps --no-build-isolation --offline --python $(BIN)/python -e .
	touch $@
