// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Run while building: writes sec_numbers.h, the numbers of all calls of sec_table in the
 * order they stand there, for the architectures whose calls a process here can make.
 * libseccomp looks each name up from the start of its list; 900 of these searches
 * were a quarter of a millisecond of every exec, and its library another tenth.
 */
#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "mech/sec/table.h"

/* Negative: not on this architecture. libseccomp's numbers of architectures are AUDIT_ARCH_* (x32 aside). */
static int find_number(uint32_t arch, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(arch, name);

	for (size_t i = 0; nr < 0 && i < sec_numbers_len; i++)
		if ((!sec_numbers[i].arch || sec_numbers[i].arch == arch) &&
		    strcmp(sec_numbers[i].name, name) == 0)
			nr = sec_numbers[i].nr;
	return nr < 0 ? -1 : nr;
}

static void write_arch(uint32_t arch)
{
	printf("\t{ 0x%xU, {", arch);
	for (size_t i = 0; i < sec_table_len; i++)
		for (const char *p = sec_table[i].names; *p;) {
			size_t len = strcspn(p, " ");
			char name[64] = "";

			memcpy(name, p, len < sizeof(name) ? len : sizeof(name) - 1);
			printf(" %d,", find_number(arch, name));
			p += len + (p[len] == ' ');
		}
	printf(" } },\n");
}

int main(void)
{
	uint32_t native = seccomp_arch_native();
	size_t words = 0;

	for (size_t i = 0; i < sec_table_len; i++)
		words += sec_words(&sec_table[i]);
	printf("/* Made by make. */\n#define SEC_WORDS %zu\n", words);
	printf("static const struct {\n\tuint32_t arch;\n\tint nr[SEC_WORDS];\n} sec_arch[] = {\n");
	write_arch(native);
	if (native == SCMP_ARCH_X86_64)
		write_arch(SCMP_ARCH_X86);
	else if (native == SCMP_ARCH_AARCH64)
		write_arch(SCMP_ARCH_ARM);
	printf("};\n");
	return fflush(stdout) != 0;
}
