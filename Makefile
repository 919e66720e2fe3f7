# What one does with this repository, by name; the work itself is cargo's and that of the scripts in tools/.
#
# On a system without apt-get, install the packages below yourself and say `make INSTALL=true TARGET`.

INSTALL ?= tools/install-packages

# A linker, and certificates to fetch crates with. No C library beyond libc is needed, of which libc6-dev has the static form.
BUILD_PACKAGES := gcc libc6-dev ca-certificates
# Programs that tests and examples run inside pods, or look at the machine with; and a registry to pull from.
TEST_PACKAGES := $(BUILD_PACKAGES) iproute2 procps util-linux busybox-static python3 \
	docker-registry skopeo apache2-utils openssl libcap2-bin \
	nftables curl iptables containernetworking-plugins passt
# What pod is measured against, and a registry to pull from.
BENCH_PACKAGES := $(BUILD_PACKAGES) podman crun busybox-static catatonit \
	docker-registry skopeo

# Linked statically and at a fixed address, for a faster start and less memory of each pod: docs/design/memory.md.
BUILD_POD := cargo rustc --release --locked -p pod-cli --bin pod -- -C target-feature=+crt-static -C relocation-model=static

# rustup's toolchain, also in a shell that has not read its environment file.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

.PHONY: help demo build test bench guest docs clean

help:
	@echo 'make demo    build pod and run examples/sidecar.yaml with it'
	@echo 'make build   build pod: target/release/pod'
	@echo 'make test    check the format, lint, and run all tests (as root)'
	@echo 'make bench   measure pod against the bare floor, crun and podman (as root)'
	@echo 'make guest   run the tests that meet the kernel in a virtual machine with cgroup v2'
	@echo 'make docs    write docs/fields.md, docs/podman.md and docs/behaviour.md from the code'
	@echo 'make clean   remove what was built'

demo: build
	tools/as-root target/release/pod up -f examples/sidecar.yaml

build:
	@tools/require-rust
	@$(INSTALL) $(BUILD_PACKAGES)
	$(BUILD_POD)

test:
	@tools/require-rust rustfmt clippy
	@tools/require-root
	@$(INSTALL) $(TEST_PACKAGES)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked
	tools/check-embedding

bench: build
	@tools/require-root
	@$(INSTALL) $(BENCH_PACKAGES) || echo 'going on without; what is missing is left out of the table'
	cargo build --release --locked -p pod-bench
	target/release/pod-bench --pod target/release/pod --floor target/release/floor $(BENCH_OPTIONS)
	target/release/pod-bench pull --pod target/release/pod $(BENCH_OPTIONS)
	target/release/pod-bench read --pod target/release/pod $(BENCH_OPTIONS)
	cargo run --release --locked -p pod-network --example timing

guest:
	@tools/require-rust
	@tools/require-root
	@$(INSTALL) $(BUILD_PACKAGES)
	tools/guest-tests $(GUEST_CRATES)

docs:
	@tools/require-rust
	@mkdir -p target
	cargo run --quiet --locked -p pod-spec --example fields >target/fields.md
	mv target/fields.md docs/fields.md
	cargo run --quiet --locked -p pod-spec --example podman >target/podman.md
	mv target/podman.md docs/podman.md
	cargo run --quiet --locked -p pod-tests --example behaviour >target/behaviour.md
	mv target/behaviour.md docs/behaviour.md

clean:
	cargo clean
