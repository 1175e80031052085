# `make` lists the targets. They need only Go, make and git, except that test-sdk needs Node and
# Microsoft's SDK for Python. Every tool is built from sources that hack/ pins, and all built files
# are below bin/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Variables that callers may set: IMG, the image that docker-build creates; ARGS, the flags of
# `make run`; TESTFLAGS, more flags for go test, as in TESTFLAGS='-run TestCreate -v'; TESTS, the
# packages to test; RACE= to test without the race detector; STEPS, the number of steps of the model
# in test-faults; DURATION, the time for which soak injects faults; SEED of both, which a failed run
# prints; PYTHON, which has Microsoft's SDK; VERSION, that of a release, as in v0.1.0, and REVISION, the
# commit, for programs that are built; REGISTRY, the one that the manifests of a release name;
# PLATFORM=host builds the programs of a release for this machine only; DIST, the directory of its files.
# THREADS, MEMBERS, RUNS, LATENCY, FLEET and BULK are the sizes of bench, ONLY the measurements that it
# makes, OUT the page that it writes; JUDGE=1 has it fail if a count is above its budget, OPERATOR names
# another build to measure, and PROFILES is a directory for profiles.
IMG       ?= acs-chat-operator:dev
KUBECTL   ?= kubectl
DOCKER    ?= docker
REGISTRY  ?= ghcr.io/acs-operator
PLATFORM  ?=
DIST      ?= dist
DEMO      ?=
STEPS     ?=
DURATION  ?= 3m
SEED      ?=
ARGS      ?=
PYTHON    ?= /usr/bin/python3
VERSION   ?=
REVISION  ?= $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null)
TESTFLAGS ?=
TESTS     ?= ./...
RACE      ?= $(shell echo '$(hash)include <stdlib.h>' | $$(go env CC) -E -x c - >/dev/null 2>&1 && echo -race)
hash      := \#

# The control plane of the tests and the demo: the pinned one, unless the caller provides another.
ifdef KUBEBUILDER_ASSETS
assets :=
else
export KUBEBUILDER_ASSETS := $(CURDIR)/bin/controlplane
assets := controlplane
endif

# Only the race detector needs cgo.
export CGO_ENABLED := 0

tools          := $(CURDIR)/bin/tools
controller-gen := $(tools)/controller-gen
crd-ref-docs   := $(tools)/crd-ref-docs
golangci-lint  := $(tools)/golangci-lint
helm3          := $(tools)/helm3
helm4          := $(tools)/helm4
helm-tool      := $(tools)/helm-tool
helm-unittest  := $(tools)/helm-unittest
kubeconform    := $(tools)/kubeconform
kustomize      := $(tools)/kustomize
toxiproxy      := $(tools)/toxiproxy-server
flux           := $(addprefix $(tools)/,kustomize-controller source-controller sops)
actionlint     := $(tools)/actionlint
cyclonedx-gomod := $(tools)/cyclonedx-gomod
crdify         := $(tools)/crdify
gitleaks       := $(tools)/gitleaks
govulncheck    := $(tools)/govulncheck
indexdb        := $(tools)/indexdb
promtool       := $(tools)/promtool
sdk            := hack/sdk/node_modules/.package-lock.json

# What --version and the User-Agents show. Without VERSION they show what Go knows of the sources.
module   := github.com/acs-operator/acs-chat-operator
identity := $(if $(VERSION),-X $(module)/acs.release=$(VERSION)) $(if $(REVISION),-X main.revision=$(REVISION))

# Only problems of a build are shown, not its downloads.
quiet := 2> >(grep -v '^go: downloading ' >&2)

# Modules of their own with code of this project.
modules := hack/gitops hack/image hack/install hack/monitoring

# The programs that have an image.
images := acs-chat-operator acs-emulator

chart := charts/acs-chat-operator

# The version that Helm assumes where it asks no cluster. Without it, a Helm that is not from a release assumes an old one.
kube-version := 1.37

# The files that check-generated compares.
generated := ':(glob)api/**/zz_generated.*.go' config/crd/bases config/rbac/role.yaml docs/api-reference.md docs/metrics.md docs/reliability.md \
	$(chart)/templates/crds $(chart)/values.schema.json $(chart)/README.md \
	$(chart)/templates/prometheus_rule.yaml $(chart)/files/dashboard.json docs/alerts.md docs/dashboard.md \
	config/components/monitoring/prometheus_rule.yaml config/components/monitoring/dashboard.json config/kustomize config/argo-cd/argocd-cm-patch.yaml

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' Makefile

##@ Try it

.PHONY: demo
demo: ## Start a control plane, the emulator and the operator, and apply the samples (DEMO=once: then stop).
	@$(MAKE) --no-print-directory -j3 assets='$(assets)' demo-programs
	@$(if $(assets),KUBEBUILDER_ASSETS="$$(hack/controlplane/demo.sh --where)") DEMO='$(DEMO)' bin/demo

# In parallel, since the control plane is downloaded first, and compiled then.
.PHONY: demo-programs demo-controlplane bin/demo
demo-programs: $(if $(assets),demo-controlplane) build emulator bin/demo
demo-controlplane:
	@hack/controlplane/demo.sh
bin/demo:
	@go build -trimpath -o bin/demo ./hack/demo $(quiet)

.PHONY: run
run: ## Run the operator against the cluster of the current kubeconfig (ARGS: its flags).
	go run . $(ARGS)

.PHONY: install
install: ## Install the CRDs into the cluster of the current kubeconfig.
	$(KUBECTL) apply -k config/crd

##@ Develop

.PHONY: generate
generate: $(controller-gen) ## Generate the DeepCopy methods.
	$(controller-gen) object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: $(controller-gen) ## Generate the CRDs and the operator's role from the markers, and the schema for kustomize.
	$(controller-gen) crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(controller-gen) rbac:roleName=manager-role paths=./controllers/... output:rbac:artifacts:config=config/rbac
	@# The API of Kubernetes is a file of the module that the control plane of the tests is built from.
	@cd hack/controlplane && go mod download k8s.io/kubernetes
	@go run ./hack/kustomize -kubernetes "$$(cd hack/controlplane && go list -m -f '{{.Dir}}' k8s.io/kubernetes)/api/openapi-spec/swagger.json"

.PHONY: docs
docs: $(crd-ref-docs) ## Generate docs/api-reference.md, the metrics in docs/metrics.md and the tests in docs/reliability.md.
	@mkdir -p bin
	$(crd-ref-docs) --log-level=ERROR --source-path=api/v1alpha1 --config=hack/crd-ref-docs.yaml --renderer=markdown \
		--max-depth=10 --output-path=bin/api-reference.md
	@# It prints the missing optionalOldSelf of a rule, in a form that readers of HTML do not see.
	@sed 's/ <nil>\\}/\\}/' bin/api-reference.md >docs/api-reference.md
	@go run ./hack/promises
	@go run ./hack/metrics

.PHONY: charts
charts: manifests $(helm-tool) ## Generate the chart's CRDs, the schema of its values and their list in its README.
	@go run ./hack/charts/crds
	@$(helm-tool) schema -i $(chart)/values.yaml | go run ./hack/charts/schema
	@$(helm-tool) inject -i $(chart)/values.yaml -o $(chart)/README.md --header-search '^## Values *$$' -t hack/charts/values.md.tpl

.PHONY: monitoring
monitoring: ## Generate the manifests of the alerts and the dashboard, in config and in the chart, and their tables in docs.
	@cd hack/monitoring && go run .

.PHONY: argocd
argocd: ## Generate the patch of Argo CD's ConfigMap from the Lua in config/argo-cd.
	@go run ./hack/argocd/configmap

.PHONY: fmt
fmt: $(golangci-lint) ## Format the Go code and sort its imports.
	$(golangci-lint) fmt ./...

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: lint
lint: $(golangci-lint) ## Run the linters.
	$(golangci-lint) run ./...
	@for module in $(modules); do (cd $$module && echo "golangci-lint $$module" && $(golangci-lint) run -c $(CURDIR)/.golangci.yml ./...) || exit 1; done
	@! git grep -nE 'strings\.[A-Za-z]+\([A-Za-z]*[eE]rr\.Error\(\)' -- '*.go' ':!*_test.go' || \
		{ echo 'Distinguish errors by errors.Is or errors.As, not by their text.'; exit 1; }

.PHONY: lint-chart
lint-chart: $(helm3) $(helm4) $(helm-tool) $(helm-unittest) ## Run the linters of Helm 3 and Helm 4, and the unit tests of the chart.
	@$(helm-tool) lint -i $(chart)/values.yaml -d $(chart)/templates -e hack/charts/values.exceptions
	@for values in values values-aks; do for helm in $(helm3) $(helm4); do \
		$$helm lint --strict --quiet --kube-version $(kube-version) $(chart) -f $(chart)/$$values.yaml \
			--set entra.clientID=00000000-0000-0000-0000-000000000000; \
	done; done
	@$(helm-unittest) --strict $(chart)

.PHONY: shape
shape: ## Print figures of the structure of the code; judges nothing.
	@go run ./hack/shape

.PHONY: test
test: $(assets) binaries ## Run all tests, against a real API server, with the race detector where there is a C compiler.
	@[ -n '$(strip $(RACE))' ] || echo 'No C compiler found: the tests run without the race detector.'
	@CGO_ENABLED=$(if $(strip $(RACE)),1,0) go test $(RACE) -timeout 20m $(TESTFLAGS) $(TESTS)

.PHONY: test-install
test-install: $(assets) build emulator $(helm3) $(helm4) $(kubeconform) ## Test installations by chart and by manifests on a real control plane (needs root on Linux).
	@for copy in 1 2; do $(MAKE) --no-print-directory dist VERSION=v0.1.0 PLATFORM=host DIST=bin/dist-$$copy >/dev/null; done
	@cd hack/install && go test -count=1 -timeout 20m $(TESTFLAGS) ./...

.PHONY: test-monitoring
test-monitoring: $(assets) build emulator $(promtool) ## Test the alerts with promtool, and alerts, dashboard and kube-state-metrics with what a real operator shows.
	@cd hack/monitoring && go test -count=1 -timeout 20m $(TESTFLAGS) ./...

.PHONY: test-gitops
test-gitops: $(assets) build emulator $(flux) ## Test the operator with Flux: a registry, Flux's controllers, the operator and the emulator.
	@cd hack/gitops && go test -count=1 -timeout 15m -parallel 8 $(TESTFLAGS) ./...

# The tests of code that creates ids, hashes and TLS connections. Add the names of new ones here. Do
# not add tests with a clock that jumps: the entropy source of FIPS 140-3 measures time.
fips-tests := FIPS|Recreat|Create|Incarnation|Rotated|Renewal|ServiceUsers|Authority|Stamp

.PHONY: test-fips
test-fips: $(assets) ## Test what makes ids, hashes and connections with the cryptography of FIPS 140-3 and no other.
	@CGO_ENABLED=0 go test -tags fips -count=1 -timeout 20m $(TESTFLAGS) ./acs/...
	@CGO_ENABLED=0 go test -tags fips -count=1 -timeout 20m $(TESTFLAGS) -run '$(fips-tests)' -skip '^TestPacing' ./controllers

# The tests of what an older API server may do in another way: the rules, defaults and columns of the CRDs, field
# selectors, patches of a status, permissions, events, and a thread from its creation to its deletion.
oldest-tests := ^Test(Columns|Defaults|Schema.*|SelectableFields|Selector.*|Status.*|PatchStatus.*|Metadata|Topic|Policies|Participants|ThreadID|ThreadRef|ConnectionRef|Quotas|ResyncInterval|Create.*|Update|Delete|Adopt|Observe|MemberInline|OwnPermissions|PeoplesPermissions|NamespacedPermissions|UninstallKeepsThreads|AdmissionPolicyIsReported|RebuildFromGit)$$

.PHONY: test-oldest
test-oldest: controlplane-oldest ## Test with the oldest Kubernetes that is supported, which this builds first (10 minutes).
	@KUBEBUILDER_ASSETS='$(CURDIR)/bin/controlplane-oldest' go test -count=1 -timeout 20m $(TESTFLAGS) -run '$(oldest-tests)' ./api/... ./controllers

.PHONY: test-faults
test-faults: $(assets) ## Simulate the operator: a crash at every effect, every fault, old caches, two operators, a model (minutes).
	@CGO_ENABLED=0 go test -tags faults -count=1 -timeout 20m -parallel 6 $(TESTFLAGS) -run '^TestFaults' ./controllers
	@CGO_ENABLED=0 go test -tags faults -count=1 -timeout $(if $(STEPS),12h,60m) -parallel 6 $(TESTFLAGS) ./controllers/internal/simulation \
		$(if $(STEPS),-sim.steps=$(STEPS)) $(if $(SEED),-rapid.seed=$(SEED) -rapid.checks=1000000)

.PHONY: soak
soak: $(assets) build emulator $(toxiproxy) ## Run the operator as a process through crashes and bad networks (DURATION=3m SEED=).
	@DURATION='$(DURATION)' SEED='$(SEED)' go test -tags soak -count=1 -timeout 12h -v $(TESTFLAGS) ./hack/soak

# The flags of bench, each by the variable that sets it.
bench-flags = $(foreach name,threads members runs latency fleet bulk only out judge operator profiles,\
	$(if $($(shell echo $(name) | tr a-z A-Z)),-$(name)=$($(shell echo $(name) | tr a-z A-Z))))

.PHONY: bench
bench: $(assets) build emulator ## Measure the operator against a floor, with many threads, and in bulk (THREADS= MEMBERS= RUNS= LATENCY= FLEET= BULK= ONLY=).
	@go build -trimpath -o bin/bench ./hack/bench
	@bin/bench $(bench-flags)

.PHONY: test-image
test-image: $(assets) ## Build the images twice, push and pull them, and run them as pods of the manifests (needs root on Linux).
	@cd hack/image && go test -count=1 -timeout 30m $(TESTFLAGS) ./...

.PHONY: test-sdk
test-sdk: test-sdk-js test-sdk-python ## Test with Microsoft's SDKs: both of the following.

.PHONY: test-sdk-js
test-sdk-js: nodejs $(assets) binaries $(sdk) ## Test the emulator and the operator with the one for JavaScript (needs Node 20 and npm).
	@node hack/sdk/run.js

.PHONY: test-sdk-python
test-sdk-python: pythonsdk emulator ## Test the emulator with the one for Python (needs Debian's python3-azure, or PYTHON=).
	@$(PYTHON) -B hack/sdk/python/run.py

$(sdk): hack/sdk/package.json hack/sdk/package-lock.json | nodejs
	@cd hack/sdk && npm ci

.PHONY: nodejs
nodejs: # only test-sdk and site need it, so it checks here
	@missing=; for program in node npm; do command -v $$program >/dev/null || missing+=" $$program"; done; \
		[ -z "$$missing" ] || { echo "This target needs Node 20.11 or later with npm. Not found:$$missing."; exit 1; }
	@node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major * 100 + minor < 2011 ? 1 : 0)' || \
		{ echo "This target needs Node 20.11 or later. $$(command -v node) is $$(node --version)."; exit 1; }

.PHONY: pythonsdk
pythonsdk: # only test-sdk needs it, so it checks here
	@$(PYTHON) -c 'import azure.communication.chat, azure.communication.identity' || { printf '%s\n' \
		"The tests with Microsoft's SDK for Python did NOT run: $(PYTHON) cannot import the SDK." \
		'On Debian 12: apt-get install --no-install-recommends python3-azure' \
		"Elsewhere: install azure-communication-chat 1.2.0 and azure-communication-identity with pip into a virtual" \
		'environment, and name its Python: make test-sdk-python PYTHON=path/to/bin/python'; exit 1; }

.PHONY: check-generated
check-generated: generate manifests docs charts monitoring argocd ## Fail if a generated file is not what the sources say.
	@git status --porcelain -- $(generated)
	@git diff --exit-code HEAD -- $(generated)
	@[ -z "$$(git status --porcelain -- $(generated))" ]

.PHONY: tidy
tidy: ## Tidy the go.mod of every module here.
	go mod tidy
	cd hack/controlplane && go mod tidy
	cd hack/controlplane/oldest && go mod tidy
	cd hack/gitops && go mod tidy
	cd hack/image && go mod tidy
	cd hack/install && go mod tidy
	cd hack/monitoring && go mod tidy
	cd hack/tools && go mod tidy
	cd hack/tools/charts && go mod tidy
	cd hack/tools/flux && go mod tidy
	cd hack/tools/golangci-lint && go mod tidy
	cd hack/tools/monitoring && go mod tidy
	cd hack/tools/supply && go mod tidy

.PHONY: clean
clean: ## Remove everything built, the control plane included.
	rm -rf bin hack/sdk/node_modules hack/site/node_modules

##@ Website

# SITE is the directory of all versions of the site, which `make site` adds one to: VERSION, or the next one. SITE_BASE is
# the path at which it is served. DRAFT=1 allows pages to be missing that docs/README.md lists.
SITE      ?= bin/site/all
SITE_BASE ?= /acs-chat-operator/
DRAFT     ?=
CHROMIUM  ?= chromium
site-npm  := hack/site/node_modules/.package-lock.json

.PHONY: site
site: nodejs $(site-npm) ## Build the website from docs, and check its links and that it loads nothing from elsewhere (VERSION= SITE= DRAFT=).
	@node --test --test-reporter=dot hack/site/test/*.test.mjs && echo
	@node hack/site/build.mjs --version='$(VERSION)' --revision="$$(git rev-parse HEAD 2>/dev/null)" --out='$(SITE)' \
		--base='$(SITE_BASE)' $(if $(DRAFT),--draft)

.PHONY: site-look
site-look: nodejs ## Take screenshots of the website in light and dark, and fail if a page overflows or logs an error (needs Chromium).
	@node hack/site/look.mjs --site='$(SITE)' --base='$(SITE_BASE)' --version='$(or $(VERSION),next)' --chromium='$(CHROMIUM)'

$(site-npm): hack/site/package.json hack/site/package-lock.json | nodejs
	@cd hack/site && npm ci

##@ Supply chain

workflows := .github/workflows/*.yaml
# The form of a step that uses an action: pinned by commit, with its version. Workflows of this clone need no pin.
pinned    := uses: (\./\.github/workflows/[a-z-]+\.yaml|[A-Za-z0-9_./-]+@[0-9a-f]{40} $(hash) v[0-9]+\.[0-9]+\.[0-9]+)$$

.PHONY: lint-workflows
lint-workflows: $(actionlint) ## Check the workflows, and that a commit pins each action that they use.
	@$(actionlint) -shellcheck= -pyflakes= $(workflows)
	@loose=$$(grep -nE "uses[\"']?[[:space:]]*:" $(workflows) | grep -vE '$(pinned)' || true); [ -z "$$loose" ] || \
		{ echo "$$loose"; echo 'Write these as: uses: owner/action@<40 digits of the commit> $(hash) v1.2.3'; exit 1; }
	@echo "The workflows are valid, and $$(grep -hE '@[0-9a-f]{40} $(hash) v' $(workflows) | wc -l) uses of actions are pinned."

# The toolchain of releases. The machine may have another one, which vulncheck does not judge.
toolchain := $(shell sed -n 's/^toolchain //p' go.mod)
$(images:%=image-%): export GOTOOLCHAIN = $(toolchain)
vulndb    := bin/vulndb/.stamp

.PHONY: vulncheck
vulncheck: $(govulncheck) $(vulndb) ## Fail if the code calls a function that has a known vulnerability (needs no network).
	@echo "Looking for vulnerabilities known in $$(cat $(vulndb)), with the toolchain of releases, $(toolchain)."
	@[ -n '$(toolchain)' ] || { echo 'go.mod names no toolchain.'; exit 1; }
	@for module in go.mod $(wildcard hack/image/go.mod hack/install/go.mod hack/monitoring/go.mod); do \
		GOTOOLCHAIN=$(toolchain) $(govulncheck) -C "$$(dirname $$module)" -db 'file://$(CURDIR)/bin/vulndb' ./...; done

# The database is a module. Its version has the time of its last change.
$(vulndb): hack/tools/supply/go.mod $(indexdb)
	@rm -rf bin/vulndb && mkdir -p bin
	@cd hack/tools/supply && go mod download golang.org/x/vulndb
	@$(indexdb) -vulns "$$(cd hack/tools/supply && go list -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out bin/vulndb
	@entries=$$(find bin/vulndb/ID -name 'GO-*.json' | wc -l); [ "$$entries" -gt 4000 ] || \
		{ echo "The database of vulnerabilities has only $$entries entries."; exit 1; }
	@cd hack/tools/supply && go list -m -f '{{.Version}}' golang.org/x/vulndb >$(CURDIR)/$@

.PHONY: secrets-scan
secrets-scan: $(gitleaks) ## Fail if the history or the work tree has a secret; .gitleaks.toml lists the made-up ones.
	@$(gitleaks) git --log-opts=HEAD --config=.gitleaks.toml --no-banner --no-color --redact --verbose . 2>&1 | tee bin/secrets-scan.log
	@grep -qE '[^0-9][1-9][0-9]* commits scanned' bin/secrets-scan.log || { echo 'No commit was scanned.'; exit 1; }
	@# The second scan is of files that are not committed yet.
	@git ls-files --modified --others --exclude-standard --deduplicate -z | while IFS= read -r -d '' file; do \
		[ ! -f "$$file" ] || $(gitleaks) dir --config=.gitleaks.toml --no-banner --no-color --redact --verbose --log-level=warn "$$file"; done

.PHONY: release-notes
release-notes: ## Print the section of CHANGELOG.md for VERSION=v1.2.3.
	@awk -v heading='## [$(VERSION:v%=%)] - ' ' \
		/^## / { on = index($$0, heading) == 1; found = found || on; next } \
		/^\[[^]]*\]: / { next } \
		on { print } \
		END { exit !found }' CHANGELOG.md || { echo 'CHANGELOG.md has no section for VERSION=$(VERSION).' >&2; exit 1; }

.PHONY: check-release
check-release: ## Fail if the tag VERSION=v1.2.3 lacks its section of CHANGELOG.md, or its CRDs in api/released.
	@[[ '$(VERSION)' =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$$ ]] || { echo "VERSION=$(VERSION) is no version such as v1.2.3."; exit 1; }
	@$(MAKE) -s release-notes VERSION='$(VERSION)' >/dev/null
	@# A version before a release, such as v1.2.0-rc.1, promises no API yet.
	@[[ '$(VERSION)' == *-* ]] || diff -r config/crd/bases 'api/released/$(VERSION)' || \
		{ echo 'api/released/$(VERSION) must have the CRDs of this release: CONTRIBUTING.md, "Releasing".'; exit 1; }
	@echo 'VERSION=$(VERSION) is ready to be released.'

.PHONY: check-api
check-api: $(crdify) ## Fail if the CRDs refuse objects that those of the last release accept (api/released).
	@CRDIFY=$(crdify) hack/check-api.sh

##@ Build

.PHONY: build
build: ## Build the operator: bin/manager.
	@go build -trimpath -ldflags '$(identity)' -o bin/manager . $(quiet)

.PHONY: emulator
emulator: ## Build the emulator of the service: bin/acs-emulator.
	@go build -trimpath -ldflags '$(identity)' -o bin/acs-emulator ./hack/acs-emulator $(quiet)

.PHONY: binaries
binaries: build # all of them, since tested code must also link
	@go build -trimpath -o bin/ ./hack/...

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl: bin/controlplane.
	@hack/controlplane/build.sh

.PHONY: controlplane-oldest
controlplane-oldest: ## Build the same of the oldest Kubernetes that is supported: bin/controlplane-oldest.
	@hack/controlplane/build.sh oldest

# The time of the commit, so that the same sources give the same images.
created = $(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo 1970-01-01T00:00:00Z)

.PHONY: image
image: $(images:%=image-%) ## Build the images of the operator and the emulator without a container engine: OCI layouts in bin/images (VERSION=).

.PHONY: $(images:%=image-%)
$(images:%=image-%): image-%: bin/image
	@cd hack/image && ../../bin/image build -program $* -version '$(VERSION)' -revision '$(REVISION)' \
		-created '$(created)' -out ../../bin/images/$*

.PHONY: dist dist-version
dist-version:
	@[[ '$(VERSION)' =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$$ ]] || \
		{ echo "VERSION is '$(VERSION)'. Give a version, as in \`make dist VERSION=v0.1.0\`."; exit 1; }

dist: dist-version image $(kustomize) $(cyclonedx-gomod) ## Write the files of a release to dist: manifests, chart, programs and more (VERSION=v0.1.0).
	@go build -trimpath -o bin/dist ./hack/dist
	@GOTOOLCHAIN=$(toolchain) bin/dist -version '$(VERSION)' -revision '$(REVISION)' -created '$(created)' -registry '$(REGISTRY)' \
		-kustomize $(kustomize) -sbom $(cyclonedx-gomod) -all=$(if $(PLATFORM),false,true) -out $(DIST)

# The version of an image that is pushed is that of its tag, unless the caller gives another one.
push push-emulator: VERSION := $(or $(VERSION),$(filter v%,$(lastword $(subst :, ,$(IMG)))))

.PHONY: push
push: image-acs-chat-operator ## Push the image of the operator to IMG, a reference with a tag (VERSION=, or that of the tag).
	@bin/image push -layout bin/images/acs-chat-operator -image '$(IMG)'

.PHONY: push-emulator
push-emulator: image-acs-emulator ## Push the image of the emulator to IMG.
	@bin/image push -layout bin/images/acs-emulator -image '$(IMG)'

.PHONY: bin/image
bin/image:
	@cd hack/image && go build -trimpath -o ../../bin/image .

.PHONY: docker-build
docker-build: ## Build the image of the operator, IMG, with Docker or DOCKER= (VERSION=).
	$(DOCKER) build -t $(IMG) --build-arg VERSION='$(VERSION)' --build-arg REVISION='$(REVISION)' --build-arg CREATED='$(created)' .

##@ Tools

.PHONY: tools
tools: $(controller-gen) $(crd-ref-docs) $(golangci-lint) $(toxiproxy) $(helm3) $(helm4) $(helm-tool) $(helm-unittest) $(kubeconform) $(kustomize) \
	$(actionlint) $(crdify) $(cyclonedx-gomod) $(gitleaks) $(govulncheck) $(indexdb) $(promtool) ## Build the tools that the other targets need.

$(controller-gen): hack/tools/go.mod hack/tools/go.sum
	@echo 'Building controller-gen.'
	@cd hack/tools && go build -trimpath -mod=readonly -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(crd-ref-docs): hack/tools/go.mod hack/tools/go.sum
	@echo 'Building crd-ref-docs.'
	@cd hack/tools && go build -trimpath -mod=readonly -o $@ github.com/elastic/crd-ref-docs

$(toxiproxy): hack/tools/go.mod hack/tools/go.sum
	@echo 'Building toxiproxy.'
	@cd hack/tools && go build -trimpath -mod=readonly -o $@ github.com/Shopify/toxiproxy/v2/cmd/server

# With the CRDs of a controller, which are in its module.
$(tools)/kustomize-controller $(tools)/source-controller: $(tools)/%: hack/tools/flux/go.mod hack/tools/flux/go.sum
	@echo 'Building $* of Flux.'
	@cd hack/tools/flux && go build -trimpath -mod=readonly -o $@ github.com/fluxcd/$*
	@mkdir -p $(tools)/flux-crds
	@install -m 644 "$$(cd hack/tools/flux && go list -m -f '{{.Dir}}' github.com/fluxcd/$*)"/config/crd/bases/*.yaml $(tools)/flux-crds

$(tools)/sops: hack/tools/flux/go.mod hack/tools/flux/go.sum
	@echo 'Building SOPS.'
	@cd hack/tools/flux && go build -trimpath -mod=readonly -o $@ github.com/getsops/sops/v3/cmd/sops

$(actionlint): hack/tools/supply/go.mod hack/tools/supply/go.sum
	@echo 'Building actionlint.'
	@cd hack/tools/supply && go build -trimpath -mod=readonly -o $@ github.com/rhysd/actionlint/cmd/actionlint

$(cyclonedx-gomod): hack/tools/supply/go.mod hack/tools/supply/go.sum
	@echo 'Building cyclonedx-gomod.'
	@cd hack/tools/supply && go build -trimpath -mod=readonly -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

$(crdify): hack/tools/supply/go.mod hack/tools/supply/go.sum
	@echo 'Building crdify.'
	@cd hack/tools/supply && go build -trimpath -mod=readonly -o $@ sigs.k8s.io/crdify

$(gitleaks): hack/tools/supply/go.mod hack/tools/supply/go.sum
	@echo 'Building gitleaks.'
	@cd hack/tools/supply && go build -trimpath -mod=readonly -o $@ github.com/zricethezav/gitleaks/v8

$(govulncheck): hack/tools/supply/go.mod hack/tools/supply/go.sum
	@echo 'Building govulncheck.'
	@cd hack/tools/supply && go build -trimpath -mod=readonly -o $@ golang.org/x/vuln/cmd/govulncheck

$(indexdb): hack/tools/supply/go.mod hack/tools/supply/go.sum
	@echo 'Building indexdb.'
	@cd hack/tools/supply && go build -trimpath -mod=readonly -o $@ golang.org/x/vulndb/cmd/indexdb

# The tags leave out what finds targets to scrape, in some twenty clouds: promtool checks and tests rules here.
$(promtool): hack/tools/monitoring/go.mod hack/tools/monitoring/go.sum
	@echo 'Building promtool.'
	@cd hack/tools/monitoring && go build -trimpath -mod=readonly -tags remove_all_sd -o $@ github.com/prometheus/prometheus/cmd/promtool

$(golangci-lint): hack/tools/golangci-lint/go.mod hack/tools/golangci-lint/go.sum
	@echo 'Building golangci-lint. The first time this takes a few minutes.'
	@cd hack/tools/golangci-lint && go build -trimpath -mod=readonly -o $@ \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# Programs of one module: their names, and the packages that have them.
chart-tools := $(helm3) $(helm4) $(helm-tool) $(helm-unittest) $(kubeconform) $(kustomize)
$(helm3):         package := helm.sh/helm/v3/cmd/helm
$(helm4):         package := helm.sh/helm/v4/cmd/helm
$(helm-tool):     package := github.com/cert-manager/helm-tool
$(helm-unittest): package := github.com/helm-unittest/helm-unittest/cmd/helm-unittest
$(kubeconform):   package := github.com/yannh/kubeconform/cmd/kubeconform
$(kustomize):     package := sigs.k8s.io/kustomize/kustomize/v5

$(chart-tools): hack/tools/charts/go.mod hack/tools/charts/go.sum
	@echo 'Building $(@F).'
	@cd hack/tools/charts && go build -trimpath -mod=readonly -o $@ $(package)
