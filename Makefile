# make demo    set everything up, then seal, verify, restore and compare a realistic chat database, and two days of its backups
# make test    set everything up, then run the whole suite (types and style included)
# make soak    the full counts of the sampled tests, and 4 GB inputs        make fuzz    random search, FUZZ_SECONDS=300
# make bench   pytest-benchmark, then the bars as ratios                    make bench-peers    age, gpg, restic, borg, rclone beside it
# make bench-history    asv on two commits, published in build/asv/html     make sanitize       the tests under ASan and UBSan
# make coverage         lines of engine/ and ext/ that the tests reach      make thread-sanitize   the pipelines under TSan
# make dist    sdist and wheel in dist/                                     make page     the vault's page (needs npm)
# make clean
#
# Files of tests run beside each other on all cores, at most 8; BESIDE= runs one after the other.
# PYTHON=python3.13 chooses the interpreter; everything Python goes into .venv. System packages that are missing are
# installed with apt-get, after saying so.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
BESIDE ?= -n auto --maxprocesses 8 --dist loadfile
CORE := pyproject.toml setup.py $(wildcard ext/*)
FUZZ_SECONDS ?= 300
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test soak fuzz bench bench-peers bench-history sanitize thread-sanitize coverage dist clean lint page

demo: $(VENV)/core-ready
	$(BIN)/python bench/demo.py

test: $(VENV)/test-ready build/azurite/ready build/page/ready
	$(PYTEST) $(BESIDE) -m "not soak and not fuzz"

soak: $(VENV)/test-ready build/azurite/ready build/page/ready
	HYPOTHESIS_PROFILE=soak $(PYTEST) $(BESIDE) -m "not fuzz"

fuzz: $(VENV)/test-ready
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTEST) -m fuzz

lint: $(VENV)/test-ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/bench-ready
	$(PYTEST) bench --benchmark-columns=median,min,max,rounds -p no:cacheprovider
	$(BIN)/python bench/ratios.py
	$(BIN)/python bench/backups.py
	$(BIN)/python bench/logins.py

bench-peers: $(VENV)/bench-ready
	@bench/system-packages zstd age gnupg restic borgbackup rclone
	$(BIN)/python bench/peers.py --plot build/peers.svg

bench-history: $(VENV)/bench-ready
	bench/history.sh

# --- setting up ---------------------------------------------------------------------------------------------------------

$(VENV)/made:
	@bench/system-packages
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=25.1"
	@touch $@

$(VENV)/core-ready: $(VENV)/made $(CORE)
	@bench/system-packages
	$(PIP) --editable .
	@touch $@

$(VENV)/test-ready: $(VENV)/core-ready vault-pins.txt
	@bench/system-packages zstd $(if $(filter Linux,$(shell uname)),strace memcached libsodium23 cron)
	@bench/system-packages $(if $(filter Linux,$(shell uname)),chromium) || echo "Chromium is not installed; tests of the vault's page in a browser are skipped"
	@bench/system-packages rclone || echo "rclone is not installed; tests of stores that it reaches are skipped"
	$(PIP) --require-hashes --no-deps -r vault-pins.txt
	$(PIP) --group test --group stores --group lint --group build
	@touch $@

# Azure's emulator for the tests of stores. Without npm, or a network for it, they skip it and say so.
build/azurite/ready:
	@mkdir -p $(@D)
	@if command -v npm >/dev/null && npm install --prefix $(@D) --no-audit --no-fund --silent azurite@3.35.0; then touch $@; \
	else echo "Azurite is not installed: no npm, or it failed; its tests are skipped"; fi

# What the vault's page loads of other people: locked, by npm, and put beside the page. Without npm, or a network for it, the page is not
# built: it says so, and its tests are skipped.
page: build/page/ready

build/page/ready: bench/page/package.json bench/page/package-lock.json bench/page/vendor.py
	@mkdir -p $(@D)
	@cp bench/page/package.json bench/page/package-lock.json $(@D)
	@if command -v npm >/dev/null && npm ci --prefix $(@D) --no-audit --no-fund --ignore-scripts --silent && $(PYTHON) bench/page/vendor.py; then touch $@; \
	else echo "The vault's page is not built: no npm, or it failed; its tests are skipped"; fi

$(VENV)/bench-ready: $(VENV)/test-ready
	$(PIP) --group bench
	@touch $@

# --- other builds, each in a copy of the tree: the extension of one never serves another ----------------------------------

COPY = rm -rf build/$(1) && mkdir -p build/$(1) && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t build/$(1)
PYTHON_HOME = $(abspath $(BIN))/python

coverage: $(VENV)/test-ready
	$(call COPY,coverage)
	cd build/coverage && CHATSEAL_COVERAGE=1 $(PYTHON_HOME) setup.py --quiet build_ext --inplace
	cd build/coverage && PYTHONPATH=engine $(PYTHON_HOME) -m pytest -m "not soak and not fuzz" --cov=chatseal --cov-config=bench/coverage.toml \
	  --cov-report= --ignore=tests/packaging -k "not nothing_is_loaded" -q -p no:cacheprovider  # coverage loads things itself
	cd build/coverage && $(PYTHON_HOME) -m coverage report --rcfile=bench/coverage.toml --include='engine/*' --fail-under=95
	cd build/coverage && bench/gcov-summary

sanitize: $(VENV)/test-ready
	$(call COPY,sanitize)
	cd build/sanitize && CHATSEAL_SANITIZE=address,undefined $(PYTHON_HOME) setup.py --quiet build_ext --inplace
	cd build/sanitize && PYTHON=$(PYTHON_HOME) bench/sanitized asan

thread-sanitize: $(VENV)/test-ready
	$(call COPY,tsan)
	cd build/tsan && CHATSEAL_SANITIZE=thread $(PYTHON_HOME) setup.py --quiet build_ext --inplace
	cd build/tsan && PYTHON=$(PYTHON_HOME) bench/sanitized tsan

dist: $(VENV)/test-ready build/page/ready
	$(BIN)/python -m build

clean:
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	rm -rf engine/*.egg-info engine/chatseal/_*.so engine/chatseal/vault/service/page/vendor
