# Targets with a comment behind two hashes are the menu that `make help` prints.
PREFIX ?= /usr/local
DESTDIR ?=
export PREFIX DESTDIR PLUGIN_DIR CONF_DIR UNIT_DIR

CC ?= cc
CFLAGS ?= -O2
WARNINGS := -std=c11 -Wall -Wextra -Werror -Wconversion -Wformat-security
BIN := node_modules/.bin
BUN := $(BIN)/bun

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help optimizer install-optimizer install-service uninstall-optimizer demo test test-unit test-native test-e2e check format generate fidelity kernels bench fuzz clean

help: ## print this menu
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26

optimizer: dist/optimizer ## build dist/optimizer, one executable

install-optimizer: optimizer ## install the program, the NRI plugin and its configuration (DESTDIR, PREFIX)
	scripts/install/install.sh install

install-service: optimizer ## install it as a service of systemd that connects to the runtime, not as its plugin
	scripts/install/install.sh install-service

uninstall-optimizer: ## take them away again; an edited configuration stays
	scripts/install/install.sh uninstall

demo: optimizer ## trace a small command and print what it opened (needs root, no container runtime)
	dist/optimizer trace -- sh -c 'sort /etc/passwd | head -n 3'

test: optimizer ## everything: check, unit, native and end-to-end tests
	$(BUN) scripts/test.ts check unit native e2e

test-unit: node_modules/.installed dist/shim.so ## tests that need no container runtime
	$(BUN) scripts/test.ts unit

test-native: dist/shim-test-address dist/shim-test-thread ## the shim against the kernel, with sanitizers (root)
	$(BUN) scripts/test.ts native

test-e2e: optimizer ## the program in real containerds from Debian packages (root)
	$(BUN) scripts/test.ts e2e

check: node_modules/.installed dist/shim.so ## types, lint, format, and that generated code is fresh
	$(BUN) scripts/test.ts check

format: node_modules/.installed ## format and mend what can be mended
	$(BIN)/biome check --write .

generate: node_modules/.installed ## make src/gen anew from proto/
	$(BUN) scripts/generate.ts

fidelity: optimizer ## lists of a zoo of workloads against strace: recall, precision, order; prints a table (root)
	$(BUN) scripts/fidelity.ts

kernels: optimizer ## doctor and trace under Linux 5.10 to the newest, in QEMU; prints a table (root)
	$(BUN) scripts/kernels.ts

bench: optimizer ## measure cost and speed against no tracer; prints medians
	$(BUN) scripts/bench.ts

fuzz: node_modules/.installed ## mutated inputs for everything that reads what others wrote, for SECONDS=600
	$(BUN) scripts/fuzz.ts

clean: ## remove what was built; downloads in .cache stay
	rm -rf dist

node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

dist/optimizer: node_modules/.installed dist/shim.so package.json scripts/build.ts $(shell find src -name '*.ts')
	$(BUN) scripts/build.ts

dist/shim.so: native/shim.c native/held.c native/least.c native/probe.c native/shim.h native/inject.h
	@mkdir -p dist
	$(CC) $(WARNINGS) $(CFLAGS) -fPIC -shared -o $@ native/shim.c native/held.c native/least.c native/probe.c -lpthread

# The shim whose system calls fail on demand, see native/inject.h, and a program with it: for tests alone.
INJECTING := native/shim.c native/held.c native/least.c native/probe.c native/inject.c

dist/shim-inject.so: $(INJECTING) native/shim.h native/inject.h
	@mkdir -p dist
	$(CC) $(WARNINGS) $(CFLAGS) -DOPT_INJECT -fPIC -shared -o $@ $(INJECTING) -lpthread

dist/optimizer-inject: dist/optimizer dist/shim-inject.so
	$(BUN) scripts/build.ts $@ dist/shim-inject.so

NATIVE_TESTS := native/shim_test.c native/storm_test.c native/fault_test.c native/test.c

dist/shim-test-%: $(INJECTING) $(NATIVE_TESTS) native/shim.h native/inject.h native/test.h
	@mkdir -p dist
	$(CC) $(WARNINGS) -g -O1 -fsanitize=$(subst address,address$(comma)undefined,$*) -fno-sanitize-recover=all \
		-DOPT_INJECT -o $@ $(INJECTING) $(NATIVE_TESTS) -lpthread

comma := ,
