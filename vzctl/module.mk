# The tools: TOOL_SRCS of each, VZCTL_COMMON for all of them.  They know libvz by <vz/*.h> only.
VZCTL_COMMON := vzctl/util.c vzctl/out.c
vzctl_SRCS := $(addprefix vzctl/,main.c cmds.c opts.c help.c log.c cmd_create.c cmd_run.c cmd_set.c \
	cmd_exec.c cmd_cpt.c cmd_check.c cmd_later.c cmd_boot.c cmd_features.c \
	cmd_help.c gen.c gen_shell.c gen_json.c)
vzlist_SRCS := vzctl/vzlist.c vzctl/vzlist_cols.c vzctl/vzlist_value.c
vzpid_SRCS := vzctl/vzpid.c
vzcfgvalidate_SRCS := vzctl/vzcfgvalidate.c
vztmpl_SRCS := vzctl/vztmpl.c vzctl/vztmpl_build.c vzctl/vztmpl_list.c
VZCTL_TOOLS := vzctl vzlist vzpid vzcfgvalidate vztmpl

# What starts containers at boot: a unit, and the script at the path OpenVZ's tools call.
GENERATED += $(O)/vz.service
$(O)/vz.service: vzctl/boot/vz.service.in $(O)/gen/build.h
	$(Q)sed -e 's|@sysconfdir@|$(sysconfdir)|;s|@sbindir@|$(sbindir)|' $< >$@
INSTALL += $(call put,0644,$(unitdir),$(O)/vz.service) $(call put,0755,$(sysconfdir)/init.d,vzctl/boot/vz)

# Completion: the scripts of vzctl/completion with the words of the tables in place of "@vzctl gen ...@".
COMPLETION := $(O)/completion/vzctl.bash $(O)/completion/_vzctl $(O)/completion/vzlist.bash
GENERATED += $(COMPLETION)
$(O)/completion/vzctl.bash: vzctl/completion/vzctl.bash $(O)/bin/vzctl
	$(Q)$(call include_gen)
$(O)/completion/_vzctl: vzctl/completion/vzctl.zsh $(O)/bin/vzctl
	$(Q)$(call include_gen)
$(O)/completion/vzlist.bash: vzctl/completion/vzlist.bash $(O)/bin/vzlist
	$(Q)$(call include_gen)
include_gen = mkdir -p $(@D) && awk -v dir='$(O)/bin/' \
	'/^@(vzctl|vzlist) .*@$$/ { gsub(/^@|@$$/, ""); if (system(dir $$0)) exit 1; next } { print; fflush() }' $< >$@
INSTALL += 0644|$(O)/completion/vzctl.bash|$(datadir)/bash-completion/completions/vzctl \
	0644|$(O)/completion/vzlist.bash|$(datadir)/bash-completion/completions/vzlist \
	0644|$(O)/completion/_vzctl|$(datadir)/zsh/site-functions/_vzctl
