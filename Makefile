# The scripts do the work; this file lists them for people who look here first.
.DEFAULT_GOAL := help
.PHONY: help demo test unit integration e2e lint benchmark format lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start the portal and a local cloud on this machine, until Ctrl-C
	./scripts/demo

test: ## Install what the tests need and run them all
	./scripts/test

unit: ## Run the unit tests
	./scripts/test unit

integration: ## Run the tests with PostgreSQL, Redis and booted machines
	./scripts/test integration

e2e: ## Run the tests that deploy real sites and drive a browser
	./scripts/test e2e

lint: ## Run the static checks
	./scripts/lint

benchmark: ## Measure a deployment, and write benchmarks/results.md
	./scripts/benchmark

format: ## Format Python, shell and templates
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .
	.venv/bin/djlint --quiet --reformat ecdeployer/ecdeployer/templates
	shfmt -i 4 -w $$(shfmt -f scripts user_data .ci)

lock: ## Compile the hashed locks from pyproject.toml
	./scripts/lock
