# Each target does only what is still missing.
PRESET ?= release
JOEY := build/$(PRESET)/joey

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: ## packages, Python environment, headers, SDK
	@scripts/setup

build: setup ## the binary and its unit tests, in build/release (PRESET=dev|asan|tsan)
	@scripts/build $(PRESET)

demo: setup ## train a model, deploy it, infer and read the log; leaves the server running
	@scripts/build release joey
	@.venv/bin/python scripts/demo.py start

stop: ## end the server that `make demo` left running
	@.venv/bin/python scripts/demo.py stop

test: build ## unit tests and flows
	@.venv/bin/python scripts/run_tests.py $(PRESET)

test-heavy: build ## models of Keras and PyTorch (needs python3-torch); installs 2 GB into the cache
	@JOEY_HEAVY=1 .venv/bin/python -m pytest -q tests/test_cases_frameworks.py tests/test_framework_models_heavy.py

asan tsan: ## all tests with a sanitizer
	@$(MAKE) --no-print-directory test PRESET=$@

bench: setup ## Joey beside its peers, on the same model and rows
	@scripts/build release joey
	@.venv/bin/python bench/run.py

lint: setup ## format, layers, clang-tidy, ruff
	@.venv/bin/python scripts/lint.py

format: setup ## format C++ and Python in place
	@.venv/bin/python scripts/lint.py --fix

clean: ## remove what was built
	rm -rf build

.PHONY: help setup build demo stop test test-heavy asan tsan bench lint format clean
