# The tools: TOOL_SRCS of each, VZCTL_COMMON for all of them.  They know libvz by <vz/*.h> only.
VZCTL_COMMON := vzctl/util.c vzctl/out.c
vzctl_SRCS := $(addprefix vzctl/,main.c cmds.c opts.c help.c log.c cmd_create.c cmd_run.c cmd_set.c \
	cmd_exec.c cmd_later.c cmd_boot.c cmd_help.c gen.c)
vzlist_SRCS := vzctl/vzlist.c vzctl/vzlist_cols.c vzctl/vzlist_value.c
vzpid_SRCS := vzctl/vzpid.c
vzcfgvalidate_SRCS := vzctl/vzcfgvalidate.c
vztmpl_SRCS := vzctl/vztmpl.c vzctl/vztmpl_list.c
VZCTL_TOOLS :=
