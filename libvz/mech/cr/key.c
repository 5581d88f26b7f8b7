// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The node's key, and whose dumps are believed here.
 *
 *   KEYS/node.key         "vz-node-key ed25519 SEED", 0600: made once, at first need
 *   KEYS/node.pub         "vz-node-pub ed25519 KEY HOST": to be copied to other nodes'
 *   KEYS/trusted/NAME.pub the same, of nodes whose dumps are believed
 *
 * A node's id is the fingerprint of its public key; HOST is for people to read.
 * Two commands may need the key first at the same moment: the file is made
 * whole beside its place and linked into it, which only one of them can.
 */
#include "mech/cr/manifest.h"

#include <sodium.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/str.h"
#include "os/os.h"

#define KEY_WORD	"vz-node-key ed25519 "
#define PUB_WORD	"vz-node-pub ed25519 "
#define SIG_WORD	"ed25519 "
#define KEY_FILE_MAX	1024
#define TRUSTED_MAX	4096
#define ID_BYTES	((CR_NODE_ID_SIZE - 1) / 2)
#define HEX_SIZE(bytes) (2 * (bytes) + 1)

int cr_sodium(struct vz_error *e)
{
	return sodium_init() < 0 ? vz_fail(e, -EIO, "libsodium cannot start on this machine") : 0;
}

static void fingerprint(const uint8_t pub[CR_PUB_SIZE], char ret[CR_NODE_ID_SIZE])
{
	uint8_t h[ID_BYTES];

	(void)crypto_generichash(h, sizeof(h), pub, CR_PUB_SIZE, NULL, 0);
	sodium_bin2hex(ret, CR_NODE_ID_SIZE, h, sizeof(h));
}

/* Exactly n bytes of lower-case hex, then a blank, a newline or the end. */
static int parse_hex(const char *s, uint8_t *ret, size_t n)
{
	size_t len = 0;

	if (strspn(s, "0123456789abcdef") != 2 * n || (s[2 * n] && !strchr(" \n", s[2 * n])) ||
	    sodium_hex2bin(ret, n, s, 2 * n, NULL, &len, NULL) != 0)
		return -EBADMSG;
	return len == n ? 0 : -EBADMSG;
}

/* A file that only root can have written; forbidden: mode bits that it must not have. */
static int read_key_file(int dirfd, const char *name, mode_t forbidden, char **ret,
			 struct vz_error *e)
{
	_cleanup_close_ int fd = os_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0);
	char self[32];
	struct stat st;
	int r;

	if (fd < 0)
		return fd == -ENOENT ? fd : vz_fail(e, fd, "open key file %s", name);
	if (fstat(fd, &st) < 0)
		return vz_fail(e, -errno, "look at key file %s", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & forbidden))
		return vz_fail(e, -EPERM,
			       "key file %s must be a plain file of root's that others cannot %s "
			       "(it belongs to user %u and has mode %04o)",
			       name, forbidden & S_IROTH ? "read" : "write",
			       (unsigned int)st.st_uid, st.st_mode & 07777U);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	r = os_read_file_at(AT_FDCWD, self, KEY_FILE_MAX, ret, NULL);
	return r < 0 ? vz_fail(e, r, "read key file %s", name) : 0;
}

/* The directory of keys, made where it is missing. */
static int open_keys(const char *keys, struct vz_error *e)
{
	_cleanup_close_ int fd = -EBADF;
	_cleanup_free_ char *trusted = NULL;
	int r = os_mkdir_private(keys);

	if (r >= 0)
		r = str_fmt(&trusted, "%s/trusted", keys);
	if (r >= 0)
		r = os_mkdir_private(trusted);
	if (r == -EPERM || r == -ENOTDIR)
		return vz_fail(e, r,
			       "%s and its trusted/ must be directories of root's that nobody else "
			       "can write to",
			       keys);
	if (r >= 0)
		fd = os_openat(AT_FDCWD, keys, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	if (r < 0 || fd < 0)
		return vz_fail(e, r < 0 ? r : fd, "open %s", keys);
	return TAKE_FD(fd);
}

static int make_key(const char *keys, struct vz_error *e)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	char hex[HEX_SIZE(sizeof(seed))], text[sizeof(KEY_WORD) + sizeof(hex) + 1];
	_cleanup_free_ char *path = NULL;
	int r = str_fmt(&path, "%s/node.key", keys);

	if (r < 0)
		return vz_fail(e, r, "make the node's key");
	randombytes_buf(seed, sizeof(seed));
	sodium_bin2hex(hex, sizeof(hex), seed, sizeof(seed));
	(void)snprintf(text, sizeof(text), KEY_WORD "%s\n", hex);
	r = os_create_file(path, text, strlen(text), 0600);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(hex, sizeof(hex));
	sodium_memzero(text, sizeof(text));
	return r < 0 && r != -EEXIST ? vz_fail(e, r, "write %s", path) : 0;
}

static int parse_key(const char *text, uint8_t pub[CR_PUB_SIZE],
		     uint8_t secret[crypto_sign_SECRETKEYBYTES])
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	int r = -EBADMSG;

	if (str_has_prefix(text, KEY_WORD))
		r = parse_hex(text + strlen(KEY_WORD), seed, sizeof(seed));
	if (r >= 0 && crypto_sign_seed_keypair(pub, secret, seed) != 0)
		r = -EIO;
	sodium_memzero(seed, sizeof(seed));
	return r;
}

/* Our own key, made where there is none and wanted. -ENOENT */
static int own_key(int dirfd, const char *keys, bool make, uint8_t pub[CR_PUB_SIZE],
		   uint8_t secret[crypto_sign_SECRETKEYBYTES], struct vz_error *e)
{
	char *text = NULL;
	int r = read_key_file(dirfd, "node.key", 077, &text, e);

	if (r == -ENOENT && make) {
		r = make_key(keys, e);
		if (r >= 0)
			r = read_key_file(dirfd, "node.key", 077, &text, e);
		if (r == -ENOENT)
			return vz_fail(e, r, "%s/node.key went away", keys);
	}
	if (r < 0)
		return r;
	r = parse_key(text, pub, secret);
	sodium_memzero(text, strlen(text));
	free(text);
	return r < 0 ? vz_fail(e, r,
			       "%s/node.key is damaged (remove it to have a new one made; dumps "
			       "signed with it are lost)",
			       keys)
		     : 0;
}

/* What other nodes get; written anew where it is missing or of another key. */
static int keep_pub(const char *keys, const uint8_t pub[CR_PUB_SIZE])
{
	_cleanup_free_ char *path = NULL, *old = NULL, *text = NULL;
	char hex[HEX_SIZE(CR_PUB_SIZE)];
	struct utsname u;
	int r = str_fmt(&path, "%s/node.pub", keys);

	sodium_bin2hex(hex, sizeof(hex), pub, CR_PUB_SIZE);
	if (r >= 0)
		r = str_fmt(&text, PUB_WORD "%s %s\n", hex, uname(&u) == 0 ? u.nodename : "-");
	if (r < 0)
		return r;
	if (os_read_file_at(AT_FDCWD, path, KEY_FILE_MAX, &old, NULL) >= 0 &&
	    strncmp(old, text, strlen(PUB_WORD) + sizeof(hex) - 1) == 0)
		return 0;
	return os_replace_file(path, text, strlen(text), 0644);
}

int cr_key_node(const char *keys, char ret[CR_NODE_ID_SIZE], struct vz_error *e)
{
	_cleanup_close_ int dirfd = -EBADF;
	uint8_t pub[CR_PUB_SIZE], secret[crypto_sign_SECRETKEYBYTES];
	int r = cr_sodium(e);

	if (r < 0)
		return r;
	dirfd = open_keys(keys, e);
	if (dirfd < 0)
		return dirfd;
	r = own_key(dirfd, keys, true, pub, secret, e);
	sodium_memzero(secret, sizeof(secret));
	if (r < 0)
		return r;
	r = keep_pub(keys, pub);
	if (r < 0)
		return vz_fail(e, r, "write %s/node.pub", keys);
	fingerprint(pub, ret);
	return 0;
}

int cr_key_sign(const char *keys, const void *data, size_t len, char **ret,
		char ret_id[CR_NODE_ID_SIZE], struct vz_error *e)
{
	_cleanup_close_ int dirfd = open_keys(keys, e);
	uint8_t pub[CR_PUB_SIZE], secret[crypto_sign_SECRETKEYBYTES], sig[CR_SIG_SIZE];
	char hex[HEX_SIZE(CR_SIG_SIZE)];
	int r;

	if (dirfd < 0)
		return dirfd;
	r = own_key(dirfd, keys, true, pub, secret, e);
	if (r >= 0 && crypto_sign_detached(sig, NULL, data, len, secret) != 0)
		r = vz_fail(e, -EIO, "sign");
	sodium_memzero(secret, sizeof(secret));
	if (r < 0)
		return r;
	fingerprint(pub, ret_id);
	sodium_bin2hex(hex, sizeof(hex), sig, sizeof(sig));
	r = str_fmt(ret, SIG_WORD "%s %s\n", ret_id, hex);
	return r < 0 ? vz_fail(e, r, "sign") : 0;
}

/* The key with this id among trusted/'s files. A file that cannot be used is one nobody trusts. */
static int trusted_key(int keys, const char *id, uint8_t pub[CR_PUB_SIZE])
{
	_cleanup_close_ int fd =
		os_openat(keys, "trusted", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char found[CR_NODE_ID_SIZE];
	struct dirent *de;

	if (!d)
		return -ENOKEY;
	(void)TAKE_FD(fd);
	for (unsigned int i = 0; i < TRUSTED_MAX && (de = readdir(d)); i++) {
		_cleanup_free_ char *text = NULL;
		const char *dot = strrchr(de->d_name, '.');

		if (!dot || strcmp(dot, ".pub") != 0 ||
		    read_key_file(dirfd(d), de->d_name, 022, &text, NULL) < 0 ||
		    !str_has_prefix(text, PUB_WORD) ||
		    parse_hex(text + strlen(PUB_WORD), pub, CR_PUB_SIZE) < 0)
			continue;
		fingerprint(pub, found);
		if (strcmp(found, id) == 0)
			return 0;
	}
	return -ENOKEY;
}

static int find_key(const char *keys, const char *id, uint8_t pub[CR_PUB_SIZE], struct vz_error *e)
{
	_cleanup_close_ int dirfd = open_keys(keys, e);
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	char own[CR_NODE_ID_SIZE];
	int r;

	if (dirfd < 0)
		return dirfd;
	r = own_key(dirfd, keys, false, pub, secret, e);
	sodium_memzero(secret, sizeof(secret));
	if (r < 0 && r != -ENOENT)
		return r;
	if (r >= 0) {
		fingerprint(pub, own);
		if (strcmp(own, id) == 0)
			return 0;
	}
	if (trusted_key(dirfd, id, pub) >= 0)
		return 0;
	return vz_fail(e, -EKEYREJECTED,
		       "it is signed by node %s, which is not trusted here (copy that node's "
		       "node.pub to %s/trusted/NAME.pub to trust it)",
		       id, keys);
}

int cr_key_check(const char *keys, const char *sig, const void *data, size_t len,
		 char ret_id[CR_NODE_ID_SIZE], struct vz_error *e)
{
	uint8_t pub[CR_PUB_SIZE], id[ID_BYTES], bytes[CR_SIG_SIZE];
	char name[CR_NODE_ID_SIZE];
	const char *hex_id = sig + strlen(SIG_WORD), *hex_sig;
	int r = str_has_prefix(sig, SIG_WORD) ? parse_hex(hex_id, id, sizeof(id)) : -EBADMSG;

	hex_sig = r >= 0 ? hex_id + CR_NODE_ID_SIZE : NULL;
	if (r >= 0)
		r = hex_sig[-1] == ' ' ? parse_hex(hex_sig, bytes, sizeof(bytes)) : -EBADMSG;
	if (r < 0 || strcmp(hex_sig + sizeof(bytes) * 2, "\n") != 0)
		return vz_fail(
			e, -EBADMSG,
			"its signature is malformed or cut off (nothing can be restored from it)");
	sodium_bin2hex(name, sizeof(name), id, sizeof(id));
	r = find_key(keys, name, pub, e);
	if (r < 0)
		return r;
	if (crypto_sign_verify_detached(bytes, data, len, pub) != 0)
		return vz_fail(e, -EKEYREJECTED,
			       "its signature does not fit its manifest: the manifest was changed "
			       "(nothing can be restored from it)");
	memcpy(ret_id, name, sizeof(name));
	return 0;
}
