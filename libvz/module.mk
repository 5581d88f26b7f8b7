# Sources of libvz, by rank; a file is in the build when it stands here.
LIBVZ_SRCS += $(sort $(wildcard libvz/base/*.c libvz/os/*.c libvz/mech/*/*.c libvz/conf/*.c libvz/ve/*.c libvz/api/*.c))
