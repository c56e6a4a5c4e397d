# Humans, hooks and CI all call these. Everything is installed into .venv; only Rust and CPython 3.11+ must be there.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml Cargo.toml Cargo.lock build.rs README.md $(shell find src python -type f \( -name '*.rs' -o -name '*.py' -o -name '*.pyi' \))

.DEFAULT_GOAL := help
.PHONY: help demo check test test-rust test-python set-up lint format notebook bench wheel wheel-test clean

help: ## Say what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/installed ## Time every strategy in both languages on the embedded lab, and show the table
	$(BIN)/aio-strategies compare

check: .venv/dev ## Pass what is quick, within a minute: formatting, ruff, and the tests that do not take long
	cargo fmt --check
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	cargo test --quiet --lib --test exchange --test lab --test robots --test sitemap --test statistics
	$(BIN)/python -m pytest -q -m "not slow" $(SIDE_BY_SIDE)

test: test-rust test-python ## Pass all tests, Rust's and Python's

test-rust: ## Pass the Rust tests (no Python needed)
	cargo test --quiet

# Three at a time, as many tests wait; then, one after another, those that a neighbour would disturb.
SIDE_BY_SIDE := -n 3 --dist worksteal

test-python: .venv/installed ## Pass the Python tests, the notebooks among them
	$(BIN)/python -m pytest -q -m "not alone" $(SIDE_BY_SIDE)
	$(BIN)/python -m pytest -q -m alone

set-up: .venv/installed target/tests-built ## Build and install all that the tests need: make -j2 set-up does both at once

# The second is what test_a_debug_build_is_noticed builds, which then finds it built.
target/tests-built: $(SOURCES) $(wildcard tests/*.rs)
	cargo test --quiet --no-run
	cargo build --quiet --features python
	@touch $@

lint: .venv/dev ## Check formatting, lints and types of both languages
	cargo fmt --check
	cargo clippy --quiet --all-targets -- -D warnings
	cargo clippy --quiet --features python -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --document-private-items
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest aio_strategies._native

format: .venv/dev ## Format both languages
	cargo fmt
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

notebook: .venv/dev ## Execute the notebooks anew and save them with their outputs
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace notebooks/*.ipynb

bench: .venv/bench .venv/dev ## Measure the harness, and the strategies beside their peers, and put the figures into the documents
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/cpu_per_request.py
	$(BIN)/python benchmarks/lab_vs_nginx.py
	$(BIN)/python benchmarks/aa_simulation.py
	$(BIN)/python benchmarks/before_after.py
	$(BIN)/python benchmarks/harness.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/system_calls.py
	rm -rf target/with_symbols
	$(BIN)/maturin build --profile profiling --out target/with_symbols
	$(BIN)/python -m zipfile --extract target/with_symbols/*.whl target/with_symbols/site
	PYTHONPATH=target/with_symbols/site $(BIN)/python benchmarks/where_time_goes.py
	$(BIN)/python benchmarks/border.py
	$(BIN)/python benchmarks/at_scale.py memory
	$(BIN)/python benchmarks/stream.py
	$(BIN)/python docs/make_measuring.py
	$(BIN)/python docs/make_performance.py

wheel: .venv/dev ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/maturin build --release --out dist

wheel-test: wheel ## Install the wheel into empty environments of every CPython 3.11+ here, and compare in each
	sh tests/wheel_test.sh dist/*.whl

clean: ## Remove what was built
	rm -rf .venv target dist
	rm -f python/aio_strategies/*.so python/aio_strategies/aio-strategies-helper*

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "CPython 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv

# The stamps carry what was installed, so that nothing is built twice.
.venv/installed: .venv/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[test]'
	@touch $@

.venv/dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@touch $@

.venv/bench: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[bench]'
	-cargo install --quiet --locked --root .venv oha # optional, as all peers are; it takes about 4 minutes
	@touch $@
