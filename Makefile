PYTHON ?= $(shell command -v python3.11 || command -v python3)
CONSTRAINTS ?= constraints.txt
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS))
READY := .venv/.ready
DOCS_READY := .venv/.docs-ready
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest --mpl -n $(WORKERS) --dist worksteal

.PHONY: demo env test test-all lint docs lean bench pretrained figures image clean

demo: env  ## compress and restore the shipped sample, and write a report of it
	$(BIN)/atlasae demo --rates benchmarks/results/rates.json

# --upgrade-deps: the pip that comes with Python takes a minute longer to resolve versions
env: $(READY)  ## an environment with every extra and the tools of the tests

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv --upgrade-deps .venv
	$(PIP) -e '.[all,hls4ml,onnx,root,test]'
	@touch $@

$(DOCS_READY): $(READY)
	$(PIP) -e '.[docs]'
	@touch $@

test: env  ## the tests, on two cores
	$(PYTEST)

test-all: env  ## the slow tests too, with coverage, which takes half as long again
	$(PYTEST) -m 'slow or not slow' --cov --cov-report=term --cov-fail-under=95

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(DOCS_READY)  ## the documentation, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lean: env  ## the core alone, in its own environment: its size, and the sample compressed
	$(BIN)/python -m pytest -m slow -rP tests/packaging/test_container.py

# Jets and events that the rates are measured on; benchmarks/rates.py describes them.
JETS ?= ../shared/data/all_jets_test_4D_100_percent.pkl
EVENTS ?= ../shared/data/pythia_dijets_60k.root
FILES ?= $(addprefix ../shared/data/root/,nanoAOD_2015_CMS_Open_Data_ttbar.root Run2012B_SingleMu_1000.root)

# A copy of https://github.com/burtscher/LC-framework; without one LC is not measured.
LC ?=

bench: env  ## hwcounter needs a C compiler; without it the cycles are marked as estimated
	-$(PIP) -e '.[cycles]'
	$(PIP) -e '.[bench]'
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.rates $(JETS) $(EVENTS)
	$(BIN)/python -m benchmarks.promises $(JETS) $(EVENTS)
	$(BIN)/python -m benchmarks.quantities $(EVENTS)
	$(BIN)/python -m benchmarks.anchors $(EVENTS) $(addprefix --lc ,$(LC))
	$(BIN)/python -m benchmarks.reading $(EVENTS)
	$(BIN)/python -m benchmarks.data_quality $(EVENTS)
	$(BIN)/python -m benchmarks.whole_files $(FILES)
	$(BIN)/python -m benchmarks.bars

pretrained: env  ## make the codecs that are part of the package anew
	$(PIP) -e '.[generate]'
	$(BIN)/python -m benchmarks.pretrained

figures: env  ## draw the image baselines of the tests anew
	$(BIN)/python -m pytest --mpl-generate-path=tests/plots/baseline tests/plots/test_plots.py

image: packaging/smoke_test.sh  ## the container, and the sample compressed in it
	docker build --tag atlasae .
	docker run --rm --interactive --entrypoint sh atlasae -s < packaging/smoke_test.sh

clean:
	rm -rf .venv build dist site .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
