# The tools; each TOOL has its main in TOOL_SRCS, all share VZCTL_COMMON.
VZCTL_TOOLS :=
