# `make` lists the targets. The study is a graph of files: each table, with the executed notebook that made it,
# hangs on the notebook, the parameters, and just those modules of lib/ that the notebook imports.
#
# Variables:  STUDY=tiny  MODELS="a b"  INTERRUPTS=a,b  POSITIONS=0.1,0.5  JOBS=2 (or -j2)  GPUS=0,1  EXTRA=cpu|gpu
#             TO=file.zip  ARCHIVE=file.zip  WATCH=1  FORCE=1  ARGS="of bench or lab"  PYTHON=python3  VENV=.venv
#             SET="problems=20 samples=4"  A=study/model  B=study/model

ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error GNU Make 4.3 or newer is needed, this is $(MAKE_VERSION))
endif
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

# What a user gives is text: make expands nothing in it, the shell gets it in quotes, and Python checks it.
VARIABLES := STUDY MODELS INTERRUPTS POSITIONS JOBS GPUS EXTRA TO ARCHIVE WATCH FORCE ARGS PYTHON VENV SET A B \
    MIDTHOUGHT_OUTPUTS MIDTHOUGHT_WORKING_COPY MIDTHOUGHT_GRADERS
GIVEN := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))
$(foreach v,$(filter-out VENV,$(VARIABLES)) $(filter VENV,$(GIVEN)),\
    $(if $(filter-out undefined,$(origin $v)),$(eval override $v := $$(value $v))))
quoted = '$(subst ','\'',$1)'
each = $(foreach w,$1,$(call quoted,$w))
define newline :=


endef
CLOSEST := import difflib, sys; print(*(difflib.get_close_matches(sys.argv[1].upper(), sys.argv[2:], 1) or ["?"]))
closest = $(shell $(call quoted,$(or $(PYTHON),python3)) -c $(call quoted,$(CLOSEST)) $(call quoted,$1) $(VARIABLES))
$(foreach v,$(filter-out $(VARIABLES),$(GIVEN)),$(error $v: no variable of this Makefile \
    (did you mean $(call closest,$v)?), expected one of $(VARIABLES)))
$(foreach v,$(VARIABLES),$(if $(findstring $(newline),$($v)),$(error $v: expected one line)))
$(foreach v,$(filter STUDY ARCHIVE TO,$(GIVEN)),$(if $($v),,$(error $v: empty, expected a name)))
matches = $(filter yes,$(shell [[ $(call quoted,$1) =~ ^($2)$$ ]] && echo yes))

# The same hash seed everywhere; the engine inside the kernel's own process; nothing is reported to anyone.
export PYTHONHASHSEED := 0
export VLLM_ENABLE_V1_MULTIPROCESSING := 0
export VLLM_NO_USAGE_STATS := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
# Notebooks run in this environment's kernel and on its packages, and those are compiled once, whatever the user's own
# settings say (vLLM takes 20 s longer to import without its bytecode).
export JUPYTER_PREFER_ENV_PATH := 1
unexport JUPYTER_PATH PYTHONPATH PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## The environment --------------------------------------------------------------------------------------------------

VENV := .venv
ifeq ($(call matches,$(VENV),[A-Za-z0-9._/+@-]+),)
$(error VENV: `$(VENV)`: expected a folder of letters, digits and . _ - + @ / alone)
endif
PY := $(VENV)/bin/python
PYTHON ?= python3
export PYTHON
# Which build of vLLM: the installed one, else `gpu` where an NVIDIA GPU answers, else `cpu`.
ifndef EXTRA
EXTRA := $(patsubst $(VENV)/.installed-%,%,$(firstword $(wildcard $(VENV)/.installed-*)))
EXTRA := $(or $(EXTRA),$(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu))
endif
ifneq ($(words $(EXTRA))$(filter-out cpu gpu,$(EXTRA)),1)
$(error EXTRA is `cpu` or `gpu`, not `$(EXTRA)`)
endif
STAMP := $(VENV)/.installed-$(EXTRA)

.PHONY: env lock lock-cpu lock-gpu
env: $(STAMP)  ## Make .venv, with what locks/ says; vLLM for the GPU if there is one (EXTRA=cpu: not)

$(STAMP): pyproject.toml locks/$(EXTRA).txt
	@echo "Setting up $(VENV) for the $(EXTRA): about $(if $(filter cpu,$(EXTRA)),1,4) GB to download, once"
	locks/uv $(EXTRA) pip sync --quiet --python $(PY) locks/$(EXTRA).txt
	locks/uv $(EXTRA) pip install --quiet --python $(PY) --no-deps --editable .
	# Importing shows that it works, and compiles it.
	$(PY) -c 'import logging; logging.disable(); import datasets, math_verify, papermill, seaborn; from vllm import LLM'
	rm -f $(VENV)/.installed-*
	touch $@

lock: lock-cpu lock-gpu  ## Derive locks/*.txt from pyproject.toml (made for Python 3.11, good for 3.12 to 3.14)
lock-cpu: OVERRIDES := --overrides locks/cpu-overrides.txt
lock-cpu lock-gpu: lock-%:
	@locks/uv $* pip compile --quiet pyproject.toml $(addprefix --extra ,$* cluster s3 test lab) \
	    --overrides locks/overrides.txt $(OVERRIDES) \
	    --python-version 3.11 --python-platform x86_64-manylinux_2_31 --no-annotate \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --output-file locks/$*.txt

## The study --------------------------------------------------------------------------------------------------------

STUDY ?= tiny
# SET="problems=20 samples=4": a study of its own, which Python writes beside the one that it varies.
ifneq ($(filter SET,$(GIVEN)),)
ifeq ($(wildcard $(PY)),)
$(error no environment in $(VENV) yet: run make env)
endif
VARIANT := $(shell $(PY) -m lib.pipeline.variant --study=$(call quoted,$(STUDY)) --set=$(call quoted,$(SET)))
ifneq ($(.SHELLSTATUS),0)
$(error $(or $(VARIANT),SET: the study cannot be varied, see above))
endif
override STUDY := $(VARIANT)
endif
comma := ,
listed = $(strip $(subst $(comma), ,$1))
commas = $(subst $() ,$(comma),$(call listed,$1))
ASKED := $(call quoted,$(STUDY)) --models=$(call quoted,$(call commas,$(MODELS))) \
    --interrupts=$(call quoted,$(call commas,$(INTERRUPTS))) --positions=$(call quoted,$(call commas,$(POSITIONS)))
CAST := $(if $(MODELS),--models=$(call quoted,$(call commas,$(MODELS))))

# Python reads the study, and gives names and files that it has checked: the variables of lib/pipeline/graph.py.
ifneq ($(filter reproduce results clean,$(MAKECMDGOALS))$(findstring /,$(filter-out $(VENV)/%,$(MAKECMDGOALS))),)
ifneq ($(wildcard $(PY)),)
FACTS := $(shell MIDTHOUGHT_OUTPUTS=$(call quoted,$(MIDTHOUGHT_OUTPUTS)) \
    MIDTHOUGHT_WORKING_COPY=$(call quoted,$(MIDTHOUGHT_WORKING_COPY)) $(PY) -m lib.pipeline.graph --study $(ASKED))
ifneq ($(.SHELLSTATUS),0)
$(error $(or $(FACTS),the study cannot be read, see above))
endif
$(eval $(subst ;,$(newline),$(FACTS)))
else ifeq ($(filter reproduce,$(MAKECMDGOALS)),)
$(error no environment in $(VENV) yet: run make env)
endif
endif

# With GPUS, each run takes what its model needs, and as many go side by side as there are GPUs (lib/engine/gpus.py).
WHY := $(VENV)/.why-$(shell echo $$$$)
GPUS ?=
JOBS ?= $(if $(GPUS),$(words $(call listed,$(GPUS))),$(if $(filter gpu,$(EXTRA)),1,2))
ifeq ($(call matches,$(JOBS),[1-9][0-9]?[0-9]?),)
$(error JOBS is a count, not `$(JOBS)`)
endif
export MIDTHOUGHT_GPUS := $(GPUS)
export MIDTHOUGHT_CONCURRENT_RUNS := $(or $(words $(wordlist 1,$(JOBS),$(MODELS))),1)
export MIDTHOUGHT_OUTPUTS MIDTHOUGHT_WORKING_COPY
FOR := --study $(call quoted,$(STUDY))
# Results in an object store: make works on a copy on this disk (lib/paths.py), and a step puts what it made there itself.
ifneq ($(findstring ://,$(MIDTHOUGHT_OUTPUTS)),)
PULL := $(PY) -m lib.pipeline.sync pull --new $(FOR)
PUSH := $(PY) -m lib.pipeline.sync push $(FOR)
endif
T := $(OUT)/tables
N := $(OUT)/notebooks
# Each step makes a table and the executed notebook that tells about it; $1 is a model.
PROBLEMS = $T/problems.parquet $N/01_load.ipynb
UPDATES = $T/updates.parquet $N/02_augment.ipynb
TRACES = $T/$1/traces.parquet $N/$1/03_initial.ipynb
CONTINUATIONS = $T/$1/continuations.parquet $N/$1/04_interrupt.ipynb
GRADES = $T/$1/grades.parquet $T/$1/labels.parquet $T/$1/judgements.parquet $N/$1/05_grade.ipynb
REPORT = $N/06_failure_modes.ipynb

.PHONY: reproduce results
reproduce: ran  ## Run the six notebooks of STUDY (default: tiny), as far as they are out of date
	$(if $(wildcard $(WHY)),$(error $(file <$(WHY))$(shell rm -f $(WHY))))
	$(PUSH)
	$(PY) -m lib.pipeline.notebook --report $(FOR)

# Why notebooks failed is kept until all of them have ended, and is what make says last.
.PHONY: ran
ran: export MIDTHOUGHT_WHY = $(WHY)
ran: $(STAMP)
	$(PULL)
	$(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS)) results || [[ -s $$MIDTHOUGHT_WHY ]]

ifdef OUT
results: $(REPORT)
	@:

# What was asked for last is kept beside the tables, so that 03 and 04 run again for other interrupts, 04 for other
# positions, and 06 for other models. What a model has written before is in parts/ and is not asked for again.
LAST.interrupts := $(addprefix --interrupts=,$(call commas,$(INTERRUPTS)))
LAST.positions := $(addprefix --positions=,$(call commas,$(POSITIONS)))
LAST.models := $(MODELS)
define LAST
ifneq ($$(file <$T/.$1),$$(LAST.$1))
$T/.$1: FORCE
endif
$T/.$1:
	@mkdir -p $$(@D)
	echo '$$(LAST.$1)' >$$@
endef
$(foreach 1,interrupts positions models,$(eval $(call LAST,$1)))
FORCE:

RUN = @$(PY) -m lib.pipeline.notebook $(basename $(notdir $<)) $(FOR)
# The modules of rooms of lib/: files lib/name.py and folders lib/name/.
room = $(foreach r,$1,$(wildcard lib/$r.py lib/$r/*.py))
GROUND = $(call room,paths schema tables params)
PROBLEM = $(GROUND) $(call room,problems problems/tiny_math problems/tiny_code)
ENGINE = $(GROUND) $(call room,machine cluster markup engine interrupts)
GRADING = $(GROUND) $(call room,cluster problems answers confined sandbox grade)
JUDGING = $(JUDGED) $(call room,problems/tiny_math failures stats html grm) $(ENGINE)
FIGURES = $(GROUND) $(call room,stats paper figures) lib/figures/paper.mplstyle

$(PROBLEMS) &: notebooks/01_load.ipynb $(LOADED) $(PROBLEM) | $(STAMP)
	$(RUN)

$(UPDATES): export MIDTHOUGHT_CONCURRENT_RUNS := 1
$(UPDATES) &: notebooks/02_augment.ipynb $(PROBLEMS) $(call room,html updates) $(ENGINE) $(GRADING) $(UPDATING) \
    | $(STAMP)
	$(RUN)

# The chain of one model, $1. The chains do not touch each other, so they run side by side.
define CHAIN
$(TRACES) &: notebooks/03_initial.ipynb $(PROBLEMS) $(UPDATES) $T/.interrupts $(WORDINGS) $(ENGINE) \
    $(FIGURES) $(MODEL.$1) \
    | $(STAMP)
	$$(RUN) --model $1 $(LAST.interrupts)

$(CONTINUATIONS) &: notebooks/04_interrupt.ipynb $(TRACES) $T/.positions | $(STAMP)
	$$(RUN) --model $1 $(LAST.interrupts) $(LAST.positions)

$(GRADES) &: notebooks/05_grade.ipynb $(CONTINUATIONS) $(GRADING) $(JUDGING) $(FIGURES) \
    $(call room,html updates) params/failure_modes.yaml | $(STAMP)
	$$(RUN) --model $1
endef
$(foreach 1,$(MODELS),$(eval $(CHAIN)))

$(REPORT): notebooks/06_failure_modes.ipynb $T/.models $(foreach 1,$(MODELS),$(GRADES)) \
    $(JUDGING) $(FIGURES) $(call room,html report/explorer) $(wildcard params/published/*) | $(STAMP)
	$(RUN) $(CAST)
endif

.PHONY: plan status report archive verify pull push
report: $(STAMP)  ## Make static pages of a finished STUDY: outputs/STUDY/report/index.html
	@$(PULL)
	$(PY) -m lib.report $(FOR)
	$(PUSH)

archive: $(STAMP)  ## Pack a finished STUDY with all it was made from into outputs/STUDY.zip, or TO=file.zip
	@$(PULL)
	$(PY) -m lib.pipeline.archive $(FOR) $(if $(TO),--to $(call quoted,$(TO)))

verify: $(STAMP)  ## Derive the results of STUDY, or of ARCHIVE=file.zip, again from its stored traces, and compare
	@$(if $(ARCHIVE),,$(PULL))
	$(PY) -m lib.pipeline.verify $(if $(ARCHIVE),--archive $(call quoted,$(ARCHIVE)),$(FOR))

pull: $(STAMP)  ## Bring STUDY from the object store MIDTHOUGHT_OUTPUTS=s3://bucket/folder (FORCE=1: over what is here)
push: $(STAMP)  ## Put STUDY into the object store MIDTHOUGHT_OUTPUTS=s3://bucket/folder (FORCE=1: over what is there)
pull push:
	@$(PY) -m lib.pipeline.sync $@ $(FOR)$(if $(FORCE), --force)

plan: $(STAMP)  ## List what STUDY would run: notebooks, requests, prompt tokens (needs no GPU)
	@$(PY) -m lib.pipeline.status --plan --study $(ASKED)

status: $(STAMP)  ## Tell what of STUDY is planned, running, done or failed (WATCH=1: again and again)
	@$(PY) -m lib.pipeline.status --study $(ASKED) $(if $(WATCH),--watch)

## The rest ---------------------------------------------------------------------------------------------------------

CODE := lib models tests notebooks

.PHONY: notebooks test bench grade-check lint format models models-s models-m models-organisms models-grm evaluate lab clean
lint: $(STAMP)  ## Check style, of the notebooks too
	@$(PY) -m ruff check $(CODE)
	$(PY) -m ruff format --check $(CODE)
	$(VENV)/bin/lint-imports --no-cache >/dev/null || $(VENV)/bin/lint-imports --no-cache

# Tests that load an engine, start a cluster or run Make have the machine to themselves, the others go side by side.
ALONE := engine or ray or make
SIDE_BY_SIDE := -n auto --maxprocesses 8 --dist loadfile
test: lint stored  ## Check style and the stored outputs of 01 and 02, and run what a change can break
	@$(PY) -m pytest $(SIDE_BY_SIDE) -m "not ($(ALONE) or browser or slow or simulation)"
	$(PY) -m pytest -m "($(ALONE) or browser) and not (ray or slow or simulation)"

test-all: lint stored  ## Run every test: kills, clusters and large simulations too
	@$(PY) -m pytest $(SIDE_BY_SIDE) -m "not ($(ALONE))"
	$(PY) -m pytest -m "$(ALONE)"

.PHONY: stored test-all
stored: $(STAMP)
	@fresh=$$(mktemp -d)
	trap 'rm -rf "$$fresh"' EXIT
	MIDTHOUGHT_OUTPUTS="$$fresh" $(PY) -m pytest --nbval --nbval-current-env notebooks/0[12]_*.ipynb

bench: $(STAMP)  ## Measure time, memory and prefill beside others (<= 10 minutes; ARGS=--help, ARGS=--store for docs/)
	@$(PY) -m tests.bench $(call each,$(ARGS))

grade-check: $(STAMP)  ## Grade what other projects' suites hold (../shared/data) and list what is not as expected
	@$(PY) tests/grade_check.py

format: $(STAMP)  ## Put code and notebooks into style
	@$(PY) -m ruff check --fix $(CODE)
	$(PY) -m ruff format $(CODE)

models: models-s models-m  ## Train both TinyLRMs, the organisms and TinyGRM again (one CPU core, three hours and more)
	@$(MAKE) models-organisms
	$(MAKE) models-grm
models-s models-m: models-%: $(STAMP)
	@$(PY) -m models.tiny_lrm.train --size $*
models-organisms: $(STAMP)
	@$(PY) -m models.tiny_lrm.planted
models-grm: $(STAMP)
	@$(PY) -m models.tiny_grm.train

evaluate: $(STAMP)  ## Measure what the model cards state
	@$(PY) -m models.tiny_grm.evaluate
	$(PY) -m models.tiny_lrm.habits
	for size in s m; do
	    $(PY) -m models.tiny_lrm.evaluate --size $$size
	    $(PY) -m models.tiny_lrm.evaluate --size $$size --source tiny-code
	done

notebooks: $(STAMP)  ## Run each notebook as it is and store its outputs in notebooks/ (after a change; the default study)
	@for notebook in $(basename $(notdir $(filter-out %.failed.ipynb %.partial.ipynb,$(wildcard notebooks/0*.ipynb)))); do
	    $(PY) -m lib.pipeline.notebook $$notebook --store
	done

lab: $(STAMP)  ## Open the notebooks in JupyterLab
	@$(PY) -m jupyter lab $(or $(call each,$(ARGS)),notebooks)

clean:  ## Remove the tables of STUDY and the notebooks run for them that git does not keep
	@rm -rf $T $N/0[12]_*.ipynb $N/*/0[34]_*.ipynb $N/{,*/}*.{failed,partial}.ipynb

.PHONY: compare
compare: $(STAMP)  ## Compare two finished runs in pairs: A=tiny/tiny-lrm-s B=tiny/tiny-lrm-m, or two studies
	@$(PY) -m lib.pipeline.compare -- $(call quoted,$(A)) $(call quoted,$(B))
