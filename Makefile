# Levada. `make help` lists what there is.

SHELL := /bin/bash
GO ?= go
PYTHON ?= python3
TOOLS := .tools
VENV := $(TOOLS)/venv
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RUFF := ruff==0.17.6

# How all that is tested is built. The parts do it in the same way, so that they share Go's build cache: without cgo, as users get
# it, but for the race detector, which needs it. SQLite is C turned into Go by a program; watched by the race detector it made
# tests four times as slow. Its driver is watched, as is all the rest.
lint test-%: export CGO_ENABLED = 0
lint test-%: export GOFLAGS += -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false

# Tests start Python by the thousand: in an environment of their own, a start is not slowed down by what a machine's Python loads
# each time, or by a version manager's shim. It has nothing of PyPI that a flow could see.
test-%: export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Programs with the race detector sleep for a second before they end, in case a goroutine does something yet. Tests start them by
# the thousand.
test-go: export GORACE += atexit_sleep_ms=0

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

# Compilers and linters are done before they run out of memory: collecting their garbage took a quarter of their time.
lint test-build: export GOGC = 400

.PHONY: build
build: ## build ./levada, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o levada ./cmd/levada

.PHONY: test
test: lint ## set up what the tests need, check the style and run all tests
	@# tests of the pages and of the SDK wait half of the time, for browsers and for processes: meanwhile a machine can compile
	$(MAKE) -j3 $(if $(filter output-sync,$(.FEATURES)),-Otarget) test-python test-ui test-build
	$(MAKE) test-go

.PHONY: test-go
test-go: test-build $(VENV)/bin/python3 ## run the Go tests with the race detector; make lint has vetted them
	CGO_ENABLED=1 $(GO) test -race -vet=off -timeout 14m ./...

.PHONY: test-build
test-build: ## compile all packages with the race detector, as test-go needs them
	@command -v "$$($(GO) env CC)" >/dev/null || { echo "Go's race detector needs a C compiler, such as gcc. Install it, or name it with CC." >&2; exit 1; }
	CGO_ENABLED=1 $(GO) build -race ./...

.PHONY: test-python
test-python: $(VENV)/bin/python3 ## run the SDK's tests
	@# two processes, since tests wait more than they work
	cd python/tests && printf '%s\n' test_*.py | xargs -P 2 -n 3 python3 -m unittest

.PHONY: ui
ui: ui/node_modules/.package-lock.json ## build the web pages into ui/dist, which is committed
	cd ui && npm run --silent check && npm run --silent build -- --logLevel warn

.PHONY: test-ui
test-ui: ui/node_modules/.package-lock.json $(VENV)/bin/python3 ## run the tests of the web pages, in Chromium
	ui/tests/browser.sh
	cd ui && npm run --silent check
	cd ui && npm run --silent build -- --logLevel warn --outDir test-results/dist
	@diff -r ui/dist ui/test-results/dist || { echo "ui/dist is not what ui/src makes: run make ui, and commit it"; exit 1; }
	@# each file has a store, a server and a browser of its own, and they wait more than they work. The limit is that of a whole file, too
	cd ui && node --test --test-concurrency 2 --test-timeout 600000 tests/

ui/node_modules/.package-lock.json: ui/package-lock.json
	@command -v npm >/dev/null || { echo "The web pages are built and tested with Node 20 or later and npm. Install it, and run make again." >&2; exit 1; }
	cd ui && npm ci --silent

.PHONY: lint
lint: $(VENV)/bin/ruff ## gofmt, go vet, staticcheck, ruff, and the rules of the whole tree
	@unformatted=$$(gofmt -l client cmd internal bench examples flow python); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	cd python && ../$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff check --config python/pyproject.toml --extend-ignore D,E501 examples bench
	$(GO) test -vet=off ./internal

$(VENV)/bin/python3:
	$(PYTHON) -m venv $(VENV)

$(VENV)/bin/ruff: | $(VENV)/bin/python3
	$(VENV)/bin/pip install --quiet $(RUFF)

.PHONY: bench
bench: ## measure speed and size against the floor and the reference, print a table
	$(GO) run ./bench

.PHONY: soak
soak: ## kill engines, fork servers and tasks at random for a long time
	LEVADA_SOAK=1 $(GO) test -timeout 2h -run TestKill -v ./internal/faulttest

.PHONY: clean
clean: ## remove what was built and set up
	rm -rf levada $(TOOLS) bench/.venv ui/node_modules ui/test-results
