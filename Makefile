PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo env test test-all lint bench figures clean

demo: env  ## compress and restore the shipped sample, and write a report of it
	$(BIN)/atlasae demo --rates benchmarks/results/rates.json

env: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

test: env
	$(BIN)/python -m pytest --mpl

test-all: env
	$(BIN)/python -m pytest --mpl -m 'slow or not slow'

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The jets and events that the rates are measured on; see benchmarks/rates.py for what they are.
JETS ?= ../shared/data/all_jets_test_4D_100_percent.pkl
EVENTS ?= ../shared/data/pythia_dijets_60k.root

bench: env  ## hwcounter needs a C compiler; without it the cycles are marked as estimated
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cycles]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.rates $(JETS) $(EVENTS)

figures: env  ## draw the image baselines of the tests anew
	$(BIN)/python -m pytest --mpl-generate-path=tests/plots/baseline tests/plots/test_plots.py

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
