/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the generators of `vzctl gen`. */
#ifndef VZCTL_GEN_H
#define VZCTL_GEN_H

#include "cmd.h"

/* The i-th parameter; false past the end. */
static inline bool gen_param(size_t i, struct vz_param_info *ret)
{
	ret->size = sizeof(*ret);
	return vz_param_info(i, ret) >= 0;
}

/* An option that is not the command's own and that the command takes. */
bool gen_takes(const struct cmd *cmd, const struct vz_param_info *p);

void gen_bash(FILE *f);
void gen_zsh(FILE *f);
void gen_json(FILE *f);

#endif
