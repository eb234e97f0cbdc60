/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/str.h"

static bool is_standard(const char *path)
{
	return path == NULL || strcmp(path, "-") == 0;
}

SR_RESULT file_open_in(const struct cli *cli, const char *path, int *fd)
{
	*fd = is_standard(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*fd >= 0)
		return SR_OK;
	(void)fail(cli, SR_IO, "cannot read %s: %s", is_standard(path) ? "standard input" : path, strerror(errno));
	return SR_IO;
}

SR_RESULT file_read(int fd, size_t max, uint8_t **out, size_t *out_len)
{
	SR_AUTO_FREE uint8_t *buf = NULL;
	size_t n = 0, cap = 0;

	do {
		/* one byte more than max tells that there is more */
		size_t larger = cap == 0 ? 4096 : cap * 2, got;
		uint8_t *grown;

		cap = larger < max + 1 ? larger : max + 1;
		if ((grown = realloc(buf, cap)) == NULL)
			return SR_NOMEM;
		buf = grown;
		SR_TRY(io_read_upto(fd, buf + n, cap - n, &got));
		n += got;
	} while (n == cap && n <= max);
	if (n > max)
		return SR_TOO_LARGE;
	*out_len = n;
	*out = SR_TAKE(buf);
	return SR_OK;
}

/* ---- writing ---- */

#define BESIDE_ADDS 10  /* characters that the name of the new file has more */

/* The place of a file that is to be replaced: its directory, kept open, and what
 * it is called there. */
struct place {
	int dirfd;
	char name[NAME_MAX + 1], beside[NAME_MAX + 1];
};

static bool place_find(const char *path, struct place *out)
{
	char real[PATH_MAX], *slash;

	/* a link's target is replaced, not the link */
	if (realpath(path, real) == NULL) {
		size_t n = strlen(path);

		if (errno != ENOENT || n >= sizeof real)
			return false;
		memcpy(real, path, n + 1);
	}
	slash = strrchr(real, '/');
	if (!str_copy(str_of(slash == NULL ? real : slash + 1), out->name, sizeof out->name - BESIDE_ADDS)) {
		errno = ENAMETOOLONG;
		return false;
	}
	if (out->name[0] == '\0') {
		errno = EISDIR;
		return false;
	}
	if (slash != NULL)
		slash[slash == real] = '\0';
	out->dirfd = open(slash == NULL ? "." : real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return out->dirfd >= 0;
}

/* A new file beside the one to be replaced, under a name that nobody has. */
static int place_create(struct place *place, mode_t mode)
{
	(void)snprintf(place->beside, sizeof place->beside, ".%.*s.%08x", NAME_MAX - BESIDE_ADDS, place->name,
		(unsigned)randombytes_random());
	return openat(place->dirfd, place->beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

/* before: the file that is replaced, whose mode and owner stay; NULL: none, or they do not. */
static SR_RESULT replace(struct place *place, mode_t mode, const struct stat *before, const void *data, size_t n)
{
	SR_AUTO_FD fd = place_create(place, mode);
	enum sr_err err = SR_OK;

	if (fd < 0)
		return sr_err_from_errno(errno);
	if (before != NULL) {
		(void)!fchown(fd, before->st_uid, before->st_gid);      /* who may not is its owner */
		if (fchmod(fd, before->st_mode & 0777) != 0)
			err = sr_err_from_errno(errno);
	}
	if (err == SR_OK)
		err = io_write_full(fd, data, n);
	if (err == SR_OK && (fsync(fd) != 0 || renameat(place->dirfd, place->beside, place->dirfd, place->name) != 0))
		err = sr_err_from_errno(errno);
	if (err != SR_OK) {
		int why = errno;

		(void)unlinkat(place->dirfd, place->beside, 0);
		errno = why;
		return err;
	}
	(void)fsync(place->dirfd);      /* the data is there; only its name could be lost with the power */
	return SR_OK;
}

/* Devices, pipes and the like are written to as they are. */
static SR_RESULT write_straight(const char *path, const void *data, size_t n)
{
	SR_AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? sr_err_from_errno(errno) : io_write_full(fd, data, n);
}

static SR_RESULT write_path(const char *path, enum file_kind kind, const void *data, size_t n)
{
	struct place place = { .dirfd = -1 };
	struct stat st;
	bool exists = stat(path, &st) == 0;
	enum sr_err err;

	if (exists && !S_ISREG(st.st_mode))
		return write_straight(path, data, n);
	if (!place_find(path, &place))
		return sr_err_from_errno(errno);
	if (kind == FILE_PLAINTEXT)
		err = replace(&place, 0600, NULL, data, n);
	else
		err = replace(&place, 0666, exists ? &st : NULL, data, n);
	(void)close(place.dirfd);
	return err;
}

int file_write(const struct cli *cli, const char *path, enum file_kind kind, const void *data, size_t n)
{
	enum sr_err err;

	errno = 0;
	err = is_standard(path) ? io_write_full(STDOUT_FILENO, data, n) : write_path(path, kind, data, n);
	if (err == SR_OK)
		return 0;
	return fail(cli, SR_IO, "cannot write %s: %s", is_standard(path) ? "to standard output" : path,
		errno != 0 ? strerror(errno) : sr_strerror(err));
}

int file_write_json(const struct cli *cli, const char *path, json_t *document)
{
	SR_AUTO_FREE char *text = json_dumps(document, JSON_INDENT(2));
	size_t n;

	json_decref(document);
	if (text == NULL)
		return fail(cli, SR_NOMEM, "out of memory");
	n = strlen(text);
	text[n] = '\n';         /* in the terminator's place: it is written by its length */
	return file_write(cli, path, FILE_PUBLIC, text, n + 1);
}
