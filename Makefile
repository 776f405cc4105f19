# Every target works on a fresh machine with Go and nothing else prepared. `make help` lists them.

GO        ?= go
FUZZTIME  ?= 10s
SOAK      ?= 10m
CONF      ?= Corefile.example
COMMIT    := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# How the binary is built; what else can share its compiled packages is built alike. grpcnotrace is CoreDNS's own default: without
# it the binary carries a tracing library. The commit is stamped here and not by Go, which fails where it cannot ask git.
SHIPPED := CGO_ENABLED=0 GOFLAGS="$$GOFLAGS -trimpath -buildvcs=false -tags=grpcnotrace" $(GO)
LDFLAGS := -ldflags "-s -w -X github.com/coredns/coredns/coremain.GitCommit=$(COMMIT)"

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The end-to-end tests run these binaries instead of building some each.
export HEALTHLB_COREDNS := $(CURDIR)/bin/coredns
export HEALTHLB_CTL     := $(CURDIR)/bin/healthlbctl

.DEFAULT_GOAL := build
.PHONY: build man run test test-express lint fuzz bench bench-baseline bench-process compare compare-failover soak check plugin-cfg clean help FORCE

build: bin/coredns bin/healthlbctl ## build bin/coredns, CoreDNS with healthlb, and bin/healthlbctl, the operator's command

# Go knows better than make what is up to date.
bin/coredns: FORCE
	@$(SHIPPED) build $(LDFLAGS) -o $@ ./build

bin/healthlbctl: FORCE
	@$(SHIPPED) build -ldflags "-s -w -X main.commit=$(COMMIT)" -o $@ ./cmd/healthlbctl

man: bin/healthlbctl ## make the pages for man of healthlbctl, in bin/man
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) bin/healthlbctl man bin/man

bin/demo-members: FORCE
	@$(SHIPPED) build -o $@ ./build/demo

run: bin/coredns bin/healthlbctl bin/demo-members ## run Corefile.example with its demo members, until Ctrl-C
	@cat build/demo/README
	@bin/demo-members bin/coredns -conf Corefile.example

test: bin/coredns bin/healthlbctl ## run all tests, with the race detector, end to end ones included
	@build/need.sh dig bind9-dnsutils
	@build/need.sh gcc gcc libc6-dev
	@build/need.sh ip iproute2
	@CGO_ENABLED=1 $(GO) test -race ./...

test-express: bin/coredns bin/healthlbctl ## run the end to end tests once more, with express wherever it may be
	@build/need.sh dig bind9-dnsutils
	@HEALTHLB_EXPRESS=1 $(SHIPPED) test -count 1 ./test

lint: ## gofmt, go vet, staticcheck, and the rules for imports
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt -w is due for:"; echo "$$unformatted"; exit 1; }
	@$(SHIPPED) vet ./...
	@$(SHIPPED) run $(STATICCHECK) ./...
	@$(SHIPPED) test -run 'TestImportsGoOneWay' ./build

fuzz: ## run each fuzz test for FUZZTIME (10s)
	@build/fuzz.sh $(FUZZTIME)

# BENCHTIME is for how long each benchmark runs in a round (20ms), or how often (5x). SHORT=1 runs each once, and sees only that all work.
bench: ## compare the benchmarks with bench/baseline/baseline.txt, as ratios to a fixed loop
	@$(SHIPPED) run ./bench/baseline $(if $(SHORT),-short,$(if $(BENCHTIME),-benchtime $(BENCHTIME)) -out bin/bench.txt)

bench-baseline: ## run the benchmarks, and make what they measure the baseline
	@$(SHIPPED) run ./bench/baseline -write

# Processes of their own are measured, or CPU time beside that of something else: neither goes by ns/op.
bench-process: bin/coredns ## run the benchmarks that are no part of make bench, for BENCHTIME (1s) each
	@$(SHIPPED) test -run '^$$' -bench . -benchmem -timeout 1h -benchtime $(or $(BENCHTIME),1s) ./bench
	@$(SHIPPED) test -run '^$$' -bench '^Benchmark(TLS|HTTP)Probe$$' -timeout 1h -benchtime $(or $(BENCHTIME),1s) ./plugin/healthlb/probe

# SHORT=1 sees only that everything works, INSTALL=yes installs from Debian what is compared with.
compare: bin/coredns ## measure healthlb beside other servers, while it probes, and by its size
	@build/peers.sh
	@$(SHIPPED) run ./bench/compare $(if $(SHORT),-short) answers express probing scale

compare-failover: bin/coredns ## measure how long answers name a member that has failed
	@build/peers.sh failover
	@$(SHIPPED) run ./bench/compare $(if $(SHORT),-short) failover

bin/check: FORCE
	@$(SHIPPED) build -o $@ ./build/check

soak: bin/coredns bin/healthlbctl ## have 20,000 targets flap for SOAK (10m), and look at memory, sockets and goroutines
	@HEALTHLB_SOAK=$(SOAK) $(SHIPPED) test -run '^TestSoak$$' -count 1 -timeout 0 -v ./test

# The example names a certificate that its demo members make.
check: bin/check $(if $(filter $(CURDIR)/Corefile.example,$(abspath $(CONF))),run/demo-ca.pem) ## say whether CONF is right
	@bin/check "$(CONF)"

run/demo-ca.pem: | bin/demo-members
	@bin/demo-members -ca-only

plugin-cfg: ## prove that a line in CoreDNS's plugin.cfg is enough
	@build/plugin-cfg.sh

clean: ## remove what was built and what make run has left
	@rm -rf bin run

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile
