# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of vzlist.  The fields come from vzlist's own table when this file is made.
_vzlist_fields="
@vzlist --gen=bash@
"

_vzlist() {
	local cur=$2 prev=$3 head='' words
	case $prev in
	-o | --output)
		# the last of a list of fields
		[[ $cur != *,* ]] || head=${cur%,*},
		words=$_vzlist_fields
		;;
	-s | --sort)
		[[ $cur != -* ]] || head=-
		words=$_vzlist_fields
		;;
	-[hNd] | --hostname | --name_filter | --description)
		return
		;;
	*)
		words="$(vzlist -H -a -o ctid 2>/dev/null) $(vzlist -H -a -o name 2>/dev/null | grep -vx -- '-')
			--all --stopped --name --no-header --no-trim --json --output --sort --hostname
			--name_filter --description --list --help"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -P "$head" -W "$words" -- "${cur#"$head"}")
}
complete -F _vzlist vzlist
