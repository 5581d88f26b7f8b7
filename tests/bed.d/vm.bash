# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later

vm_up() { die "vm nodes are not there yet"; }
