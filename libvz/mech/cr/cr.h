/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checkpoint and restore of a set of processes; knows no VE. */
#ifndef MECH_CR_CR_H
#define MECH_CR_CR_H

#include "mech/cr/check.h"
#include "mech/cr/dump.h"
#include "mech/cr/tasks.h"

#endif
