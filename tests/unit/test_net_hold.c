/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Holding the packets of one VE: both ways, before its device exists, found by whoever comes
 * next, gone with the VE; and what it costs.
 */
#include "net_ns.h"

#include <time.h>

#include "mech/net/filter.h"

/* held: neither gets through; a sender on the host itself may be told so */
static void test_ways(int want)
{
	static const struct {
		const char *a, *b, *h;
	} v[] = { { "10.1.0.1", "10.2.0.1", "192.0.2.1" },
		  { "2001:db8:1::1", "2001:db8:2::1", "2001:db8::1" } };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		int r;

		ok_int(reaches(ns_a, v[i].a, ns_b, v[i].b), want, "VE 101 -> VE 102 %s", v[i].b);
		ok_int(reaches(ns_b, v[i].b, ns_a, v[i].a), want, "VE 102 -> VE 101 %s", v[i].a);
		ok_int(reaches(ns_a, v[i].a, host, v[i].h), want, "VE 101 -> host %s", v[i].h);
		r = reaches(host, v[i].h, ns_a, v[i].a);
		ok(r == want || (!want && r == -EPERM), "host -> VE 101 %s (%d)", v[i].a, r);
		ok_int(reaches(host, v[i].h, ns_b, v[i].b), 1, "VE 102 is not concerned");
	}
}

static void test_hold(void)
{
	struct vz_error e = { 0 };
	int64_t before;

	if (os_write_file_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/venet101/force_forwarding", "1") ==
	    -ENOENT)
		IGNORE(os_write_file_at(AT_FDCWD, "/proc/sys/net/ipv6/conf/all/forwarding", "1"));
	test_ways(1);
	ok_int(net_is_held(VE_A), 0, "not held");
	ok_int(net_release(VE_A, NULL, &e), 0, "release what is not held (%s)", e.text);
	before = dropped();
	ok_int(net_hold(VE_A, &e), 0, "hold (%s)", e.text);
	ok_int(net_hold(VE_A, &e), 0, "again (%s)", e.text);
	ok_int(net_is_held(VE_A), 1, "held");
	ok_int(net_is_held(VE_B), 0, "the other one is not");
	test_ways(0);
	ok_int(dropped() - before, 8, "each packet was counted");
	ok_int(net_release(VE_A, NULL, &e), 0, "release (%s)", e.text);
	test_ways(1);
}

/* As a restore has it: the hold comes first. */
static void test_before(void)
{
	struct vz_error e = { 0 };

	ok_int(net_hold(VE_A, &e), 0, "hold (%s)", e.text);
	ok_int(net_down(VE_A, &e), 0, "down (%s)", e.text);
	ok_int(net_is_held(VE_A), 0, "the hold went with the VE");
	ok_int(net_hold(VE_A, &e), 0, "hold before the device is there (%s)", e.text);
	up(VE_A, ns_a, &conf_a);
	ok_int(reaches(ns_b, "10.2.0.1", ns_a, "10.1.0.1"), 0, "nothing reaches the new device");
	ok_int(net_release(VE_A, NULL, &e), 0, "release (%s)", e.text);
	ok_int(reaches(ns_b, "10.2.0.1", ns_a, "10.1.0.1"), 1, "now it does");
	ok_int(filter_down(&e), 0, "the table is flushed (%s)", e.text);
	ok_int(net_is_held(VE_A), 0, "no table, no hold");
	ok_int(net_release(VE_A, NULL, &e), 0, "release without a table (%s)", e.text);
	ok_int(net_hold(VE_A, &e), 0, "hold makes it again (%s)", e.text);
	ok_int(reaches(ns_b, "10.2.0.1", ns_a, "10.1.0.1"), 0, "and holds");
	ok_int(net_release(VE_A, NULL, &e), 0, "release (%s)", e.text);
}

static double us_since(const struct timespec *t0)
{
	struct timespec t;

	IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
	return (double)(t.tv_sec - t0->tv_sec) * 1e6 + (double)(t.tv_nsec - t0->tv_nsec) / 1e3;
}

/* Figures, not checks: the machine is shared. */
static void test_time(void)
{
	enum { N = 50 };
	double on = 0, off = 0;
	int good = 0, fd = -EBADF;
	struct timespec t;

	for (int i = 0; i < N; i++) {
		IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
		good += net_hold(VE_A, NULL) == 0;
		on += us_since(&t);
		IGNORE(clock_gettime(CLOCK_MONOTONIC, &t));
		good += net_release(VE_A, &fd, NULL) == 0;
		off += us_since(&t);
		(void)safe_close(fd);
	}
	ok_int(good, 2 * N, "%d times held and released", N);
	printf("# net_hold %.0f us, net_release %.0f us (mean of %d)\n", on / N, off / N, N);
}

int main(void)
{
	if (!net_ns_begin())
		return test_done();
	up(VE_A, ns_a, &conf_a);
	up(VE_B, ns_b, &conf_b);
	test_hold();
	test_before();
	test_time();
	ok_int(net_down(VE_A, NULL), 0, "down");
	ok_int(net_down(VE_B, NULL), 0, "down");
	ok_int(dropped(), -ENOENT, "the table went with the last");
	return test_done();
}
