# Two commands: `make run` shows the page, `make test` runs the tests.
# Both set up everything they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?=

.PHONY: run test test-fast coverage bench attack mutants exam exam-short worlds worlds-short e2e test-postgres check format schema migration golden screenshots lock audit clean

run: $(VENV)/.installed
	@exec $(BIN)/python -m collector.launch $(if $(PORT),--port $(PORT))

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -q

# While working: all but the slow files, in under a minute on two idle cores.
test-fast: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not e2e and not exam and not slow"

# Branch coverage of core by the same tests, child processes included; at least 95 %.
coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -q --cov --cov-report=term --cov-fail-under=95

# What stores and reads, on a private PostgreSQL server (apt package postgresql), or with
# ALIGN_TEST_DATABASE_URL on yours: a database a test. Everything: make test-postgres TESTS=tests
TESTS ?= tests/storage tests/tailing tests/feature_log tests/signal_log tests/signals \
	tests/candles tests/alignment tests/collection tests/collector tests/diagnosis/test_reads.py \
	tests/diagnosis/test_writes.py tests/diagnosis/test_watch.py tests/test_cycle.py
test-postgres: $(VENV)/.installed-dev
	$(if $(ALIGN_TEST_DATABASE_URL),,$(BIN)/python -m tests.postgres_server) \
		$(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not e2e and not exam and not slow" $(TESTS)

# Every ratio, or those of some modules: make bench BENCH="ingest cycle"
BENCH ?=
bench: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	$(BIN)/python -m benchmarks $(BENCH)

# Hours: 1,000 kills, 100,000 mutated lines of each kind of file, what grows, fifty bots.
attack: $(VENV)/.installed-dev
	ALIGN_KILLS=1000 ALIGN_FUZZ_LINES=100000 $(BIN)/python -m pytest -q -k "killed or mutated" \
		tests/killed tests/feature_log tests/signal_log tests/candles tests/recompute
	$(BIN)/python -m benchmarks.leaks
	$(BIN)/python -m benchmarks.many_bots

# Numbers that decide, changed in a copy of the tree: a test has to fail for each.
mutants: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.mutants

exam: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.diagnosis_exam

exam-short: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.diagnosis_exam --short

# The exam from other hands: worlds that share no line with the demo's faults and the causes.
worlds: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.worlds

worlds-short: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.worlds --short

e2e: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m e2e tests/e2e

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layers.py tests/storage/test_engine.py

# Every package of the image by its hash; after a change of requirements*.txt.
lock: $(VENV)/.installed-dev
	$(BIN)/uv pip compile requirements.txt requirements-auth.txt requirements-postgres.txt \
		--generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header --quiet -o requirements.lock

# Known vulnerabilities of what the image installs, as far as advisories can be reached.
audit: $(VENV)/.installed-dev
	$(BIN)/pip-audit -r requirements.lock --require-hashes --disable-pip --progress-spinner off

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Before the first release: the single initial migration, written anew.
schema: $(VENV)/.installed-dev
	rm -f core/storage/migrations/versions/0001*.py
	$(BIN)/python -m core.storage.migrations.autogenerate "initial schema"
	$(BIN)/ruff format core/storage/migrations/versions

# make migration M="what changes"
migration: $(VENV)/.installed-dev
	$(BIN)/python -m core.storage.migrations.autogenerate "$(M)"
	$(BIN)/ruff format core/storage/migrations/versions

golden: $(VENV)/.installed-dev
	ALIGN_GOLDEN=write $(BIN)/python -m pytest -q -k golden

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m tests.e2e.screenshots

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov .coverage .coverage.*

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; say which with make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-postgres.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
