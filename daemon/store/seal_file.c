/* SPDX-License-Identifier: Apache-2.0 */
/* The key-file seal: 32 random bytes in a file that only we can read.  The file is
 * reached through a descriptor of its directory, so that what was checked is what is used. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "daemon/backend/locked.h"
#include "daemon/store/seal_kind.h"

#define HEX_LEN   (2 * SEALED_KEY_LEN)
#define FILE_MAX  (HEX_LEN + 3)         /* "\r\n", and one byte that is too many */
#define DEPTH_MAX 256

struct file_seal {
	struct seal base;
	int parentfd;
	char name[NAME_MAX + 1];
};

static const struct file_seal *file_of(const struct seal *seal)
{
	return (const struct file_seal *)seal;
}

/* --- where it is --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is fd's directory the one of dirfd, or somewhere below it?  By climbing, since
 * paths can lead there in many ways. */
static SR_RESULT is_within(int fd, int dirfd, bool *out)
{
	SR_AUTO_FD at = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat dir, here, above;

	if (at < 0 || fstat(at, &here) != 0 || fstat(dirfd, &dir) != 0)
		return sr_err_from_errno(errno);
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		int up;

		*out = same_file(&here, &dir);
		if (*out)
			return SR_OK;
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return sr_err_from_errno(errno);
		(void)close(at);
		at = up;
		if (fstat(at, &above) != 0)
			return sr_err_from_errno(errno);
		if (same_file(&above, &here))
			return SR_OK;
		here = above;
	}
	return SR_TOO_LARGE;
}

static SR_RESULT open_parent(struct file_seal *seal, const char *path, char problem[static PROBLEM_MAX])
{
	const char *slash = strrchr(path, '/');
	SR_AUTO_FREE char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));

	if (parent == NULL)
		return problem_set(problem, SR_NOMEM, "out of memory");
	seal->parentfd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (seal->parentfd < 0)
		return problem_set(problem, sr_err_from_errno(errno),
			"the directory of the seal's key file %s cannot be opened: %m; make it, or change the setting seal",
			seal->base.place);
	return SR_OK;
}

static SR_RESULT open_elsewhere(struct file_seal *seal, const char *path, int dirfd, char problem[static PROBLEM_MAX])
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? "" : slash + 1;
	enum sr_err err;

	problem_path(seal->base.place, path);
	if (path[0] != '/' || name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strlen(name) > NAME_MAX - sizeof ".new")
		return problem_set(problem, SR_BAD_PARAMETER,
			"the setting seal = file:%s must name a file by its whole path, from / on", seal->base.place);
	(void)snprintf(seal->name, sizeof seal->name, "%s", name);
	SR_TRY(open_parent(seal, path, problem));
	err = is_within(seal->parentfd, dirfd, &seal->base.inside);
	if (err != SR_OK)
		return problem_set(problem, err, "cannot find out where the directory of %s is: %m", seal->base.place);
	return SR_OK;
}

static enum sr_err file_open(const char *rest, int dirfd, const char *dir, struct seal **out, char problem[static PROBLEM_MAX])
{
	SR_AUTO(seal) opened = NULL;
	struct file_seal *seal = calloc(1, sizeof *seal);
	struct stat a, b;

	if (seal == NULL)
		return problem_set(problem, SR_NOMEM, "out of memory");
	seal->base.kind = &seal_file;
	seal->parentfd = -1;
	opened = &seal->base;
	if (rest != NULL) {
		SR_TRY(open_elsewhere(seal, rest, dirfd, problem));
	} else {
		char shown[PROBLEM_PATH_MAX], path[PROBLEM_PATH_MAX + sizeof "/" SEAL_FILE_NAME];

		problem_path(shown, dir);
		(void)snprintf(path, sizeof path, "%s/" SEAL_FILE_NAME, shown);
		problem_path(seal->base.place, path);
		(void)snprintf(seal->name, sizeof seal->name, "%s", SEAL_FILE_NAME);
		seal->base.inside = true;
		seal->parentfd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (seal->parentfd < 0)
			return problem_set(problem, sr_err_from_errno(errno), "%s cannot be opened: %m", seal->base.place);
	}
	/* a first start that was cut short knows only this name as its own */
	if (seal->base.inside && (strcmp(seal->name, SEAL_FILE_NAME) != 0 ||
	    fstat(seal->parentfd, &a) != 0 || fstat(dirfd, &b) != 0 || !same_file(&a, &b)))
		return problem_set(problem, SR_BAD_PARAMETER,
			"the seal's key file %s is inside the data directory: there it can only be " SEAL_FILE_NAME
			"; better keep it elsewhere", seal->base.place);
	*out = SR_TAKE(opened);
	return SR_OK;
}

static void file_close(struct seal *base)
{
	struct file_seal *seal = (struct file_seal *)base;

	if (seal->parentfd >= 0)
		(void)close(seal->parentfd);
	free(seal);
}

static enum sr_err file_exists(const struct seal *base, bool *out, char problem[static PROBLEM_MAX])
{
	const struct file_seal *seal = file_of(base);
	struct stat st;

	*out = fstatat(seal->parentfd, seal->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*out && errno != ENOENT)
		return problem_set(problem, sr_err_from_errno(errno), "the seal's key file %s cannot be looked at: %m", base->place);
	return SR_OK;
}

/* --- make --- */

static SR_RESULT write_key(int fd)
{
	uint8_t *key = locked_alloc(SEALED_KEY_LEN);
	char *hex = locked_alloc(HEX_LEN + 1);
	enum sr_err err = SR_NOMEM;

	if (key != NULL && hex != NULL) {
		randombytes_buf(key, SEALED_KEY_LEN);
		(void)sodium_bin2hex(hex, HEX_LEN + 1, key, SEALED_KEY_LEN);
		hex[HEX_LEN] = '\n';
		err = io_write_full(fd, hex, HEX_LEN + 1);
	}
	locked_free(hex);
	locked_free(key);
	if (err == SR_OK && (fchmod(fd, 0600) != 0 || fsync(fd) != 0))
		err = sr_err_from_errno(errno);
	return err;
}

/* Written beside and renamed, but never over a key that is there. */
static SR_RESULT make_beside(const struct file_seal *seal, const char *beside)
{
	SR_AUTO_FD fd = -1;

	if (unlinkat(seal->parentfd, beside, 0) != 0 && errno != ENOENT)
		return sr_err_from_errno(errno);
	fd = openat(seal->parentfd, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return sr_err_from_errno(errno);
	SR_TRY(write_key(fd));
	if (renameat2(seal->parentfd, beside, seal->parentfd, seal->name, RENAME_NOREPLACE) != 0)
		return errno == EEXIST ? SR_CONFLICT : sr_err_from_errno(errno);
	return fsync(seal->parentfd) == 0 ? SR_OK : sr_err_from_errno(errno);
}

static enum sr_err file_make(const struct seal *base, char problem[static PROBLEM_MAX])
{
	const struct file_seal *seal = file_of(base);
	char beside[sizeof seal->name + sizeof ".new"];
	enum sr_err err;

	if (sodium_init() < 0)
		return problem_set(problem, SR_INTERNAL, "libsodium cannot be initialised");
	(void)snprintf(beside, sizeof beside, "%s.new", seal->name);
	err = make_beside(seal, beside);
	if (err == SR_OK)
		return SR_OK;
	err = problem_set(problem, err, "the seal's key file %s cannot be made: %s; make it by hand "
		"(umask 077; head -c 32 /dev/urandom > FILE), or change the setting seal", base->place,
		err == SR_NOMEM ? "locked memory is used up" : strerror(errno));
	(void)unlinkat(seal->parentfd, beside, 0);
	return err;
}

/* --- get --- */

static SR_RESULT require_private(const struct file_seal *seal, int fd, char problem[static PROBLEM_MAX])
{
	const char *place = seal->base.place;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "the seal's key file %s cannot be looked at: %m", place);
	if (!S_ISREG(st.st_mode))
		return problem_set(problem, SR_BAD_SEAL, "the seal's key file %s is not a regular file", place);
	if (st.st_uid != geteuid())
		return problem_set(problem, SR_DENIED,
			"the seal's key file %s belongs to uid %u, but strongroomd runs as uid %u: chown it",
			place, (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 077) != 0)
		return problem_set(problem, SR_DENIED,
			"the seal's key file %s is open to others (mode %04o): chmod 0600 it, and consider who may have read it",
			place, (unsigned)st.st_mode & 07777);
	return SR_OK;
}

/* Whose link leads where is not ours to trust. */
static SR_RESULT refuse_link_of_others(const struct file_seal *seal, char problem[static PROBLEM_MAX])
{
	const char *place = seal->base.place;
	struct stat st;

	if (fstatat(seal->parentfd, seal->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return problem_set(problem, SR_NOT_FOUND, "the seal's key file %s is missing: put back the one that "
				"belongs to this data directory; without it nothing in there can be opened", place);
		return problem_set(problem, sr_err_from_errno(errno), "the seal's key file %s cannot be looked at: %m", place);
	}
	if (S_ISLNK(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0)
		return problem_set(problem, SR_DENIED, "the seal's key file %s is a symbolic link of uid %u: "
			"put the file itself there", place, (unsigned)st.st_uid);
	return SR_OK;
}

static bool parse_key(const uint8_t *text, size_t n, uint8_t *key)
{
	size_t len = 0;

	if (n == SEALED_KEY_LEN) {
		memcpy(key, text, SEALED_KEY_LEN);
		return true;
	}
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && text[n - 1] == '\r')
		n--;
	return n == HEX_LEN && sodium_hex2bin(key, SEALED_KEY_LEN, (const char *)text, n,
		/* ignore= */ NULL, &len, /* hex_end= */ NULL) == 0 && len == SEALED_KEY_LEN;
}

static SR_RESULT read_key(const struct file_seal *seal, int fd, uint8_t *text, uint8_t *key, char problem[static PROBLEM_MAX])
{
	const char *place = seal->base.place;
	size_t n;
	enum sr_err err = io_read_upto(fd, text, FILE_MAX, &n);

	if (err != SR_OK)
		return problem_set(problem, err, "the seal's key file %s cannot be read: %m", place);
	if (!parse_key(text, n, key))
		return problem_set(problem, SR_BAD_SEAL, "the seal's key file %s holds no key: it must be %d bytes, "
			"or as many in hex digits; put back the one that belongs to this data directory", place, SEALED_KEY_LEN);
	if (sodium_is_zero(key, SEALED_KEY_LEN))
		return problem_set(problem, SR_BAD_SEAL, "the seal's key file %s holds only zeros, which is no key: "
			"put back the one that belongs to this data directory", place);
	return SR_OK;
}

static enum sr_err file_get(const struct seal *base, uint8_t *key, char problem[static PROBLEM_MAX])
{
	const struct file_seal *seal = file_of(base);
	SR_AUTO_FD fd = -1;
	uint8_t *text;
	enum sr_err err;

	SR_TRY(refuse_link_of_others(seal, problem));
	/* nonblocking: it may be a FIFO that someone put there to hold us up */
	fd = openat(seal->parentfd, seal->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return problem_set(problem, sr_err_from_errno(errno), "the seal's key file %s cannot be opened: %m", base->place);
	SR_TRY(require_private(seal, fd, problem));
	text = locked_alloc(FILE_MAX);
	if (text == NULL)
		return problem_set(problem, SR_NOMEM, "locked memory is used up: raise the setting locked_memory");
	err = read_key(seal, fd, text, key, problem);
	locked_free(text);
	return err;
}

const struct seal_kind seal_file = {
	.name = "file",
	.open = file_open,
	.close = file_close,
	.exists = file_exists,
	.make = file_make,
	.get = file_get,
};
