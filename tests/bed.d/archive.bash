# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's archive as this machine reaches it. No host name of an archive stands in the tree:
# the mirror is the one that apt here is told to use, whatever format its sources have.

SUITE=trixie
readonly SUITE

# The keyring that knows the suite's key.
keyring() {
	local f
	for f in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		if [ -r "$f" ]; then
			echo "$f"
			return
		fi
	done
	return 1
}

# URI of the archive ("main") or of the security archive ("security"), without trailing slash.
# apt parses its own sources and tells which files it would fetch; other people's repositories
# are not called like a release of Debian, or have no component main.
archive_uri() {
	local want=${1:-main} uri
	if [ "$want" = main ] && [ -n "${VZ_BED_MIRROR:-}" ]; then
		printf '%s\n' "${VZ_BED_MIRROR%/}"
		return
	fi
	uri=$(apt-get --print-uris update 2>/dev/null |
		sed -n -E "s#^'(https?://[^']*)/dists/([^']*)/main/binary-[^']*'.*#\1 \2#p" |
		awk -v want="$want" '
			$2 !~ /^(oldstable|stable|testing|unstable|sid|bookworm|trixie|forky)(-security|\/updates)?$/ { next }
			($2 ~ /security|updates/) != (want == "security") { next }
			!found++ { print $1 }')
	[ -n "$uri" ] || return 1
	printf '%s\n' "$uri"
}

# archive_need [SUITE]: the archive that has it
archive_need() {
	local which=main
	case ${1:-} in *-security) which=security ;; esac
	archive_uri "$which" || die "no Debian archive in this machine's apt sources: set VZ_BED_MIRROR=URL"
}

# Settings of this machine's apt that reaching the archive may depend on.
archive_aptopts() {
	apt-config dump | grep -E '^Acquire::(https?::Proxy|https?::CaInfo|Check-Valid-Until|Check-Date|Retries) ' || true
}

# archive_open DIR TYPE SUITE: the suite's lists, checked against its signature, in DIR with a
# cache of their own, so that the machine's are not touched. TYPE is deb or deb-src. Leaves in
# archive_apt the command that reads them.
archive_open() {
	local dir=$1 uri key line
	uri=$(archive_need "$3") || return
	key=$(keyring) || die "Debian's archive keys are missing: apt-get install debian-archive-keyring"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	echo "$2 [arch=amd64 signed-by=$key] $uri $3 main" >"$dir/sources.list"
	: >"$dir/status"
	archive_apt=(apt-get -q -q
		-o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::State::Status=$dir/status" -o "Dir::Cache=$dir/cache"
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root)
	while read -r line; do
		line=${line%;}
		archive_apt+=(-o "${line%% *}=$(tr -d '"' <<<"${line#* }")")
	done < <(archive_aptopts)
	"${archive_apt[@]}" update >&2
}

# archive_download DIR PACKAGE...: newest .deb files of the suite into DIR, verified by apt.
archive_download() {
	local dir=$1 archive_apt
	shift
	archive_open "$dir" deb "$SUITE" || return
	(cd "$dir" && "${archive_apt[@]}" download "$@" >&2)
}
