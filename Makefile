# Every command of the project. `make demo` and `make test` do everything a fresh machine needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
DDAPM := .venv-ddapm
WHEELS := .wheelhouse
UV_VERSION := 0.13.8
DEBIAN := prometheus prometheus-alertmanager prometheus-pushgateway postgresql-15 chromium
BENCHMARKS := fold exposition poll stats memory routing audit gate reaction ship instrument start

.PHONY: install install-test demo test soak check bench render clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## .venv with the server, the demo and the lint and type tools

install-test: $(VENV)/.installed-test $(DDAPM)/.installed $(WHEELS)/.filled ## the oracles of the tests, Datadog's test agent, what the tutorial installs, and the Debian packages of the real servers
	@sh tools/debian-packages.sh $(DEBIAN)

demo: install ## a fleet to watch, on http://127.0.0.1:9712/, until Ctrl-C
	@$(BIN)/fleawatch demo

test: install-test check ## everything that must be green
	$(BIN)/pytest tests/unit tests/property tests/contract tests/golden tests/scenario tests/test_architecture.py -n 2 -q
	$(BIN)/pytest tests/live/test_incidents_unseen.py -n 2 -q
	$(BIN)/pytest tests/live tests/test_docs.py --ignore tests/live/test_incidents_unseen.py -q

soak: install-test ## eight simulated hours with every fault, ten minutes; FLEAWATCH_SOAK_HOURS=24 for a day
	$(BIN)/pytest tests/live -q -m soak

check: install ## format, lint, types, layers, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/fleawatch render --check

bench: install-test ## every benchmark, with its targets
	@for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name --json || exit 1; done

render: install ## write the generated pages anew
	$(BIN)/fleawatch render

clean: ## forget the environment
	rm -rf $(VENV) $(DDAPM) $(WHEELS)

$(VENV)/.uv:
	@test -n "$(PYTHON)" || { echo "python3.11 was not found: install Python 3.11 or newer (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11: name a newer one with make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make environments (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.installed: $(VENV)/.uv pyproject.toml uv.lock
	$(BIN)/uv sync --frozen --inexact --quiet --extra server --group lint
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/uv sync --frozen --inexact --quiet --extra server --group dev
	@touch $@

# Apart, because it pins libraries that ours need newer.
$(DDAPM)/.installed: $(VENV)/.uv tools/datadog-requirements.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(DDAPM)
	$(BIN)/uv pip install --quiet --python $(DDAPM)/bin/python -r tools/datadog-requirements.txt
	@touch $@

# So that the tutorial's first command installs in a test as it does for a reader, and the test reaches no index.
$(WHEELS)/.filled: $(VENV)/.uv pyproject.toml uv.lock
	@mkdir -p $(WHEELS)
	$(BIN)/uv export --frozen --quiet --extra server --no-default-groups --group tutorial --no-emit-project --no-hashes --output-file $(WHEELS)/requirements.txt
	$(BIN)/pip download --quiet --disable-pip-version-check --dest $(WHEELS) --requirement $(WHEELS)/requirements.txt
	@touch $@
