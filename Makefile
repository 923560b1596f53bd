# `make help` lists the targets. Every target that builds first installs what is missing (scripts/setup).

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup programs run build static arm64 release install deb test real mutants lint bpf bench compare clean

# Cargo has its own job server, and `make run ARGS=...` must not reach the make that builds libbpf.
CARGO := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# No LTO, and incremental: a change builds in seconds. What is installed or measured is built with --release.
QUICK := --profile quick --locked
SHARE := $(TARGET)/share
PREFIX ?= /usr/local
CLANG ?= clang
ARM64 := aarch64-unknown-linux-gnu
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

# Builds as the user who calls make, and runs the test binaries as root: the variable is CARGO_TARGET_<TRIPLE>_RUNNER.
TRIPLE = $(shell rustc -vV | sed -n 's/^host: //p')
HOST = $(shell echo $(TRIPLE) | tr 'a-z-' 'A-Z_')
AS_ROOT = $(if $(SUDO),CARGO_TARGET_$(HOST)_RUNNER='sudo -E')

help: ## this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1 /p' $(MAKEFILE_LIST) | while read -r target about; do \
		printf '  make %-7s %s\n' "$$target" "$$about"; done

setup: ## installs what the build needs and is missing, with apt-get
	@scripts/setup
	@command -v cargo >/dev/null || { printf '%s\n' 'error: cargo was not found' \
		' hint: install Rust with rustup; under sudo, run make as yourself: it asks for root where it needs it' >&2; exit 1; }

run: build ## builds ./ior-it and runs it as root: make run ARGS='--filter dup'
	$(SUDO) ./ior-it $(ARGS)

build: setup ## builds ./ior-it
	$(CARGO) build $(QUICK) --bin ior-it
	@cp $(TARGET)/quick/ior-it ior-it.new && mv -f ior-it.new ior-it

# The flags are the target's alone: without --target, Cargo would build its own helpers in the same way.
static: setup ## builds an optimised ./ior-it that needs no library, not even the C library
	LIBBPF_SYS_LIBRARY_PATH=$$(dirname "$$($${CC:-cc} -print-file-name=libelf.a)") \
		RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --release --locked --features static --target $(TRIPLE) --bin ior-it
	@cp $(TARGET)/$(TRIPLE)/release/ior-it ior-it.new && mv -f ior-it.new ior-it

# Debian's own compiler for arm64, and libraries of that architecture beside those of this machine.
arm64: setup ## builds ./ior-it.arm64, static: ./ior-it --kernel debian:6.12 --kernel-program ./ior-it.arm64
	@scripts/setup --arm64
	@! command -v rustup >/dev/null || rustup target add $(ARM64)
	LIBBPF_SYS_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu RUSTFLAGS='-C target-feature=+crt-static' \
		CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
		$(CARGO) build $(QUICK) --features static --target $(ARM64) --bin ior-it
	@cp $(TARGET)/$(ARM64)/quick/ior-it ior-it.arm64.new && mv -f ior-it.arm64.new ior-it.arm64

# An optimised program, and what is made of its flags: the man page and the completions.
release: setup
	IOR_IT_COMMIT=$$(git describe --always --dirty --abbrev=12 2>/dev/null || true) $(CARGO) build --release --locked --bin ior-it
	@mkdir -p $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	@$(TARGET)/release/ior-it --man >$(SHARE)/man/man1/ior-it.1
	@$(TARGET)/release/ior-it --completions bash >$(SHARE)/bash-completion/completions/ior-it
	@$(TARGET)/release/ior-it --completions zsh >$(SHARE)/zsh/site-functions/_ior-it
	@$(TARGET)/release/ior-it --completions fish >$(SHARE)/fish/vendor_completions.d/ior-it.fish

install: release ## installs an optimised ior-it, its man page and completions: make install PREFIX=~/.local
	install -D -m 0755 $(TARGET)/release/ior-it $(DESTDIR)$(PREFIX)/bin/ior-it
	share=$(DESTDIR)$(PREFIX)/share; (cd $(SHARE) && find . -type f) | while read -r file; do \
		install -D -m 0644 $(SHARE)/$$file $$share/$$file; done

deb: release ## makes a Debian package of the same: target/debian/ior-it_*.deb
	@cargo deb --version >/dev/null 2>&1 || { printf '%s\n' 'error: cargo-deb was not found' \
		' hint: cargo install --locked cargo-deb' >&2; exit 1; }
	$(CARGO) deb --no-build --locked

test: setup programs lint ## formatting, lints, docs and all tests, the live scenarios as root
	CARGO_TERM_COLOR=never $(AS_ROOT) $(CARGO) test $(QUICK) --no-fail-fast | scripts/tally

real: setup programs ## traces programs from Debian under a witness, as root, and writes docs/real-programs.md
	REAL=all CARGO_TERM_COLOR=never $(AS_ROOT) $(CARGO) test --release --locked --test machine real

mutants: build ## changes one thing of the tracer at a time, as root: which changes does the suite not notice?
	$(SUDO) ./ior-it --mutants --witness $(ARGS)

# The browser is large: CI installs it, and a user only on request.
programs:
	@scripts/setup --programs
	$(if $(CI),@scripts/setup --browser)

lint: setup ## formatting, lints, docs and dependencies
	@cargo fmt --version >/dev/null && cargo clippy --version >/dev/null || { \
		printf '%s\n' 'error: rustfmt or clippy is missing' ' hint: rustup component add rustfmt clippy' >&2; exit 1; }
	$(CARGO) fmt --check
	@scripts/format-c
	$(CARGO) clippy $(QUICK) --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(QUICK) --no-deps
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(QUICK) --no-deps --document-private-items
	@$(subst cargo,,$(CARGO)) scripts/deny

bpf: ## compiles the tracer alone, to ./tracer.bpf.o: ./ior-it --bpf ./tracer.bpf.o
	@scripts/setup
	$(CLANG) @bpf/flags -D__TARGET_ARCH_$(subst aarch64,arm64,$(subst x86_64,x86,$(shell uname -m))) \
		-c bpf/tracer.bpf.c -o tracer.bpf.o

bench: setup ## measures what it all costs, as root: make bench ARGS='--bench overhead'
	$(AS_ROOT) $(CARGO) bench --locked $(ARGS)

compare: ## measures beside strace, perf trace and bpftrace, where installed, and writes docs/performance.*
	$(AS_ROOT) $(CARGO) bench --locked --bench compare -- --write

clean: ## removes what was built
	$(CARGO) clean
	rm -f ior-it ior-it.new ior-it.arm64 ior-it.arm64.new tracer.bpf.o
