/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the template store: an index or meta file is read whole and sane, or refused. */
#include "base/cleanup.h"
#include "mech/tm/store.h"
#include "os/os.h"

#include "fuzz.h"

static char dir[] = "/dev/shm/vz-fuzz-XXXXXX";

static void clear(void)
{
	HOLDS(os_rm_rf_at(AT_FDCWD, dir) >= 0);
}

/* TEMPLATE with one index entry and one store directory, whose files are the input. */
static const char *digest(void)
{
	static char name[TM_DIGEST_SIZE];

	if (!name[0]) {
		char path[512];

		memcpy(name, "sha256-", 7);
		memset(name + 7, 'a', SHA256_HEX - 1);
		HOLDS(mkdtemp(dir));
		HOLDS(atexit(clear) == 0);
		(void)snprintf(path, sizeof(path), "%s/store/index", dir);
		HOLDS(os_mkdir_p(path, 0700) >= 0);
		(void)snprintf(path, sizeof(path), "%s/store/%s", dir, name);
		HOLDS(os_mkdir_p(path, 0700) >= 0);
	}
	return name;
}

static void put(const char *path, const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "we");

	HOLDS(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *name = digest();
	struct tm_index i = { 0 };
	struct tm_meta m = { 0 };
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/store/index/t", dir);
	put(path, data, size);
	if (tm_index_read(dir, "t", &i) >= 0)
		HOLDS(tm_digest_ok(i.digest));
	(void)snprintf(path, sizeof(path), "%s/store/%s/meta", dir, name);
	put(path, data, size);
	if (tm_meta_read(dir, name, &m) >= 0) {
		HOLDS(tm_digest_ok(m.tree));
		HOLDS(tm_name_check(m.name, NULL) >= 0);
	}
	return 0;
}
