# A thin front for CMake: `make help` lists the targets.
BUILD   ?= build/release
PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)

.PHONY: all demo test check-slow check-real bench format tidy install clean help deps

all: deps ## build build/release/tabiji
	@cmake --preset release >build-release.log 2>&1 || (cat build-release.log; rm -f build-release.log; exit 1)
	@rm -f build-release.log
	@cmake --build $(BUILD) -j $(JOBS)

deps: ## install the Debian packages that are missing
	@scripts/install-deps

demo: all ## from nothing to a journey-versus-shortcut report in demo/report.html
	$(BUILD)/tabiji demo --workspace demo

test: all ## every fast test
	@cd $(BUILD) && ctest --output-on-failure -LE 'slow|real' -j $(JOBS)

check-slow: all ## the tests labelled slow and real
	@cd $(BUILD) && ctest --output-on-failure -L 'slow|real'

check-real: all ## the tests that need the models of scripts/fetch-models; without them SKIPPED
	@cd $(BUILD) && ctest --output-on-failure -V -L real

bench: all ## ours and PyTorch's speed, in turn (downloads PyTorch, several GB, once)
	@scripts/install-deps bench
	@cmake --build $(BUILD) --target tabiji-bench tabiji-bench-checkpoint
	@bench/run --build $(BUILD) --out $(BUILD)/bench.json

format: ## clang-format in place
	@scripts/check-format --fix

tidy: ## clang-tidy with the chosen checks
	@scripts/check-tidy

install: all ## install to PREFIX (and DESTDIR)
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## remove build folders
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' Makefile | column -t -s:
