# make build      the programs, into this folder
# make test       all tests; CI runs it, make matrix and make fresh. Installs the servers and tools it needs
# make demo       one escalation on a real Prosody, told as it happens
# make demo-sms   the same with SMS of Tocsin's own, by a real Kannel
# make playground the same with a web page, until you stop it
# make bench      what this machine can do; make soak: whether it still can after an hour
# make failover   a PostgreSQL with a replica that fails, by hand and by Patroni
# make fresh      what README.md promises, on a bare Debian
# make bench-server what a tap costs a server
# make packages   .deb, .rpm and .tar.gz, into .build/packages
# make image      a container image, by buildah
# make fuzz       a minute for each fuzz target
# make matrix     the stories on newer servers: those of Debian's backports
# make newest     the same on the newest of both, in a chroot (root, debootstrap)
# make dialyzer   what Dialyzer says of the module for ejabberd; the first time takes minutes
GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
PACKAGES ?= ./...
FUZZTIME ?= 60s
SOAKTIME ?= 1h
LONGEST  := $(addprefix tocsin/,internal/acceptance storage contrib/converse cmd/tocsin internal/serverload internal/scenarios)
NORACE   := tocsin/internal/survival
BOTH     := $(addprefix tocsin/internal/,scenarios texting)
# A package that is compiled without the race detector hides the synchronisation of generic code that it shares with others
# (sync/atomic's, sync.Map's), and races are reported where there are none. So all of it has the race detector, except the
# package of SQLite that was translated from C (sqlite/lib). It shares no generic code, and its memory is not on Go's heap: the
# detector would see only its global variables, and take a quarter to a third of the time of tests that use SQLite. Nor is it
# checked that translated pointers stay within their objects (-d=checkptr), which has nothing to do with races. internal/lab
# builds the program with the same flags: Go tells a test only the last of them.
RACE     := -race -gcflags=modernc.org/...=-d=checkptr=0 -gcflags=modernc.org/sqlite/lib=-race=false
export TOCSIN_RACE := $(RACE)
# Without paths, what was built in one checkout need not be built again in another one.
export GOFLAGS ?= -trimpath
# A program with the race detector sleeps for a second before it ends, unless told not to.
export GORACE ?= atexit_sleep_ms=0

.PHONY: build test test-race test-plain test-kills test-lint matrix newest race fuzz bench bench-server soak failover fresh image packages lint vet format staticcheck luacheck dialyzer tools test-browser demo demo-sms playground clean

build:
	$(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o . ./cmd/...

# The longest come first, so that the others run beside them; they wait for one another and for timers, so four at a time keep
# two processors busy. What kills programs under load goes without the race detector, which makes them slow, and without other tests
# beside it: the linters take the time that it leaves (nice). Without the race detector go those BOTH, too, that tell one story by
# many taps and databases: with it one of them, without it the others, in the time that the rest leaves; their output comes when they
# have ended. It takes seven and a half minutes on two processors, and may take eight.
test: tools
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-race test-plain
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-kills test-lint

# Memory for time: a twentieth of it is garbage collection.
test-race test-plain: export GOGC ?= 300

# "make lint" vets all of it.
TEST     := $(GO) test -vet=off -count=1 -timeout 40m

test-race:
	$(TEST) $(RACE) -p 4 $(LONGEST) $(filter-out $(LONGEST) $(NORACE),$(shell $(GO) list ./...))

test-plain:
	nice -n 10 $(TEST) -p 1 -skip '^TestSQLite$$/^.*$$/^module$$|^Test.*$$/^postgres$$' $(BOTH)

test-kills:
	$(TEST) $(NORACE)

test-lint:
	@nice -n 19 $(MAKE) --no-print-directory lint

race:
	$(GO) test $(RACE) $(PACKAGES)

# On other versions of the servers: what they tell, and the stories; docs/SERVERS.md has the results. The database does not
# matter to a server.
STORIES ?= ./contrib/ejabberd ./contrib/prosody ./internal/lab ./internal/acceptance

matrix: tools
	@bash .ci/servers backports .build/backports
	TOCSIN_SERVERS=$(CURDIR)/.build/backports $(GO) test -count=1 -timeout 10m -skip /PostgreSQL $(STORIES)

newest: tools
	@bash .ci/servers newest .build/newest
	TOCSIN_SERVERS=$(CURDIR)/.build/newest TMPDIR=$(CURDIR)/.build/newest/tmp $(GO) test -count=1 -timeout 40m -skip /PostgreSQL $(STORIES)

image:
	@GO=$(GO) packaging/image tocsin

packages:
	@GO=$(GO) packaging/build

# In a minimal root of this Debian release, as root.
fresh:
	@bash .ci/fresh

fuzz:
	@set -e; for package in $$($(GO) list $(PACKAGES)); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

bench:
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

# What a tap costs Prosody and ejabberd; about ten minutes a round. docs/PERFORMANCE.md has the results.
ROUNDS ?= 5
bench-server: tools
	TOCSIN_ROUNDS=$(ROUNDS) $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 0 -v ./internal/serverload

soak:
	TOCSIN_SOAK=$(SOAKTIME) $(GO) test -count=1 -timeout 0 -run Soak -v ./...

# All ways in which a PostgreSQL with a replica fails, by hand and by Patroni; about a quarter of an hour. docs/design/survival.md
# has the results.
failover: tools
	@bash .ci/install patroni etcd-server haproxy
	TOCSIN_FAILOVER=1 $(GO) test -count=1 -timeout 30m -run 'TestFailover|TestPatroni|TestPgbouncer' -v ./internal/survival

lint: vet format staticcheck luacheck

vet:
	$(GO) vet ./...
	$(GO) vet -tags root ./packaging

format:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	test -z "$$unformatted" || { echo "not gofmt'ed: $$unformatted" >&2; exit 1; }

# A tool of go.mod: nothing has to be installed.
staticcheck:
	$(GO) tool staticcheck ./...

luacheck:
	luacheck --quiet contrib/prosody

dialyzer:
	@bash .ci/dialyzer

# What tests need beside Go: real servers, a browser, linters, by Debian's packages. No service is started.
tools:
	@bash .ci/install

# The plugin of contrib/converse in a real browser; part of "make test".
test-browser:
	$(GO) test -count=1 ./contrib/converse

demo:
	@bash .ci/install prosody
	$(GO) run ./internal/demo

demo-sms:
	@bash .ci/install prosody kannel nodejs npm
	$(GO) run ./internal/demo sms

playground:
	@bash .ci/install prosody nodejs npm
	$(GO) run ./internal/playground

clean:
	rm -rf tocsin tocsin-chat .build
	$(GO) clean -testcache
