/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device access of a VE: a BPF program on ROOT/CTID which answers every open
 * and mknod of a device node beneath it.  Attached with ALLOW_MULTI: programs
 * further down (the VE's own systemd, where it may) are asked as well and can
 * only forbid more.  Tricky: replacing has to name the old program, else both
 * stand and the stricter wins; it is found by its name, and the exchange is
 * one step, so that there is no moment without rules.
 */
#include "mech/cg/cg.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#define PROG_NAME    "vz_devices"
#define ATTACHED_MAX 64
#define ANY	     (-1)
#define RW	     (CG_DEV_READ | CG_DEV_WRITE)
#define RWM	     (CG_DEV_READ | CG_DEV_WRITE | CG_DEV_MKNOD)

/* clang-format off */
static const struct cg_dev_rule every_ve[] = {
	{ 'c', 1, 3, RWM },       /* null */
	{ 'c', 1, 5, RWM },       /* zero */
	{ 'c', 1, 9, RWM },       /* urandom */
	{ 'c', 1, 8, RWM },       /* random */
	{ 'c', 1, 7, RWM },       /* full */
	{ 'c', 136, ANY, RWM },   /* pts: only the VE's own devpts instance can be mounted */
	{ 'c', 5, 2, RWM },       /* ptmx */
	{ 'c', 5, 0, RWM },       /* tty */
	{ 'c', 5, 1, RWM },       /* console: where a VE has one it is a pty bound over it */
	{ 'c', 10, 229, RWM },    /* fuse */
	{ 'c', 10, 200, RWM },    /* net/tun: interfaces in the VE's own network namespace */
	{ 'c', ANY, ANY, CG_DEV_MKNOD }, /* inert: package scripts make nodes, opening them is denied */
	{ 'b', ANY, ANY, CG_DEV_MKNOD },
};
/* clang-format on */

struct prog {
	struct bpf_insn *insn;
	size_t n;
};

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return RET_NERRNO((int)syscall(SYS_bpf, cmd, attr, sizeof(*attr)));
}

static void insn(struct prog *p, struct bpf_insn i)
{
	p->insn[p->n++] = i;
}

static void load(struct prog *p, uint8_t dst, size_t off)
{
	insn(p, (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
				   .dst_reg = dst & 15,
				   .src_reg = BPF_REG_1,
				   .off = (int16_t)off });
}

static void copy(struct prog *p, uint8_t dst, uint8_t src)
{
	insn(p, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
				   .dst_reg = dst & 15,
				   .src_reg = src & 15 });
}

/* dst = dst op imm */
static void alu(struct prog *p, uint8_t op, uint8_t dst, int32_t imm)
{
	insn(p, (struct bpf_insn){ .code = (uint8_t)(BPF_ALU64 | op | BPF_K),
				   .dst_reg = dst & 15,
				   .imm = imm });
}

static void jump_if_not(struct prog *p, uint8_t reg, int64_t value, int16_t skip)
{
	insn(p, (struct bpf_insn){ .code = BPF_JMP | BPF_JNE | BPF_K,
				   .dst_reg = reg & 15,
				   .off = skip,
				   .imm = (int32_t)value });
}

static void ret(struct prog *p, int value)
{
	alu(p, BPF_MOV, BPF_REG_0, value);
	insn(p, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

static int32_t bpf_access(uint8_t access)
{
	return (access & CG_DEV_READ ? BPF_DEVCG_ACC_READ : 0) |
	       (access & CG_DEV_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
	       (access & CG_DEV_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);
}

#define PROLOGUE_INSNS 6
#define RULE_INSNS     8 /* at most */
#define EPILOGUE_INSNS 2

/* r2 access asked, r3 type, r4 major, r5 minor */
static void prologue(struct prog *p)
{
	load(p, BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	copy(p, BPF_REG_3, BPF_REG_2);
	alu(p, BPF_AND, BPF_REG_3, 0xffff);
	alu(p, BPF_RSH, BPF_REG_2, 16);
	load(p, BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	load(p, BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

/* Allow when all matches and nothing but the rule's access is asked, else fall to the next rule. */
static void rule(struct prog *p, const struct cg_dev_rule *r)
{
	int16_t left = (int16_t)(6 + (r->major >= 0) + (r->minor >= 0));

	jump_if_not(p, BPF_REG_3, r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
		    --left);
	if (r->major >= 0)
		jump_if_not(p, BPF_REG_4, r->major, --left);
	if (r->minor >= 0)
		jump_if_not(p, BPF_REG_5, r->minor, --left);
	copy(p, BPF_REG_6, BPF_REG_2);
	alu(p, BPF_AND, BPF_REG_6, ~bpf_access(r->access));
	jump_if_not(p, BPF_REG_6, 0, 2);
	ret(p, 1);
}

static int load_prog(const struct prog *p)
{
	union bpf_attr a = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.expected_attach_type = BPF_CGROUP_DEVICE,
		.insns = (uint64_t)(uintptr_t)p->insn,
		.insn_cnt = (uint32_t)p->n,
		.license = (uint64_t)(uintptr_t) "",
		.prog_name = PROG_NAME,
	};

	return sys_bpf(BPF_PROG_LOAD, &a);
}

static bool is_ours(int fd)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr a = { .info = { .bpf_fd = (uint32_t)fd,
				       .info_len = sizeof(info),
				       .info = (uint64_t)(uintptr_t)&info } };

	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &a) >= 0 && strcmp(info.name, PROG_NAME) == 0;
}

/* Descriptor of the program we attached earlier, -ENOENT when there is none. */
static int find_old(int cgfd)
{
	uint32_t ids[ATTACHED_MAX];
	union bpf_attr q = { .query = { .target_fd = (uint32_t)cgfd,
					.attach_type = BPF_CGROUP_DEVICE,
					.prog_ids = (uint64_t)(uintptr_t)ids,
					.prog_cnt = ATTACHED_MAX } };
	int r = sys_bpf(BPF_PROG_QUERY, &q);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < q.query.prog_cnt; i++) {
		union bpf_attr a = { .prog_id = ids[i] };
		int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &a); /* born O_CLOEXEC */

		if (fd >= 0 && is_ours(fd))
			return fd;
		(void)safe_close(fd);
	}
	return -ENOENT;
}

static int attach(int cgfd, int fd)
{
	_cleanup_close_ int old = find_old(cgfd);
	union bpf_attr a = {
		.target_fd = (uint32_t)cgfd,
		.attach_bpf_fd = (uint32_t)fd,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI | (old >= 0 ? BPF_F_REPLACE : 0),
		.replace_bpf_fd = old >= 0 ? (uint32_t)old : 0,
	};

	return old < 0 && old != -ENOENT ? old : sys_bpf(BPF_PROG_ATTACH, &a);
}

int cg_devices(int cgfd, const struct cg_dev_rule *rules, size_t n, struct vz_error *e)
{
	struct prog p = { .n = 0 };
	_cleanup_free_ struct bpf_insn *buf = NULL;
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (n >
	    (BPF_MAXINSNS - PROLOGUE_INSNS - EPILOGUE_INSNS) / RULE_INSNS - ARRAY_SIZE(every_ve))
		return vz_fail_exit(e, -E2BIG, VZ_EXIT_DEVICES, "%zu device rules are too many", n);
	buf = calloc(PROLOGUE_INSNS + EPILOGUE_INSNS + RULE_INSNS * (ARRAY_SIZE(every_ve) + n),
		     sizeof(*buf));
	if (!buf)
		return vz_fail_exit(e, -ENOMEM, VZ_EXIT_DEVICES, "set device rules");
	p.insn = buf;
	prologue(&p);
	for (size_t i = 0; i < ARRAY_SIZE(every_ve); i++)
		rule(&p, &every_ve[i]);
	for (size_t i = 0; i < n; i++)
		rule(&p, &rules[i]);
	ret(&p, 0);
	fd = load_prog(&p);
	if (fd < 0)
		return vz_fail_exit(
			e, fd, VZ_EXIT_DEVICES,
			"load the device rules (a kernel with CONFIG_CGROUP_BPF and the "
			"right to use bpf(2) are needed)");
	r = attach(cgfd, fd);
	return r < 0 ? vz_fail_exit(e, r, VZ_EXIT_DEVICES, "attach the device rules to the cgroup")
		     : 0;
}
