# The commands of daily work, in the environment of `pip install -e ".[mminstall,tests,crf,docs]"`.
.DEFAULT_GOAL := help
.PHONY: help all format lint types docs doctest test test-quick test-cuda test-original docs-index

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

all: lint types docs test  ## All checks and all tests, as .ci/run does

format:  ## Format all files and mend what can be mended
	ruff format .
	ruff check --fix .

docs:  ## Build the site in docs/_build/html, without a network
	sphinx-build -q -W --keep-going docs docs/_build/html

docs-index:  ## Write the generated pages and drawings in docs/ and tables of configs
	python docs/make_indexes.py
	python docs/make_drawings.py
	python tools/make_config_tables.py

lint:  ## Check format, code, spelling, links and generated pages
	ruff format --check .
	ruff check .
	codespell
	python .ci/check_links.py
	python docs/make_indexes.py --check
	python docs/make_drawings.py --check
	python tools/make_config_tables.py --check

types:  ## Check the types of the package and the tools
	mypy

doctest:  ## Run the examples in the docstrings
	pytest mmseg_labelfree

test:  ## Run all tests, the examples among them
	pytest

test-quick:  ## The same without trainings and other processes (10 to 20 minutes on two CPU cores)
	pytest -m "not slow"

test-cuda:  ## Test and time on a GPU; writes tables that name it to work_dirs
	python .ci/test_cuda.py

test-original:  ## The tests on OpenMMLab's original packages, in .venv-original
	.ci/original_stack.sh
