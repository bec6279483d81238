# Every target works from a clean clone on a machine with Go and git. CONTRIBUTING.md says what each is for.

GO       ?= go
BIN      := bin/cairn
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X github.com/cairnhub/cairn/internal/app.Version=$(VERSION)
TOOLS    := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cairn-test
LINT     := $(TOOLS)/bin/golangci-lint
export CGO_ENABLED = 0

.PHONY: dist run build test test-go race test-clients check lint contract format torture fuzz bench clean

## run: build the hub and serve ./cairn-data on http://localhost:28080
run: build
	$(BIN) serve

build:
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/cairn

## dist: static binaries of every platform in dist/, the same bytes wherever they are built from a commit
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
dist:
	@mkdir -p dist
	@for p in $(PLATFORMS); do \
	  echo "dist/cairn-$${p%/*}-$${p#*/}"; \
	  GOOS=$${p%/*} GOARCH=$${p#*/} GOFLAGS= $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS) -buildid=' -o dist/cairn-$${p%/*}-$${p#*/} ./cmd/cairn || exit 1; \
	done
	@cd dist && sha256sum cairn-* > SHA256SUMS && cat SHA256SUMS

## test: everything: unit, storage and API tests on both kinds of storage, then real clients
test:
	test/setup.sh
	$(MAKE) test-go test-clients

TESTED := ./cmd/... ./internal/... ./api/... ./test/policy/... ./test/api/... ./test/accounts/... ./test/conformance/... ./test/secrets/... ./test/scale/... ./test/script/... ./test/gitclient/... ./test/mirror/... ./test/crash/... ./test/cluster/... ./test/rot/... ./test/deploy/... ./test/upgrade/...

test-go:
	$(GO) test -timeout 30m $(TESTED)
	$(GO) test -timeout 10m ./test/hostile/... # measures what attacks cost, so it has the machine to itself

## race: the same tests with the race detector, in the processes of the hub that they start too; an hour or two, needs a C compiler
race: export CGO_ENABLED = 1
race:
	test/setup.sh
	$(GO) test -race -p 1 -timeout 3h $(TESTED) # without test/hostile, which measures what attacks cost

## test-clients: huggingface_hub old and new, transformers, datasets, @huggingface/hub and others against a real hub, on both kinds of storage
test-clients: build
	test/setup.sh clients
	CAIRN_TEST_BINARY=$(BIN) CAIRN_CLIENTS_REPORT=$(CURDIR)/bin/clients.md $(GO) test -timeout 40m -count=1 ./test/compat/...
	@cat bin/clients.md

## check: what must be clean before a commit: format, vet, linters, layers, package comments, contract
check: format lint contract
	$(GO) vet ./...
	$(GO) test -count=1 ./test/policy/...

format:
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "not formatted (run gofmt -w):"; echo "$$out"; exit 1; fi

lint: $(LINT)
	$(LINT) run ./...

$(LINT):
	test/setup.sh lint

contract:
	$(GO) run ./internal/httpd/contract/generate -check

## torture: what is too long for every run: 5 GB files, crash rounds, soak; docs/torture.md has the last results
torture: build
	$(GO) test -tags torture -timeout 3h -count=1 -v ./test/torture/... ./test/scale/... ./test/upgrade/...

## fuzz: every fuzz test for half a minute
fuzz:
	test/fuzz.sh 30s

## bench: the hub beside nginx, git's own server, an S3 server and the machine's limits; writes bench/RESULTS.md. QUICK=1, ONLY=W1,W5
bench: build
	CAIRN=$(CURDIR)/$(BIN) $(GO) run ./bench/compare

clean:
	rm -rf bin
