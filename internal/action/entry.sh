#!/usr/bin/env bash
# Entry of the GitHub action: turns its inputs, given as INPUT_… variables, into
# one run of tcpstate check. TCPSTATE names a program to use instead of building
# one. Bash 3.2, which macOS has, runs it.
set -euo pipefail
set -f # patterns are for tcpstate to expand

program=${TCPSTATE:-}
if [ -z "$program" ]; then
	bin=${RUNNER_TEMP:-/tmp}/tcpstate-bin
	bin=${bin//\\//} # Windows
	mkdir -p "$bin"
	# A job that builds for another machine needs tcpstate for this one.
	unset GOOS GOARCH GOFLAGS GOBIN
	if [ -n "${INPUT_VERSION:-}" ]; then
		GOBIN=$bin go install "github.com/tcpstate/tcpstate/cmd/tcpstate@$INPUT_VERSION"
	else
		(cd "$ACTION_PATH" && GOWORK=off go build -o "$bin/" ./cmd/tcpstate)
	fi
	program=$bin/tcpstate
fi

args=()
add() { # flag, value
	if [ -n "$2" ]; then
		args+=("--$1=$2")
	fi
}
add expect "${INPUT_EXPECT:-}"
add policy "${INPUT_POLICY:-}"
add allow "${INPUT_ALLOW:-}"
add forbid "${INPUT_FORBID:-}"
add report "${INPUT_REPORT:-}"
# Blanks and lines separate these, as their descriptions say.
read -r -d '' -a more <<<"${INPUT_ARGS:-}" || true
read -r -d '' -a files <<<"${INPUT_FILES:-}" || true
if [ ${#files[@]} -eq 0 ]; then
	echo "::error title=tcpstate check::the input files is empty"
	exit 2
fi

code=0
"$program" check ${args[@]+"${args[@]}"} ${more[@]+"${more[@]}"} -- "${files[@]}" || code=$?
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	echo "exit-code=$code" >>"$GITHUB_OUTPUT"
fi
exit "$code"
