/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be in a template's archive; used by the confined child only. */
#ifndef MECH_TM_POLICY_H
#define MECH_TM_POLICY_H

#include "mech/tm/store.h"

#include <archive_entry.h>

enum tm_verdict {
	TM_KEEP,
	TM_DEFUSED, /* keep what is left of it; why tells what was taken */
	TM_SKIP,    /* leave the member out */
	TM_REFUSE,  /* and with it the whole archive */
};

struct tm_policy {
	struct tm_limits lim;
	uint64_t members, bytes; /* so far */
};

/* Judge and, where that is the verdict, change a member. why (TM_WHY_SIZE) is set unless TM_KEEP. */
#define TM_WHY_SIZE 160
enum tm_verdict tm_policy_judge(struct tm_policy *p, struct archive_entry *ae, char *why);

#endif
