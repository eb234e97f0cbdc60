/* SPDX-License-Identifier: Apache-2.0 */
/* INIT first and FORMAT last, both synced, are what makes it safe to kill: see
 * datadir_init.h.  A key file elsewhere that was made before the kill is used by the
 * next attempt. */
#include "daemon/store/datadir_init.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "daemon/backend/locked.h"
#include "daemon/store/datadir.h"
#include "daemon/store/dir_each.h"

/* All that datadir_init makes, in an order in which it can be removed. */
static const struct made {
	const char *path;
	bool is_dir;
} made[] = {
	{ DATADIR_STORE "/data.mdb",    false },
	{ DATADIR_STORE "/lock.mdb",    false },
	{ DATADIR_STORE,                true },
	{ DATADIR_AUDIT,                true },
	{ SEAL_FILE_NAME,               false },
	{ SEAL_FILE_NEW_NAME,           false },
	{ DATADIR_FORMAT_FILE ".tmp",   false },
	{ DATADIR_INIT_FILE,            false },
};

/* --- undo --- */

struct undo {
	int dirfd;
	const char *dir;        /* the directory looked at, within DIR; "" for DIR */
	const char *path;       /* DIR's, for words */
	char *problem;
};

static const struct made *find_made(const char *path)
{
	for (size_t i = 0; i < SR_COUNT(made); i++)
		if (strcmp(made[i].path, path) == 0)
			return &made[i];
	return NULL;
}

static enum sr_err require_made(const char *name, void *arg)
{
	struct undo *u = arg, below = *u;
	const struct made *m;
	char path[sizeof DATADIR_STORE + NAME_MAX + 2];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s%s%s", u->dir, u->dir[0] == '\0' ? "" : "/", name);
	if (u->dir[0] == '\0' && strcmp(name, "lost+found") == 0)
		return SR_OK;
	m = find_made(path);
	if (fstatat(u->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return problem_set(u->problem, sr_err_from_errno(errno), "%s/%s cannot be looked at: %m", u->path, path);
	if (m == NULL || !(m->is_dir ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode)))
		return problem_set(u->problem, SR_CONFLICT,
			"the first start in %s was cut short, and would be done again, but %s is there, "
			"which strongroomd did not make: move it away, or use another data directory", u->path, path);
	if (!m->is_dir)
		return SR_OK;
	below.dir = m->path;
	return dir_each(u->dirfd, m->path, require_made, &below);
}

SR_RESULT datadir_init_undo(int dirfd, const char *path, char problem[static PROBLEM_MAX])
{
	struct undo u = { .dirfd = dirfd, .dir = "", .path = path, .problem = problem };
	enum sr_err err;

	problem[0] = '\0';
	err = dir_each(dirfd, ".", require_made, &u);
	if (err != SR_OK && problem[0] == '\0')
		return problem_set(problem, err, "%s cannot be read: %m", path);
	SR_TRY(err);
	for (size_t i = 0; i < SR_COUNT(made); i++) {
		if (strcmp(made[i].path, DATADIR_INIT_FILE) == 0)
			continue;
		if (unlinkat(dirfd, made[i].path, made[i].is_dir ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT)
			return problem_set(problem, sr_err_from_errno(errno),
				"%s/%s, left by a first start that was cut short, cannot be removed: %m", path, made[i].path);
	}
	return SR_OK;
}

/* --- make --- */

static SR_RESULT mark(int dirfd)
{
	static const char text[] = "The first start of strongroomd in this directory is not over.\n";
	SR_AUTO_FD fd = openat(dirfd, DATADIR_INIT_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return sr_err_from_errno(errno);
	SR_TRY(io_write_full(fd, text, sizeof text - 1));
	return fsync(fd) == 0 && fsync(dirfd) == 0 ? SR_OK : sr_err_from_errno(errno);
}

static SR_RESULT make_store(int dirfd, const uint8_t *key, size_t map_size)
{
	struct store_lmdb_options options = { .map_size = map_size, .create = true };
	struct store *store;
	enum sr_err err;

	SR_TRY(store_lmdb_open(dirfd, DATADIR_STORE, &options, &store));
	err = sealed_create(store, key);
	store_close(store);
	return err;
}

static SR_RESULT make_sealed_store(int dirfd, const char *path, const struct seal *seal, size_t map_size,
	char problem[static PROBLEM_MAX])
{
	uint8_t *key = locked_alloc(SEALED_KEY_LEN);
	bool exists;
	enum sr_err err;

	if (key == NULL)
		return problem_set(problem, SR_NOMEM, "locked memory is used up: raise the setting locked_memory");
	err = seal_exists(seal, &exists, problem);
	if (err == SR_OK && !exists)
		err = seal_make(seal, problem);
	if (err == SR_OK)
		err = seal_get(seal, key, problem);
	if (err == SR_OK) {
		err = make_store(dirfd, key, map_size);
		if (err != SR_OK)
			err = problem_set(problem, err, "%s/" DATADIR_STORE " cannot be made: %s", path, problem_text(err));
	}
	locked_free(key);
	return err;
}

/* DIR's own entry, which may be new as well.  Who may not open the directory
 * above has the whole file system synced instead. */
static SR_RESULT sync_parent(int dirfd)
{
	SR_AUTO_FD parent = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if ((parent >= 0 ? fsync(parent) : syncfs(dirfd)) != 0)
		return sr_err_from_errno(errno);
	return SR_OK;
}

static SR_RESULT finish(int dirfd)
{
	char format[64];
	int n = snprintf(format, sizeof format, "%s %d\n", DATADIR_FORMAT_NAME, DATADIR_FORMAT_VERSION);

	if (fsync(dirfd) != 0)
		return sr_err_from_errno(errno);
	SR_TRY(sync_parent(dirfd));
	return io_replace_file(dirfd, DATADIR_FORMAT_FILE, format, (size_t)n, 0600);
}

SR_RESULT datadir_init(int dirfd, const char *path, const struct seal *seal, size_t map_size,
	char problem[static PROBLEM_MAX])
{
	enum sr_err err = mark(dirfd);

	if (err != SR_OK)
		return problem_set(problem, err, "%s/" DATADIR_INIT_FILE " cannot be written: %m", path);
	if (mkdirat(dirfd, DATADIR_AUDIT, 0700) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "%s/" DATADIR_AUDIT " cannot be made: %m", path);
	SR_TRY(make_sealed_store(dirfd, path, seal, map_size, problem));
	err = finish(dirfd);
	if (err != SR_OK)
		return problem_set(problem, err, "%s/" DATADIR_FORMAT_FILE " cannot be written: %m", path);
	return datadir_init_end(dirfd, path, problem);
}

SR_RESULT datadir_init_end(int dirfd, const char *path, char problem[static PROBLEM_MAX])
{
	if ((unlinkat(dirfd, DATADIR_INIT_FILE, 0) != 0 && errno != ENOENT) || fsync(dirfd) != 0)
		return problem_set(problem, sr_err_from_errno(errno), "%s/" DATADIR_INIT_FILE " cannot be removed: %m", path);
	return SR_OK;
}
