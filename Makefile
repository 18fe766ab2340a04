# Everything this project does, by name. `make` alone lists it.
#
# Each target makes its own environment, in $(VENV), from the pinned requirements.txt.
# Without make: python tools/upkeep/set_up.py, then the commands below.

PYTHON ?= python3
VENV ?= .venv
OLDEST ?= .venv-oldest
PORT ?= 8000
BIN = $(VENV)/bin
SITE = _build/html
NUMPY_ALONE = tests/scratch tests/chapters tests/shared tests/test_autograd.py \
    tests/data/test_toys.py tests/checks/test_gradient_check.py src/mlpbook/scratch \
    src/mlpbook/chapters src/mlpbook/shared src/mlpbook/autograd.py src/mlpbook/data/toys.py \
    src/mlpbook/data/preparation.py src/mlpbook/checks/gradient_check.py \
    --ignore=src/mlpbook/chapters/tables_encoder.py --ignore=src/mlpbook/chapters/debugging.py \
    --ignore=src/mlpbook/chapters/inside.py

.DEFAULT_GOAL := help
.PHONY: help setup book strict test test-build newest oldest mutants browser lint pdf epub editions serve experiment bench lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

setup:  ## make the environment (the other targets do it for you)
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { echo "This book needs Python 3.11 or newer, and there is no $(PYTHON) here. Install Python, or name one: make PYTHON=/path/to/python"; exit 1; }
	@"$(PYTHON)" tools/upkeep/set_up.py "$(VENV)"

book: setup  ## build the site, executing every page that changed
	@"$(BIN)/jupyter-book" build book
	@echo "The book is in $(SITE)/index.html. To read it as it is published: make serve"

strict: setup  ## build every page with warnings as errors, and check the site
	@"$(BIN)/jupyter-book" build book --all -W -n --keep-going
	@"$(BIN)/python" -m tools.site.check $(SITE)

test: setup  ## run the tests
	@"$(BIN)/python" -m pytest

test-build: setup  ## test the build itself on small books with planted faults (needs Chromium)
	@"$(BIN)/python" -m pytest tests/build

newest:  ## build with the newest versions that Jupyter Book 1 admits: it may fail, and shows breaks early
	@mkdir -p _build
	@sed -E '/^(jupyter-book|torch|torchvision)==/!s/==[^ ]+//' requirements.in > _build/newest.txt
	@"$(PYTHON)" tools/upkeep/set_up.py .venv-newest _build/newest.txt
	@.venv-newest/bin/jupyter-book build book --path-output _build/newest

browser: book  ## read the built site in a browser (Chromium), as a reader would
	@"$(BIN)/python" -m pytest tests/browser --site $(SITE)

oldest:  ## test the NumPy half on the oldest NumPy it promises to run on (needs Python 3.11)
	@"$(PYTHON)" tools/upkeep/set_up.py "$(OLDEST)" tests/oldest.txt
	@MLPBOOK_DATA=none "$(OLDEST)/bin/python" -m pytest -p no:cacheprovider $(NUMPY_ALONE)

mutants: setup  ## change the NumPy half in thousands of ways: do its tests notice? (5 minutes)
	@"$(BIN)/python" -m tools.upkeep.mutants $(ONLY)

lint: setup  ## check style and types
	@"$(BIN)/ruff" check src tests tools benchmarks experiments
	@"$(BIN)/ruff" format --check src tests tools benchmarks experiments
	@"$(BIN)/mypy"
	@sh tools/upkeep/commit_subjects.sh

pdf: book  ## print the whole book as one PDF beside the site's pages (needs Chromium)
	@"$(BIN)/python" -m tools.editions.print_pdf $(SITE)

epub: book  ## make an EPUB of the whole book beside the site's pages
	@"$(BIN)/python" -m tools.editions.make_epub $(SITE)

editions: pdf epub  ## make both, and check them (needs Chromium, and Java for EPUBCheck)
	@"$(BIN)/python" -m tools.editions.check $(SITE)

serve: book  ## build the site, then serve it on this machine
	@echo "Reading room: http://localhost:$(PORT)/ (stop with Ctrl-C)"
	@"$(BIN)/python" -m http.server --directory $(SITE) --bind 127.0.0.1 $(PORT)

experiment: setup  ## list experiments too slow for the build; run one with NAME=...
	@PYTHONPATH=src "$(BIN)/python" -m bookkit.records $(NAME)

bench: setup  ## time the package against PyTorch, scikit-learn and bare products
	@"$(BIN)/python" -m benchmarks.bench

lock: setup  ## pin requirements.in in requirements.txt (needs uv)
	@tools/upkeep/lock.sh

clean:  ## remove what was built (the environment stays)
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
