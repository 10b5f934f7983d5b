# One command each. Build output lies outside the checkout, so that a fresh clone finds what an earlier one has built.
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice
export CARGO_TARGET_DIR ?= $(cache)/target
# Incremental files would double the build output and gain nothing across checkouts.
export CARGO_INCREMENTAL ?= 0
bin := $(CARGO_TARGET_DIR)/debug

.DEFAULT_GOAL := help
.PHONY: help run test faults check bench clean setup build faulty

help: ## These lines
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

run: setup build ## The whole product with a demonstration; Ctrl-C ends it
	@exec $(bin)/sluice-local demo --dir .local

test: ## Every test, on real engines
	@deploy/local/setup.sh browser prometheus
	cargo build --quiet --workspace --bins
	@$(MAKE) --no-print-directory faulty
	cargo test --quiet --workspace

faults: setup ## Seeds of faults: SEEDS=n [FIRST=s] [FAMILY=pipeline|send|campaign]
	cargo build --quiet -p sluice -p sluice-tests --bins
	@$(MAKE) --no-print-directory faulty
	@SEEDS=$(SEEDS) FIRST=$(FIRST) FAMILY=$(FAMILY) $(bin)/faults

check: ## Format, lints, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --all-features check; else \
	    echo 'cargo-deny is not installed: licences, bans, duplicates and sources are checked by tests/tests/dependencies.rs, advisories are not'; \
	    cargo test --quiet -p sluice-tests --test dependencies; fi

bench: setup ## The benchmarks, each beside its baseline
	cargo build --quiet --release -p sluice
	@set -e; sluice=$(CARGO_TARGET_DIR)/release/sluice; \
	for name in $$($$sluice bench --list | cut -d' ' -f1); do $$sluice bench $$name; done

clean: ## Forgets the local system; the build output and the downloads stay
	@if [ -d .local ]; then \
	    [ -x $(bin)/sluice-local ] || $(MAKE) --no-print-directory build; \
	    $(bin)/sluice-local clean --dir .local/engines && rm -rf .local; \
	fi

setup:
	@deploy/local/setup.sh

# The program with failpoints and planted bugs, under a name of its own.
faulty:
	cargo build --quiet -p sluice --features planted --bin sluice-faults

build:
	cargo build --quiet -p sluice -p sluice-local
