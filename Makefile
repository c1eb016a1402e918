# tcpstate. Everything here works with only Go installed, without root and
# without libpcap; what is missing on a Debian machine is installed when make
# runs as root, and otherwise named.

SHELL       := /bin/bash
GO          ?= go
BIN         := bin/tcpstate
DEMO        ?= testdata/pcaps/lost-last-ack.pcap
LABDIR      ?= /tmp/tcpstate-lab
FUZZTIME    ?= 30s
BENCHDIR    ?= /tmp/tcpstate-bench
ROUNDS      ?= 5
REPEAT      ?= 1
DIR         ?= testdata/pcaps
PEERS       := tcptrace tshark argus-server argus-client tcpdump hyperfine time
# Live capture is built where its sources, libpcap's headers and a C compiler
# are all there.
LIVE_SOURCE := $(wildcard analyzer/capture/live_libpcap.go)
SETUP       := . internal/setup.sh

.DEFAULT_GOAL := help
.PHONY: help build demo test check vet lint race golden bench bench-peers bench-growth fuzz page test-page release-dry lab truth tshark-report clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## bin/tcpstate, with live capture where libpcap allows it
	@$(SETUP) && need_go && build_tcpstate "$(BIN)" "$(LIVE_SOURCE)"

demo: ## the timeline and summary of a bundled capture
	@$(SETUP) && need_go && "$$GO" build -o "$(BIN)" ./cmd/tcpstate
	@echo '$$ tcpstate analyze $(DEMO)'
	@TZ=UTC $(BIN) analyze $(DEMO)

test: ## sets up and runs all tests
	@$(SETUP) && need_go && want tcpdump && want xmllint libxml2-utils && "$$GO" test ./...

check: vet lint race ## what CI runs: vet, golangci-lint, tests with the race detector

vet: ## go vet
	@$(SETUP) && need_go && "$$GO" vet ./...

lint: ## golangci-lint, where it is installed
	@$(SETUP) && run_lint

race: ## tests with the race detector, which needs a C compiler
	@$(SETUP) && need_go && run_race

golden: ## rewrites the golden files; review the difference
	@$(SETUP) && need_go && "$$GO" test ./report -run Golden -update && "$$GO" test ./check -run "Captures|SchemaFile" -update && "$$GO" test ./check/output -run Golden -update && "$$GO" test ./cmd/tcpstate -update

bench: ## benchmarks: packets per second, allocations
	@$(SETUP) && need_go && "$$GO" test -run '^$$' -bench . -benchmem ./...

bench-peers: ## the build that releases ship beside tcptrace, argus, tshark and tcpdump, about 6 minutes: docs/performance.md
	@$(SETUP) && need_go && build_release "$(BIN)" && for p in $(PEERS); do want $$p; done && "$$GO" run ./internal/bench -tool $(BIN) -dir $(BENCHDIR) -rounds $(ROUNDS) -repeat $(REPEAT)

bench-growth: ## how time and memory grow: docs/growth.svg
	@$(SETUP) && need_go && build_release "$(BIN)" && for p in hyperfine time; do want $$p; done && "$$GO" run ./internal/bench -growth -tool $(BIN) -dir $(BENCHDIR) -rounds $(ROUNDS)

fuzz: ## every fuzz target for FUZZTIME (30s)
	@$(SETUP) && need_go && run_fuzz "$(FUZZTIME)"

page: ## builds the program of the HTML report (node and npm)
	@$(SETUP) && need_npm && cd report/page/web && npx tsc --noEmit && npx vite build --logLevel warn

test-page: ## tests the HTML report in Chromium (node, npm, chromium); PAGE_LARGE=0 leaves out 200,000 connections
	@$(SETUP) && need_go && test_page

release-dry: ## builds the release for this system with goreleaser, fetched where missing, and inspects it; SYSTEMS=all for every one
	@GO="$(GO)" internal/release.sh dry $(SYSTEMS)

lab: ## records the captures of testdata/pcaps anew (root, network namespaces)
	@$(SETUP) && need_go && "$$GO" run ./lab -o $(LABDIR) -pcaps testdata/pcaps

truth: ## records scenarios and random traffic anew where root allows it; prints how we agree with the kernel
	@$(SETUP) && need_go && "$$GO" run ./lab/score -record $(TRUTHFLAGS)

tshark-report: ## our classes beside tshark's for the captures in DIR (testdata/pcaps): docs/differences.md
	@$(SETUP) && need_go && want tshark && "$$GO" run ./internal/tshark "$(DIR)"

clean: ## removes what was built
	rm -rf bin
