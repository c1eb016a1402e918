#!/usr/bin/env bash
# The release: documents for GoReleaser's archives and packages, and a dry run
# that inspects what it would publish.
#
#   internal/release.sh documents VERSION   before a build, from .goreleaser.yaml
#   internal/release.sh profile             likewise: by what the build is optimised
#   internal/release.sh dry [all]           make release-dry
set -euo pipefail
cd "$(dirname "$0")/.."

goreleaser_version=v2.15.0
fetch_seconds=480 # it has many modules: minutes on a slow machine

# documents VERSION: manual pages and completions of a version, with the
# day of its commit.
documents() {
	local tool=build/tool man
	rm -rf build/man build/man.gz build/completion
	mkdir -p build/man.gz build/completion
	# The version stands in the pages; those of a release for another system are made here.
	env -u GOOS -u GOARCH CGO_ENABLED=0 "${GO:-go}" build -ldflags "-X main.release=$1" -o "$tool" ./cmd/tcpstate
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) "$tool" man build/man
	for man in build/man/*.1; do
		gzip -9nc "$man" >"build/man.gz/${man##*/}.gz"
	done
	gzip -9nc CHANGELOG.md >build/changelog.gz
	for shell in bash zsh fish; do
		"$tool" completion "$shell" >"build/completion/tcpstate.$shell"
	done
	rm "$tool"
}

# find_goreleaser: prints where it is, and fetches it where it is not.
find_goreleaser() {
	local place
	for place in goreleaser "$("$GO" env GOPATH)/bin/goreleaser"; do
		if command -v "$place" >/dev/null 2>&1; then
			command -v "$place"
			return
		fi
	done
	say "fetching and building goreleaser $goreleaser_version"
	CGO_ENABLED=0 timeout "$fetch_seconds" "$GO" install "github.com/goreleaser/goreleaser/v2@$goreleaser_version" >/dev/null 2>&1 || return 1
	printf '%s\n' "$("$GO" env GOPATH)/bin/goreleaser"
}

# dry WHICH: builds the release without publishing it, for this system or for
# all, and inspects it. Where the tools cannot be had it says so and is content.
dry() {
	local tool config=.goreleaser.yaml version
	if ! command -v git >/dev/null 2>&1 && ! install_package git || ! git rev-parse HEAD >/dev/null 2>&1; then
		say "no git, or no repository: the dry run of the release is skipped"
		return
	fi
	if ! tool=$(find_goreleaser); then
		say "goreleaser is not installed and cannot be fetched: the dry run of the release is skipped"
		return
	fi
	mkdir -p build
	if [ "$1" != all ]; then
		config=build/goreleaser.yaml
		sed -E "s/goos: \[.*\]/goos: [$("$GO" env GOOS)]/; s/goarch: \[.*\]/goarch: [$("$GO" env GOARCH)]/" .goreleaser.yaml >"$config"
	fi
	export GO PATH=$(dirname "$(command -v "$GO")"):$PATH
	if ! { "$tool" check "$config" && "$tool" release --snapshot --clean --skip=publish --config "$config"; } >build/release.log 2>&1; then
		cat build/release.log >&2
		say "release: goreleaser failed"
		return 1
	fi
	version=$(sed -E 's/.*"version":"([^"]*)".*/\1/' dist/metadata.json)
	inspect "v$version"
	say "the release is as it should be: $(wc -l <dist/checksums.txt) files of $version"
}

# must TEXT COMMAND…: fails with the text, and what the command said, when it
# fails.
must() {
	local text=$1 said
	shift
	said=$("$@" 2>&1) || { say "release: $text" "$said"; return 1; }
}

# inspect VERSION: the program runs, is static and knows its version; archive
# and package hold what they should; the checksums are right.
inspect() {
	local system program archive
	system=$("$GO" env GOOS)_$("$GO" env GOARCH)
	program=$(ls dist/tcpstate_"$system"*/tcpstate)
	"$program" version | grep -qF "tcpstate $1" || { say "release: $("$program" version) is not $1"; return 1; }
	must "the program finds nothing in a capture" grep -q 'LAST-ACK → CLOSED' <("$program" analyze testdata/pcaps/close-client.pcap)
	if [ "$("$GO" env GOOS)" = linux ] && command -v ldd >/dev/null 2>&1; then
		! ldd "$program" >/dev/null 2>&1 || { say "release: the program needs shared libraries"; return 1; }
	fi
	(cd dist && must "a checksum is wrong" sha256sum -c checksums.txt)
	for archive in dist/*.tar.gz; do
		holds "$archive" "$(tar tzf "$archive")" tcpstate LICENSE README.md docs/tutorial.md docs/schema/ndjson.schema.json build/man/tcpstate.1 build/completion/tcpstate.bash
	done
	for archive in dist/*.zip; do
		[ -e "$archive" ] && holds "$archive" "$(unzip -Z1 "$archive")" tcpstate.exe LICENSE README.md
	done
	for archive in dist/*.deb; do
		[ -e "$archive" ] && command -v dpkg-deb >/dev/null 2>&1 && inspect_package "$archive" "$system" "$program"
	done
	return 0
}

# holds ARCHIVE LIST FILE…: every file is in the list of the archive's contents.
holds() {
	local archive=$1 list=$2 file
	shift 2
	for file in "$@"; do
		grep -qxF "$file" <<<"$list" || { say "release: $archive lacks $file"; return 1; }
	done
}

# inspect_package PACKAGE SYSTEM PROGRAM: the Debian package can be installed,
# and brings what was built.
inspect_package() {
	local root
	holds "$1" "$(dpkg-deb -c "$1" | awk '{print $6}')" ./usr/bin/tcpstate ./usr/share/man/man1/tcpstate.1.gz ./usr/share/man/man1/tcpstate-analyze.1.gz \
		./usr/share/bash-completion/completions/tcpstate ./usr/share/zsh/vendor-completions/_tcpstate \
		./usr/share/fish/vendor_completions.d/tcpstate.fish ./usr/share/doc/tcpstate/copyright ./usr/share/doc/tcpstate/changelog.gz
	[[ $1 == *_"$2".deb ]] || return 0
	root=$(mktemp -d)
	dpkg-deb -x "$1" "$root"
	must "the package's program is another" cmp "$root/usr/bin/tcpstate" "$3"
	must "the package's manual page is no gzip" gzip -t "$root/usr/share/man/man1/tcpstate.1.gz"
	must "the package's completion is no shell" bash -n "$root/usr/share/bash-completion/completions/tcpstate"
	rm -rf "$root"
	if [ "$(id -u)" = 0 ] && command -v dpkg >/dev/null 2>&1; then
		root=$(mktemp -d)
		mkdir -p "$root"/var/lib/dpkg/{updates,info}
		touch "$root"/var/lib/dpkg/{status,available}
		must "the package cannot be installed:" env PATH="$PATH:/usr/sbin:/sbin" dpkg --root="$root" --force-script-chrootless -i "$1"
		must "the installed program does not run" "$root/usr/bin/tcpstate" version
		rm -rf "$root"
	fi
}

case ${1-} in
documents)
	documents "$2"
	;;
profile)
	env -u GOOS -u GOARCH bash -c '. internal/setup.sh && need_go && profile_tcpstate'
	;;
dry)
	. internal/setup.sh
	need_go
	dry "${2:-one}"
	;;
*)
	sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
