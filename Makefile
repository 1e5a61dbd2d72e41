# One file of tasks for people and CI. Every task sets itself up; `make help` lists them.
# Tabs matter here. The environment is .venv, or whatever VENV says.
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.picolink-dev
BENCH_STAMP := $(VENV)/.picolink-bench
PYTEST_ARGS ?=
HA_PYTHON ?= python3
HA := build/homeassistant
THONNY := build/thonny
# A file of tests stays in one process: their boards are started once. Three on two processors,
# since tests wait more than they compute.
PYTEST = $(PY) -m pytest $(LIMIT)
BESIDE := --numprocesses 3 --dist loadfile
AGAIN = { test $$? -eq 1 && \
  echo "What failed beside others runs once more, alone: a busy machine may explain it." && \
  $(PYTEST) --last-failed --last-failed-no-failures none; }

# What `make oldest` runs: at least one file for each package that pyproject.toml names.
OLDEST := build/oldest
OLDEST_TESTS := tests/core/test_values.py tests/packing tests/install/test_install.py \
  tests/picosim/test_mpremote.py tests/picosim/test_firmware.py tests/links/usb tests/links/test_ble_link.py tests/links/i2c/test_opening.py \
  tests/links/test_discovery.py tests/links/test_mqtt_link.py tests/links/test_mqtt_brokers.py \
  tests/cli/test_mqtt_ca.py tests/examples/test_notebooks.py tests/whole/test_histories.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test firmware soak million bench lint oldest homeassistant thonny format pack clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

$(STAMP): pyproject.toml src/picosim/pyproject.toml tools/make_venv.sh
	@sh tools/make_venv.sh $(VENV) dev
	@touch $@

$(BENCH_STAMP): $(STAMP)
	@sh tools/make_venv.sh $(VENV) dev,bench
	@touch $@

setup: $(STAMP) ## make .venv and install everything into it

demo: $(STAMP) ## two virtual boards, a button, a lamp, a live chart (ONCE=1: end by itself)
	@$(PY) examples/demo/demo.py $(if $(ONCE),--once)

test: lint ## lint, then all tests, with small counts
	$(PYTEST) $(BESIDE) --durations=10 $(PYTEST_ARGS) || $(AGAIN)

firmware: LIMIT := --timeout=600
firmware: $(STAMP) ## boards that run a real firmware: FIRMWARE=RPI_PICO_W.uf2:RPI_PICO.uf2, or one of them
	@test -n "$(FIRMWARE)" || { echo "Say which: make firmware FIRMWARE=RPI_PICO_W.uf2 (or two, with a : between); \
	micropython.org/download/RPI_PICO_W has the file." >&2; exit 2; }
	PICOLINK_FIRMWARE="$(FIRMWARE)" $(PYTEST) --durations=10 tests/firmware $(PYTEST_ARGS)

soak: LIMIT := --timeout=3600
soak: export PICOLINK_SOAK = 1
soak: export PICOLINK_HOMEASSISTANT = $(CURDIR)/$(HA)/bin/python
soak: export PICOLINK_THONNY = $(CURDIR)/$(THONNY)/bin/python
soak: lint oldest homeassistant thonny ## the same tests with the full counts (some 40 minutes)
	$(PYTEST) $(BESIDE) --durations=20 $(PYTEST_ARGS) || $(AGAIN)

million: $(STAMP) ## a million scenarios of whole nodes; Ctrl-C stops them, and the next time they go on
	@$(PY) tests/whole million

bench: $(BENCH_STAMP) ## measure, and write docs/benchmarks.md
	$(PY) -m bench $(BENCH_ARGS)

oldest: $(STAMP) ## the lowest versions of other packages that pyproject.toml allows: do they serve?
	test -x $(OLDEST)/bin/python || $(PY) -m venv $(OLDEST)
	$(PY) tools/oldest.py > $(OLDEST)/pins.txt
	$(OLDEST)/bin/python -m pip install --quiet --constraint $(OLDEST)/pins.txt \
	  --editable src/picosim --editable ".[dev,bench]" hatchling editables
	$(OLDEST)/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(OLDEST) . src/picosim
	$(OLDEST)/bin/python -m ruff check .
	$(OLDEST)/bin/python -m mypy --cache-dir $(OLDEST)/mypy
	$(OLDEST)/bin/python -m bench --others
	env -u PICOLINK_SOAK $(OLDEST)/bin/python -m pytest $(BESIDE) $(OLDEST_TESTS) || \
	  env -u PICOLINK_SOAK $(OLDEST)/bin/python -m pytest --last-failed --last-failed-no-failures none

homeassistant: $(STAMP) ## what Home Assistant is told, against its own schemas
	test -x $(HA)/bin/python || $(HA_PYTHON) -m venv $(HA)
	$(HA)/bin/python -m pip install --quiet "homeassistant>=2024.3" paho-mqtt
	PICOLINK_HOMEASSISTANT=$(CURDIR)/$(HA)/bin/python $(PY) -m pytest tests/links/test_mqtt_discovery.py

thonny: $(STAMP) ## Thonny itself with a virtual board
	test -x $(THONNY)/bin/python || $(PY) -m venv $(THONNY)
	$(THONNY)/bin/python -m pip install --quiet "thonny>=5"
	PICOLINK_THONNY=$(CURDIR)/$(THONNY)/bin/python $(PY) -m pytest tests/cli/test_thonny.py

lint: $(STAMP) ## ruff, mypy, and the board's files against the board's stubs
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) tools/check_board_types.py

format: $(STAMP) ## put the code into the one form that lint wants
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

pack: $(STAMP) ## compile what a board needs to build/board, renew board/package.json
	$(PY) -m picolink.packing --package-json
	$(PY) -m picolink.packing --out build/board

clean: ## remove what make made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
