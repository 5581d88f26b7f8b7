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

archive_need() {
	archive_uri main || die "no Debian archive in this machine's apt sources: set VZ_BED_MIRROR=URL"
}

# Settings of this machine's apt that reaching the archive may depend on.
archive_aptopts() {
	apt-config dump | grep -E '^Acquire::(https?::Proxy|https?::CaInfo|Check-Valid-Until|Check-Date|Retries) ' || true
}

# archive_download DIR PACKAGE...: newest .deb files of the suite into DIR, verified by apt,
# with lists and cache of their own so that the machine's are not touched.
archive_download() {
	local dir=$1 uri key opts=() line
	shift
	uri=$(archive_need)
	key=$(keyring)
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	echo "deb [arch=amd64 signed-by=$key] $uri $SUITE main" >"$dir/sources.list"
	: >"$dir/status"
	opts=(-q -q
		-o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::State::Status=$dir/status" -o "Dir::Cache=$dir/cache"
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root)
	while read -r line; do
		line=${line%;}
		opts+=(-o "${line%% *}=$(tr -d '"' <<<"${line#* }")")
	done < <(archive_aptopts)
	apt-get "${opts[@]}" update >&2
	(cd "$dir" && apt-get "${opts[@]}" download "$@" >&2)
}
