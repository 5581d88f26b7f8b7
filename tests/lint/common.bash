# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the shell lints share.

# tree_files PATTERN DIR...: files of the tree, as git sees it or, in a tree without git, all of them
tree_files() {
	local pattern=$1 f
	shift
	if [ -e .git ]; then
		for f in $(git ls-files -co --exclude-standard -- "${@/%//$pattern}" "${@/%//**/$pattern}" | sort -u); do
			[ ! -f "$f" ] || echo "$f"
		done
	else
		find "$@" -type f -name "$pattern" 2>/dev/null | sed 's|^\./||' | sort
	fi
}

# Files that are shell scripts by name or by their first line.
shell_files() {
	local f
	for f in $(tree_files '*' tests templates vzctl libvz man kernel-patches .ci); do
		case $f in
		*.sh | *.bash | *.bats) echo "$f" ;;
		*) if head -c 64 "$f" 2>/dev/null | head -n 1 | grep -qaE '^#!.*\b(bash|sh|dash)\b|^#!/usr/bin/env bats'; then echo "$f"; fi ;;
		esac
	done
}
