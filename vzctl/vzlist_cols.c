// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The columns of vzlist: names, headers and widths are OpenVZ's, to the byte.
 * -o, -s, -L, the JSON keys, the manual and completion derive from the table.
 */
#include "vzlist.h"

#include <ctype.h>
#include <string.h>

#define IN_USAGE(member) (offsetof(struct vz_ve_usage, member) + 1)
/* clang-format off */
#define COUNTER(n, h, k, ...)                                                                     \
	{ .name = n, .header = h, .width = 10, .kind = COL_UBC, .key = k, .get = get_ubc, __VA_ARGS__ }
/* r: the row of the kernel's beancounters */
#define UBC(n, h, r, ...) COUNTER(n, h, #r, .row = VZ_UBC_##r + 1, __VA_ARGS__)
/* clang-format on */

/* clang-format off */
const struct column columns[] = {
	{ "ctid", "CTID", 10, COL_NUM, .get = get_id, .help = "container ID" },
	{ "veid", "CTID", 10, COL_NUM, .get = get_id, .help = "container ID, older name" },
	{ "vpsid", "CTID", 10, COL_NUM, .get = get_id, .help = "container ID, oldest name" },
	{ "private", "PRIVATE", -32, COL_STR, "VE_PRIVATE", .get = get_path, .help = "private area" },
	{ "root", "ROOT", -32, COL_STR, "VE_ROOT", .get = get_path, .help = "mount point of the root" },
	{ "mount_opts", "MOUNT_OPTS", -16, COL_STR, "MOUNT_OPTS", .help = "mount options of an image layout" },
	{ "origin_sample", "ORIGIN_SAMPLE", 32, COL_STR, "ORIGIN_SAMPLE", .help = "sample configuration it was made with" },
	{ "hostname", "HOSTNAME", -32, COL_STR, "HOSTNAME", .help = "host name" },
	{ "name", "NAME", -32, COL_STR, "NAME", .help = "name" },
	{ "smart_name", "SMARTNAME", 10, COL_STR, .get = get_smart_name, .help = "name, or the ID where there is none" },
	{ "description", "DESCRIPTION", -32, COL_STR, "DESCRIPTION", .help = "description" },
	{ "ostemplate", "OSTEMPLATE", -32, COL_STR, "OSTEMPLATE", .help = "template it was made from" },
	{ "ip", "IP_ADDR", -15, COL_LIST, .key = "IP_ADDRESS", .get = get_ip, .help = "addresses, without prefix length" },
	{ "nameserver", "NAMESERVER", -15, COL_LIST, "NAMESERVER", .help = "name servers" },
	{ "searchdomain", "SEARCHDOMAIN", -15, COL_LIST, "SEARCHDOMAIN", .help = "search domains" },
	{ "status", "STATUS", -9, COL_STR, .get = get_status, .help = "running, mounted, suspended or stopped" },

	UBC("kmemsize", "KMEMSIZE", KMEMSIZE, .help = "kernel memory, bytes", .held = IN_USAGE(kernel_bytes)),
	UBC("lockedpages", "LOCKEDP", LOCKEDPAGES, .help = "locked memory, pages"),
	UBC("privvmpages", "PRIVVMP", PRIVVMPAGES, .help = "committed private memory, pages"),
	UBC("shmpages", "SHMP", SHMPAGES, .help = "shared memory and tmpfs, pages", .held = IN_USAGE(shmem_bytes), .pages = true),
	UBC("numproc", "NPROC", NUMPROC, .help = "processes and threads", .held = IN_USAGE(procs),
	    .maxheld = IN_USAGE(procs_max), .failcnt = IN_USAGE(procs_failed)),
	UBC("physpages", "PHYSP", PHYSPAGES, .help = "memory, pages", .held = IN_USAGE(memory_bytes),
	    .maxheld = IN_USAGE(memory_peak_bytes), .pages = true),
	UBC("vmguarpages", "VMGUARP", VMGUARPAGES, .help = "guaranteed memory, pages"),
	UBC("oomguarpages", "OOMGUARP", OOMGUARPAGES, .help = "memory and swap, pages; failures are OOM kills",
	    .held = IN_USAGE(memory_bytes), .held2 = IN_USAGE(swap_bytes), .failcnt = IN_USAGE(oom_kills), .pages = true),
	UBC("numtcpsock", "NTCPSOCK", NUMTCPSOCK, .help = "TCP sockets"),
	UBC("numflock", "NFLOCK", NUMFLOCK, .help = "file locks"),
	UBC("numpty", "NPTY", NUMPTY, .help = "pseudo-terminals"),
	UBC("numsiginfo", "NSIGINFO", NUMSIGINFO, .help = "queued signals"),
	UBC("tcpsndbuf", "TCPSNDB", TCPSNDBUF, .help = "TCP send buffers, bytes"),
	UBC("tcprcvbuf", "TCPRCVB", TCPRCVBUF, .help = "TCP receive buffers, bytes"),
	UBC("othersockbuf", "OTHSOCKB", OTHERSOCKBUF, .help = "other socket buffers, bytes"),
	UBC("dgramrcvbuf", "DGRAMRB", DGRAMRCVBUF, .help = "datagram receive buffers, bytes"),
	UBC("numothersock", "NOTHSOCK", NUMOTHERSOCK, .help = "other sockets"),
	UBC("dcachesize", "DCACHESZ", DCACHESIZE, .help = "directory and inode caches, bytes", .held = IN_USAGE(reclaimable_bytes)),
	UBC("numfile", "NFILE", NUMFILE, .help = "open files"),
	UBC("numiptent", "NIPTENT", NUMIPTENT, .help = "packet filter rules"),
	COUNTER("swappages", "SWAPP", "SWAPPAGES", .help = "swap, pages", .held = IN_USAGE(swap_bytes), .pages = true),

	{ "diskspace", "DSPACE", 10, COL_PAIR, "DISKSPACE", .get = get_disk, .held = IN_USAGE(disk_bytes), .help = "disk space, KiB" },
	{ "diskinodes", "DINODES", 10, COL_PAIR, "DISKINODES", .get = get_disk, .held = IN_USAGE(disk_inodes), .help = "inodes" },
	{ "laverage", "LAVERAGE", 14, COL_LOAD, .get = get_laverage, .help = "load averages of 1, 5 and 15 minutes" },
	{ "uptime", "UPTIME", 15, COL_UPTIME, .get = get_uptime, .help = "time since the start" },
	{ "cpulimit", "CPULIM", 7, COL_NUM, "CPULIMIT", .help = "CPU limit, percent of one CPU; 0: none" },
	{ "cpuunits", "CPUUNI", 7, COL_NUM, "CPUUNITS", .help = "CPU weight" },
	{ "cpus", "CPUS", 5, COL_NUM, "CPUS", .help = "number of CPUs; 0: all" },
	{ "ioprio", "IOP", 3, COL_NUM, "IOPRIO", .help = "I/O priority, 0 to 7" },
	{ "iolimit", "IOLIMIT", 10, COL_NUM, "IOLIMIT", .help = "I/O limit, bytes per second; 0: none" },
	{ "iopslimit", "IOPS", 4, COL_NUM, "IOPSLIMIT", .help = "I/O operations per second; 0: none" },
	{ "onboot", "ONBOOT", 6, COL_BOOL, "ONBOOT", .help = "whether to start at boot" },
	{ "bootorder", "BOOTORDER", 10, COL_NUM, "BOOTORDER", .help = "boot order, higher first" },
	{ "layout", "LAYOUT", -6, COL_STR, "VE_LAYOUT", .get = get_layout, .help = "layout of the private area" },
	{ "features", "FEATURES", -15, COL_ONOFF, "FEATURES", .help = "features switched on or off" },
	{ "vswap", "VSWAP", 5, COL_BOOL, .key = "PHYSPAGES", .get = get_vswap, .help = "whether memory is limited by PHYSPAGES and SWAPPAGES" },
	{ "disabled", "DISABL", 6, COL_BOOL, "DISABLED", "no", .help = "whether starting is refused" },
	{ "vm_overcommit", "VM_OVC", 6, COL_NUM, "VM_OVERCOMMIT", .help = "memory overcommit factor" },
	{ "netfilter", "NETFILTER", -9, COL_STR, "NETFILTER", .help = "packet filter modules allowed" },
	{ "capability", "CAPABILITY", -15, COL_ONOFF, "CAPABILITY", .help = "capabilities switched on or off" },
};
/* clang-format on */
const size_t ncolumns = ARRAY_SIZE(columns);

const char *column_subs(const struct column *c)
{
	return c->kind == COL_UBC ? "mblf" : c->kind == COL_PAIR ? "sh" : "";
}

bool field_find(const char *name, struct field *ret)
{
	size_t len = strcspn(name, ".");
	char sub = 0;

	if (name[len]) {
		sub = name[len + 1];
		if (!sub || name[len + 2])
			return false;
	}
	for (size_t i = 0; i < ncolumns; i++) {
		const struct column *c = &columns[i];

		if (strlen(c->name) != len || strncmp(c->name, name, len) != 0)
			continue;
		if (sub && !strchr(column_subs(c), sub))
			return false;
		*ret = (struct field){ c, sub };
		return true;
	}
	return false;
}

const char *field_nearest(const char *name)
{
	_cleanup_free_ char *bare = xstrndup(name, strcspn(name, "."));
	struct nearest near = { .word = bare };

	for (size_t i = 0; i < ncolumns; i++)
		nearest_try(&near, columns[i].name);
	return near.best;
}

char *field_header(const struct field *f)
{
	return f->sub ? xfmt("%s.%c", f->col->header, toupper((unsigned char)f->sub))
		      : xstrdup(f->col->header);
}

static void list_field(FILE *f, const struct column *c, char sub)
{
	struct field field = { c, sub };
	_cleanup_free_ char *header = field_header(&field);
	_cleanup_free_ char *name = sub ? xfmt("%s.%c", c->name, sub) : xstrdup(c->name);

	fprintf(f, "%-15s %-15s\n", name, header);
}

void columns_list(FILE *f)
{
	for (size_t i = 0; i < ncolumns; i++) {
		list_field(f, &columns[i], 0);
		for (const char *s = column_subs(&columns[i]); *s; s++)
			list_field(f, &columns[i], *s);
	}
}

/* scdoc: '_' and '*' mark up, so they are escaped in names */
static void scdoc_name(FILE *f, const char *s)
{
	for (; *s; s++)
		fprintf(f, *s == '_' ? "\\%c" : "%c", *s);
}

bool columns_gen(FILE *f, const char *format)
{
	bool scdoc = strcmp(format, "scdoc") == 0;

	if (!scdoc && strcmp(format, "bash") != 0)
		return false;
	for (size_t i = 0; i < ncolumns; i++) {
		const struct column *c = &columns[i];

		if (!scdoc) {
			fprintf(f, "%s\n", c->name);
			for (const char *s = column_subs(c); *s; s++)
				fprintf(f, "%s.%c\n", c->name, *s);
			continue;
		}
		fputc('*', f);
		scdoc_name(f, c->name);
		fprintf(f, "* (%s%s)\n\t%s\n\n", c->header,
			c->kind == COL_UBC    ? ", .m .b .l .f"
			: c->kind == COL_PAIR ? ", .s .h"
					      : "",
			c->help);
	}
	return true;
}
