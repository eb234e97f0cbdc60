/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/store/datadir_init.h"
#include "daemon/store/dir_each.h"

#define FORMAT_MAX      64      /* bytes of a FORMAT file that we would understand */
#define LOCK_TRIES      20
#define LOCK_PAUSE_MS   50

/* --- whose it is --- */

static SR_RESULT open_or_make(const char *name, const char *path, int *out, char problem[static PROBLEM_MAX])
{
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		if (mkdir(name, 0700) != 0)
			return problem_set(problem, sr_err_from_errno(errno),
				"the data directory %s cannot be made: %m; the directory above it must be there", path);
		fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return problem_set(problem, sr_err_from_errno(errno), "the data directory %s cannot be opened: %m", path);
	*out = fd;
	return SR_OK;
}

/* A daemon that was killed a moment ago may still be on its way out. */
static SR_RESULT lock(int dirfd, const char *path, char problem[static PROBLEM_MAX])
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(dirfd, LOCK_EX | LOCK_NB) == 0)
			return SR_OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return problem_set(problem, sr_err_from_errno(errno), "the data directory %s cannot be locked: %m", path);
		(void)nanosleep(&pause, NULL);
	}
	return problem_set(problem, SR_CONFLICT, "another strongroomd is running on the data directory %s: "
		"stop that one, or give this one a directory of its own with --data", path);
}

struct contents {
	bool format, init, empty;
	char other[NAME_MAX + 1];       /* one of the rest */
};

static enum sr_err see(const char *name, void *arg)
{
	struct contents *contents = arg;

	/* the root of a file system of its own has this from the start */
	if (strcmp(name, "lost+found") == 0)
		return SR_OK;
	contents->empty = false;
	if (strcmp(name, DATADIR_FORMAT_FILE) == 0)
		contents->format = true;
	else if (strcmp(name, DATADIR_INIT_FILE) == 0)
		contents->init = true;
	else
		(void)snprintf(contents->other, sizeof contents->other, "%s", name);
	return SR_OK;
}

static SR_RESULT require_ours(int dirfd, const char *path, char problem[static PROBLEM_MAX])
{
	struct stat st;

	if (fstat(dirfd, &st) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "the data directory %s cannot be looked at: %m", path);
	if (st.st_uid != geteuid())
		return problem_set(problem, SR_DENIED, "the data directory %s belongs to uid %u, but strongroomd runs as uid %u: "
			"chown it, or start strongroomd as that user", path, (unsigned)st.st_uid, (unsigned)geteuid());
	return SR_OK;
}

/* An empty one can be closed to others; in one that is not, they may have been already. */
static SR_RESULT require_private(int dirfd, const char *path, bool empty, char problem[static PROBLEM_MAX])
{
	struct stat st;

	if (fstat(dirfd, &st) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "the data directory %s cannot be looked at: %m", path);
	if (!empty && (st.st_mode & 077) != 0)
		return problem_set(problem, SR_DENIED, "the data directory %s is open to others (mode %04o): "
			"chmod 0700 it, and consider what they may have done in it", path, (unsigned)st.st_mode & 07777);
	if (empty && (st.st_mode & 07777) != 0700 && fchmod(dirfd, 0700) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "the data directory %s cannot be made 0700: %m", path);
	return SR_OK;
}

/* --- what is in it --- */

static SR_RESULT require_format(int dirfd, const char *path, char problem[static PROBLEM_MAX])
{
	static const struct sr_str name = SR_STR(DATADIR_FORMAT_NAME " ");
	SR_AUTO_FREE char *text = NULL;
	size_t n = 0, digits;
	enum sr_err err = io_read_file(dirfd, DATADIR_FORMAT_FILE, FORMAT_MAX, &text, &n);

	if (err != SR_OK && err != SR_TOO_LARGE)
		return problem_set(problem, err, "%s/" DATADIR_FORMAT_FILE " cannot be read: %m", path);
	digits = n > name.n && memcmp(text, name.p, name.n) == 0 ? strspn(text + name.n, "0123456789") : 0;
	if (digits == 0 || digits > 9 || n != name.n + digits + 1 || text[n - 1] != '\n')
		return problem_set(problem, SR_FORMAT, "%s/" DATADIR_FORMAT_FILE " does not say \"" DATADIR_FORMAT_NAME " %d\": "
			"it is damaged, or this is no data directory of strongroomd; restore it from a backup",
			path, DATADIR_FORMAT_VERSION);
	if (strtol(text + name.n, /* endptr= */ NULL, 10) != DATADIR_FORMAT_VERSION)
		return problem_set(problem, SR_FORMAT, "%s is a data directory of format version %.*s, but this strongroomd (" SR_VERSION
			") knows version %d: use the strongroomd that made it, or restore a backup of this version",
			path, (int)digits, text + name.n, DATADIR_FORMAT_VERSION);
	return SR_OK;
}

static SR_RESULT missing(const char *path, const char *part, char problem[static PROBLEM_MAX])
{
	return problem_set(problem, SR_NOT_FOUND, "%s/%s is missing, though " DATADIR_FORMAT_FILE " says that the data "
		"directory is complete: restore it from a backup; to begin anew, use another directory", path, part);
}

static SR_RESULT require_directory(int dirfd, const char *part, const char *path, int *out, char problem[static PROBLEM_MAX])
{
	SR_AUTO_FD fd = openat(dirfd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return missing(path, part, problem);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return problem_set(problem, SR_CORRUPT, "%s/%s is not a directory: restore it from a backup", path, part);
	if (fd < 0 || fstat(fd, &st) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "%s/%s cannot be opened: %m", path, part);
	if (st.st_uid != geteuid())
		return problem_set(problem, SR_DENIED, "%s/%s belongs to uid %u, but strongroomd runs as uid %u: chown it",
			path, part, (unsigned)st.st_uid, (unsigned)geteuid());
	if (out != NULL)
		*out = SR_TAKE_FD(fd);
	return SR_OK;
}

static SR_RESULT open_store(struct datadir *d, const char *path, size_t map_size, char problem[static PROBLEM_MAX])
{
	struct store_lmdb_options options = { .map_size = map_size, .create = false };
	enum sr_err err;

	SR_TRY(require_directory(d->dirfd, DATADIR_STORE, path, /* out= */ NULL, problem));
	err = store_lmdb_open(d->dirfd, DATADIR_STORE, &options, &d->store);
	if (err == SR_NOT_FOUND)
		return missing(path, DATADIR_STORE "/data.mdb", problem);
	if (err == SR_CORRUPT)
		return problem_set(problem, err, "%s/" DATADIR_STORE "/data.mdb is damaged: restore it from a backup", path);
	if (err != SR_OK)
		return problem_set(problem, err, "%s/" DATADIR_STORE " cannot be opened: %s", path, problem_text(err));
	return SR_OK;
}

static SR_RESULT unseal(struct datadir *d, const char *path, const struct seal *seal, const uint8_t *key,
	char problem[static PROBLEM_MAX])
{
	enum sr_err err = sealed_open(d->store, key, &d->sealed);

	if (err == SR_BAD_SEAL)
		return problem_set(problem, err, "the key in %s does not open the store in %s: it is the key of another one, or "
			"was changed; put back the one that belongs to it, or say with the setting seal where it is",
			seal_place(seal), path);
	if (err == SR_NOT_FOUND || err == SR_CORRUPT)
		return problem_set(problem, SR_CORRUPT, "the store in %s has lost records that it cannot be without: "
			"restore it from a backup", path);
	if (err != SR_OK)
		return problem_set(problem, err, "the store in %s cannot be opened: %s", path, problem_text(err));
	return SR_OK;
}

static SR_RESULT open_sealed(struct datadir *d, const char *path, const struct seal *seal, char problem[static PROBLEM_MAX])
{
	uint8_t *key = locked_alloc(SEALED_KEY_LEN);
	enum sr_err err;

	if (key == NULL)
		return problem_set(problem, SR_NOMEM, "locked memory is used up: raise the setting locked_memory");
	err = seal_get(seal, key, problem);
	if (err == SR_OK)
		err = unseal(d, path, seal, key, problem);
	locked_free(key);
	return err;
}

static void warn(struct datadir *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct datadir *d, const char *format, ...)
{
	va_list args;

	SR_ASSERT(d->warnings_n < DATADIR_WARNINGS_MAX);
	va_start(args, format);
	(void)vsnprintf(d->warnings[d->warnings_n++], DATADIR_WARNING_MAX, format, args);
	va_end(args);
}

static SR_RESULT open_complete(struct datadir *d, const char *path, const struct seal *seal, size_t map_size,
	char problem[static PROBLEM_MAX])
{
	SR_TRY(require_format(d->dirfd, path, problem));
	SR_TRY(require_directory(d->dirfd, DATADIR_AUDIT, path, &d->auditfd, problem));
	SR_TRY(open_store(d, path, map_size, problem));
	SR_TRY(open_sealed(d, path, seal, problem));
	if (seal_is_inside(seal))
		warn(d, "the key that seals the store is in the data directory (%s), so a copy of that includes it: "
			"move it elsewhere, and say where with the setting seal", seal_place(seal));
	return SR_OK;
}

static SR_RESULT require_known(const struct contents *contents, const char *path, char problem[static PROBLEM_MAX])
{
	if (contents->format || contents->init || contents->empty)
		return SR_OK;
	return problem_set(problem, SR_FORMAT, "%s holds %.100s but no " DATADIR_FORMAT_FILE " file, so it is no data directory "
		"of strongroomd: use an empty or a new one; if this one has lost the file, restore it from a backup",
		path, contents->other);
}

/* Whatever state DIR is in, it is complete then. */
static SR_RESULT complete(struct datadir *d, const struct contents *contents, const char *path,
	const struct seal *seal, size_t map_size, char problem[static PROBLEM_MAX])
{
	if (contents->format)
		return contents->init ? datadir_init_end(d->dirfd, path, problem) : SR_OK;
	if (contents->init)
		SR_TRY(datadir_init_undo(d->dirfd, path, problem));
	SR_TRY(datadir_init(d->dirfd, path, seal, map_size, problem));
	d->first_start = true;
	return SR_OK;
}

SR_RESULT datadir_open(const struct datadir_options *options, struct datadir **out, char problem[static PROBLEM_MAX])
{
	struct contents contents = { .empty = true };
	SR_AUTO(datadir) d = NULL;
	SR_AUTO(seal) seal = NULL;
	char path[PROBLEM_PATH_MAX];
	enum sr_err err;

	problem_path(path, options->path);
	d = calloc(1, sizeof *d);
	if (d == NULL)
		return problem_set(problem, SR_NOMEM, "out of memory");
	d->dirfd = d->auditfd = -1;
	SR_TRY(open_or_make(options->path, path, &d->dirfd, problem));
	SR_TRY(require_ours(d->dirfd, path, problem));
	SR_TRY(lock(d->dirfd, path, problem));
	err = dir_each(d->dirfd, ".", see, &contents);
	if (err != SR_OK)
		return problem_set(problem, err, "the data directory %s cannot be read: %m", path);
	/* before its mode, or --data /etc would be answered with the advice to chmod that */
	SR_TRY(require_known(&contents, path, problem));
	SR_TRY(require_private(d->dirfd, path, contents.empty, problem));
	SR_TRY(seal_open(options->seal, d->dirfd, options->path, &seal, problem));
	SR_TRY(complete(d, &contents, path, seal, options->store_map_size, problem));
	SR_TRY(open_complete(d, path, seal, options->store_map_size, problem));
	*out = SR_TAKE(d);
	return SR_OK;
}

void datadir_close(struct datadir *datadir)
{
	if (datadir == NULL)
		return;
	sealed_close(datadir->sealed);
	store_close(datadir->store);
	if (datadir->auditfd >= 0)
		(void)close(datadir->auditfd);
	if (datadir->dirfd >= 0)
		(void)close(datadir->dirfd);
	free(datadir);
}
