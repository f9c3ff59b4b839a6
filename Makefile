# Everything is installed into $(VENV); nothing but Python 3.10-3.12, git and make has to be there before.
PYTHON   ?= python3
# One exact version, so that pip takes the build you meant: make demo TORCH=torch==2.9.1 (README.md: CPU-only and CUDA builds)
TORCH    ?= torch==2.13.0
VENV     ?= .venv
PIPFLAGS ?= -q
# two processes; up to four where there are as many cores
WORKERS  ?= $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -lt 2 ] && n=2; [ $$n -gt 4 ] && n=4; echo $$n)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install $(PIPFLAGS) --disable-pip-version-check
export GRADIO_ANALYTICS_ENABLED := False
notebooks pytest slow: export MPLBACKEND := agg

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/run.done  ## decompose and relight an example portrait, write demo_out/
	@$(BIN)/python examples/demo.py --out demo_out

app: $(VENV)/run.done  ## open the demo in the browser
	@$(BIN)/python app.py

test: lint  ## everything below, as the continuous integration does (.ci/run); notebooks and pytest side by side
	@$(MAKE) --no-print-directory -j2 notebooks pytest

web: $(VENV)/dev.done  ## build the static page into dist/web: detection, layers and light in the browser, no server (docs/web.md)
	@$(BIN)/python web/build.py

space-static: $(VENV)/dev.done  ## the same into dist/space-static, ready to push to a static Space
	@$(BIN)/python web/build.py --space --out dist/space-static

lint: $(VENV)/dev.done  ## ruff over code and notebooks
	$(BIN)/ruff check .

notebooks: $(VENV)/dev.done  ## run every notebook's tests; the lessons are run by tests/test_lessons.py
	OMP_NUM_THREADS=1 $(BIN)/nbdev_test --n_workers $(WORKERS) --do_print --timing --skip_folder_re '^([_.]|lessons$$)'

pytest: $(VENV)/dev.done  ## app, command line, repository (notebooks and package in step)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

slow: $(VENV)/dev.done  ## what `make notebooks` and `make pytest` leave out, before a release
	OMP_NUM_THREADS=1 $(BIN)/nbdev_test --n_workers $(WORKERS) --do_print --flags slow --skip_folder_re '^([_.]|lessons$$)'
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m slow

lowest:  ## the tests against the lowest versions that settings.ini allows, in an environment of their own (gigabytes; tests/lowest.py)
	$(PYTHON) tests/lowest.py

bench: $(VENV)/run.done  ## print the speed table
	@$(BIN)/python bench/bench.py

bench-synth: $(VENV)/dev.done  ## speed of making synthetic faces: make bench-synth ASSETS=DIR (default: no assets)
	@$(BIN)/python bench/synth.py $(if $(ASSETS),--assets $(ASSETS))

bench-train: $(VENV)/dev.done  ## steps a second of every training stage, and the time spent waiting for data
	@$(BIN)/python bench/train.py

bench-demo: $(VENV)/dev.done  ## frames a second of the demo's page, 20 visitors at once, memory after 200 photos
	@$(BIN)/python bench/demo.py

bench-runtimes: $(VENV)/dev.done  ## the networks in torch and in ONNX Runtime: size and speed; with YALE=DIR accuracy, too
	@$(BIN)/python bench/runtimes.py $(if $(YALE),--yale $(YALE))

bench-web: $(VENV)/dev.done  ## the static page in Chromium: from photo to layers, and how far from the package its pictures are
	@$(BIN)/python bench/static_page.py

style:  ## print how the code reads: full lines, wide lines, long functions, notebooks (bench/style.py)
	@$(PYTHON) bench/style.py

contents:  ## the book's contents, nbs/README.md, from the notebooks' titles
	@$(PYTHON) bench/contents.py

export: $(VENV)/dev.done  ## after editing notebooks: clean them and write the package
	$(BIN)/nbdev_clean
	$(BIN)/nbdev_export

outputs: $(VENV)/dev.done  ## run one notebook and keep its outputs: make outputs NB=nbs/19_light.ipynb
	cd $(dir $(NB)) && MPLBACKEND=module://matplotlib_inline.backend_inline $(abspath $(BIN))/exec_nb $(notdir $(NB)) --dest $(notdir $(NB)) --exc_stop
	$(MAKE) export

lab: $(VENV)/lab.done  ## open the notebooks in JupyterLab; the course is in lessons/
	$(BIN)/jupyter lab --notebook-dir nbs

docs: $(VENV)/docs.done  ## build the site into _docs/: lessons, chapters, signatures, docs, search
	$(BIN)/python bench/website.py
	$(BIN)/python -m pytest -q tests/test_site.py

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.10, 3.11 or 3.12, or say which one to use (make PYTHON=python3.11 ...)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' || \
	  { echo "illures_nb needs Python 3.10, 3.11 or 3.12, but $(PYTHON) is $$($(PYTHON) -V 2>&1): say which one to use (make PYTHON=python3.11 ...)."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/run.done: settings.ini setup.py pyproject.toml | $(BIN)/python
	@echo "Installing $(TORCH) and illures_nb into $(VENV): a few minutes the first time."
	@$(PIP) $(TORCH)
	@$(PIP) -e .
	@touch $@

$(VENV)/dev.done: $(VENV)/run.done
	@echo "Installing what tests and development need into $(VENV)."
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/lab.done: $(VENV)/dev.done
	@$(PIP) -e '.[dev,lab]'
	@touch $@

$(VENV)/docs.done: $(VENV)/dev.done
	@$(PIP) -e '.[dev,docs]'
	@touch $@

.PHONY: help demo app web space-static test lint notebooks pytest slow lowest style bench bench-synth bench-train bench-demo bench-runtimes bench-web contents export outputs lab docs
