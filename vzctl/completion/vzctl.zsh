#compdef vzctl
# SPDX-License-Identifier: GPL-2.0-or-later
# zsh completion of vzctl; the words come from vzctl's own tables.
local -a _vzctl_commands _vzctl_flags _vzctl_options _vzctl_ids
local curcontext=$curcontext state line
local -i at=0

@vzctl gen zsh@

_vzctl_containers() {
	_vzctl_ids=(${(f)"$(vzlist -H -a -o ctid 2>/dev/null)"} ${(f)"$(vzlist -H -a -o name 2>/dev/null)"})
	_vzctl_ids=(${_vzctl_ids//[[:space:]]/})
	_describe container _vzctl_ids
}

_arguments -C $_vzctl_flags '1:command:->command' '2:container:->container' '*::option:->options'
case $state in
command) _describe command _vzctl_commands ;;
container)
	if [[ $line[1] == help ]]; then
		_describe command _vzctl_commands
	else
		_vzctl_containers
	fi
	;;
options)
	_vzctl_set_options $line[1]
	_arguments $_vzctl_options
	;;
esac
