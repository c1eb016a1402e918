#!/usr/bin/env bash
# Entry of the GitHub action: turns its inputs, given as INPUT_… variables, into
# one run of tcpstate check. TCPSTATE names a program to use instead of building
# one.
set -euo pipefail
set -f # patterns are for tcpstate to expand

program=${TCPSTATE:-}
if [ -z "$program" ]; then
	program=${RUNNER_TEMP:-/tmp}/tcpstate-bin/tcpstate
	mkdir -p "$(dirname "$program")"
	if [ -n "${INPUT_VERSION:-}" ]; then
		GOBIN=$(dirname "$program") go install "github.com/tcpstate/tcpstate/cmd/tcpstate@$INPUT_VERSION"
	else
		(cd "$ACTION_PATH" && go build -o "$program" ./cmd/tcpstate)
	fi
fi

args=()
for name in expect policy allow forbid report; do
	variable=INPUT_${name^^}
	if [ -n "${!variable:-}" ]; then
		args+=("--$name=${!variable}")
	fi
done
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
