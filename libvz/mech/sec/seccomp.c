/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of seccomp_table.c made into classic BPF and loaded.
 * libseccomp knew the numbers of each architecture while building (tests/build/sec_numbers.c);
 * the program is our own: a binary search over ranges of calls with the same answer.
 * It is made in microseconds (libseccomp's generator takes nine milliseconds for
 * the same rules), so nothing is cached on disk, and calls allowed whatever their
 * arguments come from the kernel's bitmap without running it at all.
 * Tricky: x32 and unknown architectures fall into ENOSYS; call -1 is what a
 * tracer in the VE leaves of a call it has skipped and has to pass.
 */
#include "mech/sec/sec.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "mech/sec/table.h"
#include "sec_numbers.h"

#define MAX_CALLS    640 /* per architecture; the table has about 450 */
#define MAX_INSNS    BPF_MAXINSNS
#define SKIPPED_CALL UINT32_MAX
#define DENY_UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

/* From nr on (to the next range) the answer is ret, after args were asked. */
struct range {
	uint32_t nr;
	uint32_t ret;
	const struct sec_arg *args; /* NULL: none */
};

struct ranges {
	struct range r[2 * MAX_CALLS + 4];
	size_t n;
};

struct gen {
	struct sock_filter *insn;
	size_t n;
	unsigned int flags; /* SEC_NESTING | SEC_NOMIGRATE */
	uint64_t caps;
	int err;
};

/* ---- which calls, which answers ---- */

static uint32_t errno_ret(unsigned int err)
{
	return err ? SECCOMP_RET_ERRNO | (err & SECCOMP_RET_DATA) : SECCOMP_RET_ALLOW;
}

static bool is_widened(const struct gen *g, const struct sec_row *row)
{
	return (row->widen & g->flags) || (row->cap && (g->caps >> row->cap & 1));
}

/* numbers: of the row's calls in their order, negative where the architecture has it not */
static void add_row(struct gen *g, struct ranges *rs, const int *numbers, const struct sec_row *row)
{
	bool wide = is_widened(g, row);
	size_t n = sec_words(row);

	for (size_t i = 0; i < n; i++) {
		if (numbers[i] >= 0 && rs->n < MAX_CALLS)
			rs->r[rs->n++] = (struct range){
				.nr = (uint32_t)numbers[i],
				.ret = errno_ret(wide ? 0 : row->ret),
				.args = wide ? NULL : row->args,
			};
		else if (numbers[i] >= 0)
			g->err = -E2BIG;
	}
}

static int by_number(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

static void append(struct ranges *out, struct range next)
{
	struct range *last = out->n ? &out->r[out->n - 1] : NULL;

	if (!last || last->ret != next.ret || last->args != next.args || next.args)
		out->r[out->n++] = next;
}

/* Sorted calls in, ranges which cover all numbers out; -EINVAL when one number has two answers. */
static int close_gaps(const struct ranges *calls, struct ranges *out)
{
	uint32_t next = 0;

	out->n = 0;
	for (size_t i = 0; i < calls->n; i++) {
		const struct range *r = &calls->r[i];

		if (i && r->nr == r[-1].nr) {
			if (r->ret != r[-1].ret || r->args != r[-1].args)
				return -EINVAL;
			continue;
		}
		if (r->nr > next)
			append(out, (struct range){ next, DENY_UNKNOWN, NULL });
		append(out, *r);
		next = r->nr + 1;
	}
	append(out, (struct range){ next, DENY_UNKNOWN, NULL });
	append(out, (struct range){ SKIPPED_CALL, SECCOMP_RET_ALLOW, NULL });
	return 0;
}

/* ---- program ---- */

static void emit(struct gen *g, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (g->n < MAX_INSNS)
		g->insn[g->n++] = (struct sock_filter)BPF_JUMP(code, k, jt, jf);
	else
		g->err = -E2BIG;
}

static void emit_load(struct gen *g, size_t offset)
{
	emit(g, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static size_t arg_offset(uint8_t arg, bool high)
{
	bool swap = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

	return offsetof(struct seccomp_data, args) + 8U * arg + (high != swap ? 4 : 0);
}

static void emit_arg(struct gen *g, const struct sec_arg *a)
{
	uint32_t ret = errno_ret(a->ret);

	if (a->unless & g->flags)
		return;
	emit_load(g, arg_offset(a->arg, false));
	switch (a->op) {
	case SEC_EQ:
		emit(g, BPF_JMP | BPF_JEQ | BPF_K, a->value, 0, 1);
		break;
	case SEC_ANY_BIT:
		emit(g, BPF_JMP | BPF_JSET | BPF_K, a->value, 0, 1);
		break;
	case SEC_NONZERO:
		emit(g, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2);
		emit_load(g, arg_offset(a->arg, true));
		emit(g, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
		break;
	case SEC_END:
		return;
	}
	emit(g, BPF_RET | BPF_K, ret, 0, 0);
}

static void emit_leaf(struct gen *g, const struct range *r)
{
	for (const struct sec_arg *a = r->args; a && a->op != SEC_END; a++)
		emit_arg(g, a);
	emit(g, BPF_RET | BPF_K, r->ret, 0, 0);
}

/*
 * Let the jump at `at` skip what was emitted after it when its condition holds.
 * Conditional jumps reach 255 instructions; beyond, a long jump is put between
 * (everything emitted since is relative to itself and may move).
 */
static void skip_rest(struct gen *g, size_t at)
{
	size_t len = g->n - at - 1;

	if (len <= UINT8_MAX) {
		g->insn[at].jt = (uint8_t)len;
		return;
	}
	emit(g, BPF_JMP | BPF_JA, 0, 0, 0);
	if (g->err)
		return;
	memmove(&g->insn[at + 2], &g->insn[at + 1], len * sizeof(*g->insn));
	g->insn[at].jf = 1;
	g->insn[at + 1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)len);
}

/* Binary search over ranges; at most log2(150) deep. */
static void emit_search(struct gen *g, const struct range *r, size_t n)
{
	size_t mid = n / 2, at = g->n;

	if (n == 1) {
		emit_leaf(g, r);
		return;
	}
	emit(g, BPF_JMP | BPF_JGE | BPF_K, r[mid].nr, 0, 0);
	emit_search(g, r, mid);
	if (!g->err)
		skip_rest(g, at);
	emit_search(g, r + mid, n - mid);
}

static void emit_arch(struct gen *g, uint32_t arch, const int *numbers, struct ranges *calls,
		      struct ranges *out)
{
	size_t at;

	calls->n = 0;
	for (size_t i = 0; i < sec_table_len; i++) {
		add_row(g, calls, numbers, &sec_table[i]);
		numbers += sec_words(&sec_table[i]);
	}
	qsort(calls->r, calls->n, sizeof(calls->r[0]), by_number);
	if (close_gaps(calls, out) < 0)
		g->err = -EINVAL;
	emit_load(g, offsetof(struct seccomp_data, arch));
	emit(g, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	at = g->n;
	emit(g, BPF_JMP | BPF_JA, 0, 0, 0); /* to the next architecture */
	emit_load(g, offsetof(struct seccomp_data, nr));
	emit_search(g, out->r, out->n);
	if (!g->err)
		g->insn[at].k = (uint32_t)(g->n - at - 1);
}

static int compile(const struct sec_conf *c, struct gen *g)
{
	_cleanup_free_ struct ranges *calls = malloc(sizeof(*calls));
	_cleanup_free_ struct ranges *out = malloc(sizeof(*out));

	g->insn = malloc(MAX_INSNS * sizeof(*g->insn));
	if (!calls || !out || !g->insn)
		return -ENOMEM;
	g->flags = (c->nesting ? SEC_NESTING : 0) | (c->nomigrate ? SEC_NOMIGRATE : 0);
	/* in a user namespace these capabilities are not the host's and open nothing */
	g->caps = c->userns ? (uint64_t)c->own_log << CAP_SYSLOG : sec_caps_wanted(c);
	for (size_t i = 0; i < ARRAY_SIZE(sec_arch); i++)
		emit_arch(g, sec_arch[i].arch, sec_arch[i].nr, calls, out);
	emit(g, BPF_RET | BPF_K, DENY_UNKNOWN, 0, 0);
	return g->err;
}

int sec_seccomp_get(const struct sec_conf *c, struct sock_fprog *prog, struct vz_error *e)
{
	struct gen g = { 0 };
	int r = compile(c, &g);

	if (r < 0) {
		free(g.insn);
		return vz_fail(e, r, "compile the system call filter");
	}
	prog->filter = g.insn;
	prog->len = (unsigned short)g.n;
	return 0;
}

void sec_seccomp_done(struct sock_fprog *prog)
{
	free(prog->filter);
	*prog = (struct sock_fprog){ 0 };
}

int sec_seccomp_load(const struct sock_fprog *prog, struct vz_error *e)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, prog) < 0)
		return vz_fail(e, -errno, "load the system call filter");
	return 0;
}
