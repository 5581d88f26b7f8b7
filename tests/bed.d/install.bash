# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vz into nodes: built and staged on the machine, then unpacked inside the node, so that no
# path of a node is ever followed from outside and both kinds of node are served alike.

# Builds into STAGE; prints nothing when all is well. A build directory of its own, because
# another prefix would rebuild parts of the one that people work in.
install_stage() {
	local stage=$1 log=$STATE/install.$$.log
	mkdir -p "$STATE"
	# one build at a time, whichever bed asks for it
	if ! locked "$CACHE/locks/build.$(sha256sum <<<"$TOP" | cut -c1-8)" \
		make -C "$TOP" -j "$(nproc)" --no-print-directory O=build-bed install \
		"DESTDIR=$stage" prefix=/usr sysconfdir=/etc localstatedir=/var >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

install_possible() { grep -qsE '^install[^=]*:' "$TOP/Makefile"; }

# Paths of configuration, which an installation leaves as it finds it: the staged one knows nothing of the node's.
install_conf() { tr ' ' '\n' <"$TOP/build-bed/install.list" | sed -n 's/^c|.*|/./p'; }

# install_node NAME STAGE
install_node() {
	local conf
	mapfile -t conf < <(install_conf)
	# shellcheck disable=SC2016 # expanded in the node
	tar -C "$2" --owner=0 --group=0 --numeric-owner -cf - . |
		node_exec "$1" sh -c 'for f; do shift; [ ! -e "/$f" ] || set -- "$@" --exclude="$f"; done
			tar -xf - -C / --keep-directory-symlink --no-overwrite-dir "$@" && ldconfig' sh "${conf[@]}"
}

cmd_install() {
	local name stage rc=0
	[ $# -gt 0 ] || die_usage "install: which node?"
	need_root
	install_possible || die "no Makefile with a target 'install' in $TOP"
	for name; do node_need_up "$name"; done
	stage=$STATE/stage.$$
	install_stage "$stage" || rc=1
	if [ "$rc" = 0 ]; then
		for name; do install_node "$name" "$stage" || rc=1; done
	fi
	rm -rf "$stage"
	[ "$rc" = 0 ] || die "vz is not installed"
}
