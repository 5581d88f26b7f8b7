/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The line-by-line view of a configuration file, for merging and validation. */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "conf/conf.h"

size_t conf_file_lines(const struct conf_file *f);
/* Line i (number i + 1): key and value NULL where it holds none; problem NULL or a constant text. */
void conf_file_line(const struct conf_file *f, size_t i, const char **key, const char **value,
		    const char **problem);
/* The whole file as it would be saved; may hold zero bytes. */
int conf_file_text(const struct conf_file *f, char **ret, size_t *ret_len) _must_check_;

#endif
