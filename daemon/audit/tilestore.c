/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit/tilestore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

static SR_RESULT sync_directory(int dirfd, const char *path)
{
	SR_AUTO_FD fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? SR_OK : sr_err_from_errno(errno);
}

/* Makes the directories that path goes through, each durable in the one above it. */
static SR_RESULT make_parents(int dirfd, const char *path)
{
	char part[TILE_PATH_LEN], parent[TILE_PATH_LEN] = ".";

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (mkdirat(dirfd, part, 0700) == 0)
			SR_TRY(sync_directory(dirfd, parent));
		else if (errno != EEXIST)
			return sr_err_from_errno(errno);
		memcpy(parent, part, sizeof parent);
	}
	return SR_OK;
}

static int create(int dirfd, const char *path)
{
	return openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

enum sr_err tilestore_put(void *arg, unsigned level, uint64_t index, const tile_hashes hashes)
{
	struct tilestore *store = arg;
	char path[TILE_PATH_LEN];
	SR_AUTO_FD fd = -1;

	if (store->n == TILESTORE_BATCH)
		SR_TRY(tilestore_sync(store));
	tile_path(level, index, path);
	fd = create(store->dirfd, path);
	if (fd < 0 && errno == ENOENT) {
		SR_TRY(make_parents(store->dirfd, path));
		fd = create(store->dirfd, path);
	}
	if (fd < 0)
		return sr_err_from_errno(errno);
	SR_TRY(io_write_full(fd, hashes, TILE_BYTES));
	/* all are on their way when the first is waited for */
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	(void)snprintf(store->directory[store->n], TILE_PATH_LEN, "%.*s", (int)(strrchr(path, '/') - path), path);
	store->fd[store->n++] = SR_TAKE_FD(fd);
	return SR_OK;
}

SR_RESULT tilestore_sync(struct tilestore *store)
{
	enum sr_err err = SR_OK;

	for (unsigned i = 0; i < store->n && err == SR_OK; i++)
		if (fdatasync(store->fd[i]) != 0)
			err = sr_err_from_errno(errno);
	for (unsigned i = 0; i < store->n && err == SR_OK; i++)
		if (i + 1 == store->n || strcmp(store->directory[i], store->directory[i + 1]) != 0)
			err = sync_directory(store->dirfd, store->directory[i]);
	tilestore_finish(store);
	return err;
}

void tilestore_finish(struct tilestore *store)
{
	while (store->n > 0)
		(void)close(store->fd[--store->n]);
}
