SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test lint fmt fuzz bench build clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

run: ## start a gateway with a demo backend and a demo token
	@CGO_ENABLED=0 go run ./cmd/tokenreeve demo

test: ## everything: linters, static build, all tests under the race detector, short fuzzing
	@scripts/test

lint: ## linters, layout and the boundaries between packages
	@scripts/lint

fmt: ## repair layout and imports
	@scripts/tools && .bin/golangci-lint fmt

fuzz: ## every fuzz target for FUZZTIME (1m)
	@scripts/fuzz

bench: ## benchmarks and load runs
	@scripts/bench

build: ## the static binary bin/tokenreeve
	@scripts/build

clean: ## remove what was built
	@rm -rf bin .bin .test
