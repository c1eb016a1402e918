# Shell functions of the Makefile and .ci/run: they find or install what a
# target needs, and say what they do. To be sourced by bash.

set -euo pipefail

GO=${GO:-go}
needed_go=1.26
fetched_go=1.26.8 # where the system's own Go is older than modules' toolchains

say() { printf '%s\n' "$*" >&2; }

# can_install: root on a machine with apt.
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

# install_package NAME…: installs Debian packages without questions.
install_package() {
	can_install || return 1
	say "installing $*"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 && return
	apt-get update -q >/dev/null 2>&1 || return 1
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >/dev/null
}

# go_works: there is a Go that is new enough, or that fetches a new enough one
# by itself (1.21 and later do).
go_works() { command -v "$GO" >/dev/null 2>&1 && "$GO" list -m >/dev/null 2>&1; }

# need_go: finds Go in the usual places, or gets one, else fails.
need_go() {
	local place
	go_works && return
	for place in go /usr/local/go/bin/go /usr/lib/go/bin/go /snap/bin/go "$HOME/go/bin/go"; do
		GO=$place
		go_works && return
	done
	GO=go
	command -v go >/dev/null 2>&1 || install_package ca-certificates golang-go || true
	go_works && return
	if command -v go >/dev/null 2>&1 && fetch_go; then
		go_works && return
	fi
	say "Go $needed_go or later is needed: https://go.dev/doc/install"
	return 1
}

# fetch_go: lets a Go that is too old fetch a new one, as the module that
# holds it. Its checksum is verified like that of any module.
fetch_go() {
	local old module dir
	old=$(command -v go)
	module=golang.org/toolchain@v0.0.1-go$fetched_go.$("$old" env GOOS)-$("$old" env GOARCH)
	say "fetching Go $fetched_go with $("$old" version)"
	dir=$(mktemp -d)
	printf 'module fetch\n' >"$dir/go.mod"
	(cd "$dir" && "$old" mod download "$module") || return 1
	rm -rf "$dir"
	dir=$("$old" env GOMODCACHE)/$module
	# An old Go unpacks without the permission to execute.
	chmod u+x "$dir"/bin/* "$dir"/pkg/tool/*/* 2>/dev/null || true
	export GOROOT=$dir GOTOOLCHAIN=local
	GO=$dir/bin/go
}

# want PROGRAM [PACKAGE]: installs an optional program where that is possible,
# and says what is lost without it.
want() {
	command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] && return
	install_package "${2:-$1}" && return
	say "$1 is not installed: tests that compare with it are skipped"
}

# logged LOG TEXT COMMAND…: runs the command with its output in build/LOG. Where it
# fails it says the text, the cause and where the log is. Its callers return by
# hand: in a chain of && set -e does not hold.
logged() {
	local log=build/$1 text=$2
	shift 2
	mkdir -p build || return 1
	"$@" >"$log" 2>&1 && return
	say "$text:" "$(grep -vE '^(FAIL|exit status)' "$log" | tail -n 3)"
	say "all of it: $log"
	return 1
}

# profile_is_fresh PROFILE: it is there, and what it was made of has not changed since.
profile_is_fresh() {
	local newer
	[ -s "$1" ] || return 1
	newer=$(find analyzer check cmd internal/capgen report statemachine go.mod go.sum internal/setup.sh -newer "$1" \
		\( -name '*.go' -o -name go.mod -o -name go.sum -o -name setup.sh \) -print -quit) || return 1
	[ -z "$newer" ]
}

# run_scenes PROFILE: runs the program on the scenes of the benchmark and writes its profile.
run_scenes() {
	local log
	log=$(CGO_ENABLED=0 "$GO" test ./cmd/tcpstate -run '^$' -bench '^BenchmarkScenes$' -benchtime 3s -cpuprofile "$1" -o build/scenes.test 2>&1) || { say "$log"; return 1; }
	say "$log"
	grep -q '^BenchmarkScenes' <<<"$log" || { say "BenchmarkScenes did not run"; return 1; }
}

# profile_tcpstate: makes build/tcpstate.pgo, the profile by which releases are
# optimised, where it is older than the code: half a minute.
profile_tcpstate() {
	local profile=build/tcpstate.pgo
	profile_is_fresh "$profile" && return
	say "profiling the program, to build it by that"
	if ! logged profile.log "the program could not be profiled" run_scenes "$profile.new"; then
		rm -f build/scenes.test "$profile.new"
		return 1
	fi
	rm -f build/scenes.test
	mv "$profile.new" "$profile"
}

# build_release OUTPUT: builds the program as releases are built.
build_release() {
	profile_tcpstate || return 1
	logged build.log "$1 could not be built" env CGO_ENABLED=0 "$GO" build -trimpath -pgo=build/tcpstate.pgo -o "$1" ./cmd/tcpstate || return 1
	say "built $1 as releases are: pure Go, optimised by its own profile"
}

# build_tcpstate OUTPUT LIVE_SOURCE: builds the program and says which.
build_tcpstate() {
	local output=$1 live=$2
	if [ -z "$live" ]; then
		CGO_ENABLED=0 "$GO" build -trimpath -o "$output" ./cmd/tcpstate
		say "built $output, pure Go: it reads capture files and pipes, and captures on Linux without filters"
		return
	fi
	[ -e /usr/include/pcap/pcap.h ] || install_package libpcap-dev gcc libc6-dev || true
	if [ -n "$("$GO" env CC)" ] && command -v "$("$GO" env CC)" >/dev/null 2>&1 &&
		CGO_ENABLED=1 "$GO" build -trimpath -tags libpcap -o "$output" ./cmd/tcpstate 2>/dev/null; then
		say "built $output with live capture and filters (libpcap)"
		return
	fi
	CGO_ENABLED=0 "$GO" build -trimpath -o "$output" ./cmd/tcpstate
	say "built $output, pure Go: live capture on Linux only, without filters, since libpcap's headers (libpcap-dev) or a C compiler are missing"
}

run_lint() {
	local lint
	for lint in golangci-lint "$HOME/go/bin/golangci-lint"; do
		if command -v "$lint" >/dev/null 2>&1; then
			"$lint" run ./...
			if [ -e /usr/include/pcap/pcap.h ]; then
				"$lint" run --build-tags libpcap ./...
			fi
			return
		fi
	done
	say "golangci-lint is not installed: lint skipped"
}

run_race() {
	if command -v "$("$GO" env CC)" >/dev/null 2>&1; then
		CGO_ENABLED=1 "$GO" test -race ./...
	else
		say "no C compiler: tests run without the race detector"
		"$GO" test ./...
	fi
}

# need_npm: the packages of the report's program, as its lock file has them.
need_npm() {
	if ! command -v npm >/dev/null 2>&1; then
		say "node and npm are needed: https://nodejs.org"
		return 1
	fi
	(cd report/page/web && npm ci --no-audit --no-fund --ignore-scripts --omit-lockfile-registry-resolved --loglevel=error >&2)
}

# test_page: the tests of the report in a browser, where there is what they
# need. The build must give the committed bundle.
test_page() {
	if ! command -v node >/dev/null 2>&1 || ! [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
		say "node or chromium is not installed: the tests of the report in a browser are skipped"
		return
	fi
	if ! need_npm; then
		say "the packages cannot be loaded: the tests of the report in a browser are skipped"
		return
	fi
	(cd report/page/web && npx tsc --noEmit && npx vite build --logLevel warn && git diff --exit-code --stat ../dist && GO=$GO npm test --silent)
}

# run_fuzz TIME: runs every fuzz target of every package. Inputs that reach new
# code are made smaller in a few tries only: by default that takes a minute each.
run_fuzz() {
	local package target
	for package in $("$GO" list ./...); do
		for target in $("$GO" test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
			say "$package $target"
			"$GO" test -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 20x "$package"
		done
	done
}
