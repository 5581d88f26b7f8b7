# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of vzctl and vzlist.  The words come from vzctl's own tables
# when this file is made; containers and templates are asked for while typing.
# shellcheck disable=SC2154 # the generated part assigns _vzctl_commands and _vzctl_flags
@vzctl gen bash@

_vzctl_containers() {
	vzlist -H -a -o ctid 2>/dev/null
	vzlist -H -a -o name 2>/dev/null | grep -vx -- '-'
}

_vzctl_dynamic() {
	case $1 in
	--ostemplate) vztmpl list -H -o name 2>/dev/null ;;
	--config | --applyconfig)
		local f
		for f in "${VZ_CONF_DIR:-/etc/vz}"/conf/ve-*.conf-sample; do
			f=${f##*/ve-}
			echo "${f%.conf-sample}"
		done
		;;
	esac
}

_vzctl() {
	local cur=$2 prev=$3 i command='' ctid='' words
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*)
			if [ -z "$command" ]; then
				command=${COMP_WORDS[i]}
			elif [ -z "$ctid" ]; then
				ctid=${COMP_WORDS[i]}
			fi
			;;
		esac
	done
	if [ -z "$command" ]; then
		words="$_vzctl_commands $_vzctl_flags"
	elif [ -z "$ctid" ] && [ "$command" = help ]; then
		words=$_vzctl_commands
	elif [ -z "$ctid" ]; then
		words=$(_vzctl_containers)
	elif words=$(_vzctl_values "$prev"); then
		words="${words//|/ } $(_vzctl_dynamic "$prev")"
	else
		words=$(_vzctl_options "$command")
	fi
	# readline takes ':' for the end of a word: complete what stands behind it
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
	fi
}
complete -F _vzctl vzctl
