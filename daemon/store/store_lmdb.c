/* SPDX-License-Identifier: Apache-2.0 */
/* The store on one machine: LMDB, the only file that includes it.
 *
 * Views are LMDB read transactions.  Changes queue (store_queue.h), and a batch
 * of them is one write transaction with a nested one for each change, so that
 * a failing change undoes only itself.  LMDB finds out in the middle of a batch
 * that the map is too small: the batch is dropped, the map is made larger while no
 * view is under way, and the batch is run again. */
#include "daemon/store/store_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "daemon/store/store_queue.h"

#define READERS_MAX    1024
#define GROWTH_MAX     ((size_t)1 << 30)
#define MAP_SIZE_LEAST ((size_t)64 << 10)

struct lmdb_store {
	struct store base;
	MDB_env *env;
	MDB_dbi dbi;
	pthread_rwlock_t map_lock;      /* held for reading by views, for writing to move the map */
	struct store_queue queue;
};

struct lmdb_txn {
	struct store_txn base;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_cursor *cursor;             /* made when first needed */
	int failed;                     /* LMDB's first error that dooms the transaction */
};

static enum sr_err err_from_lmdb(int rc)
{
	if (rc > 0)
		return sr_err_from_errno(rc);
	switch (rc) {
	case MDB_SUCCESS:
		return SR_OK;
	case MDB_NOTFOUND:
		return SR_NOT_FOUND;
	case MDB_MAP_FULL:
		return SR_NO_ROOM;
	case MDB_TXN_FULL:
	case MDB_READERS_FULL:
		return SR_LIMIT;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
		return SR_CORRUPT;
	default:
		return SR_IO;
	}
}

static struct lmdb_store *lmdb_of(struct store *store)
{
	return (struct lmdb_store *)store;
}

static struct lmdb_txn *lmdb_txn_of(struct store_txn *txn)
{
	return (struct lmdb_txn *)txn;
}

static MDB_val val_of_path(struct sr_str path)
{
	return (MDB_val){ .mv_size = path.n, .mv_data = (void *)(uintptr_t)path.p };
}

/* --- within a transaction --- */

/* LMDB wants a transaction aborted after any error but these. */
static SR_RESULT note(struct lmdb_txn *t, int rc)
{
	if (rc != MDB_SUCCESS && rc != MDB_NOTFOUND && t->failed == MDB_SUCCESS)
		t->failed = rc;
	return err_from_lmdb(rc);
}

static enum sr_err lmdb_get(struct store_txn *txn, struct sr_str path, struct sr_bytes *out)
{
	struct lmdb_txn *t = lmdb_txn_of(txn);
	MDB_val key = val_of_path(path), value;

	SR_TRY(note(t, mdb_get(t->txn, t->dbi, &key, &value)));
	*out = (struct sr_bytes){ value.mv_data, value.mv_size };
	return SR_OK;
}

static enum sr_err lmdb_put(struct store_txn *txn, struct sr_str path, struct sr_bytes value)
{
	struct lmdb_txn *t = lmdb_txn_of(txn);
	MDB_val key = val_of_path(path);
	MDB_val data = { .mv_size = value.n, .mv_data = (void *)(uintptr_t)value.p };

	return note(t, mdb_put(t->txn, t->dbi, &key, &data, /* flags= */ 0));
}

static enum sr_err lmdb_remove(struct store_txn *txn, struct sr_str path)
{
	struct lmdb_txn *t = lmdb_txn_of(txn);
	MDB_val key = val_of_path(path);

	return note(t, mdb_del(t->txn, t->dbi, &key, /* data= */ NULL));
}

static SR_RESULT cursor_of(struct lmdb_txn *t)
{
	if (t->cursor != NULL)
		return SR_OK;
	return note(t, mdb_cursor_open(t->txn, t->dbi, &t->cursor));
}

static bool val_is(MDB_val key, struct sr_str path)
{
	return store_path_compare((struct sr_str){ key.mv_data, key.mv_size }, path) == 0;
}

static enum sr_err lmdb_first(struct store_txn *txn, struct sr_str from, bool behind,
	struct sr_str *path, struct sr_bytes *value)
{
	struct lmdb_txn *t = lmdb_txn_of(txn);
	MDB_val key = val_of_path(from), data;
	int rc;

	SR_TRY(cursor_of(t));
	rc = mdb_cursor_get(t->cursor, &key, &data, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE);
	if (rc == MDB_SUCCESS && behind && val_is(key, from))
		rc = mdb_cursor_get(t->cursor, &key, &data, MDB_NEXT);
	SR_TRY(note(t, rc));
	*path = (struct sr_str){ key.mv_data, key.mv_size };
	*value = (struct sr_bytes){ data.mv_data, data.mv_size };
	return SR_OK;
}

static enum sr_err lmdb_last(struct store_txn *txn, struct sr_str bound,
	struct sr_str *path, struct sr_bytes *value)
{
	struct lmdb_txn *t = lmdb_txn_of(txn);
	MDB_val key = val_of_path(bound), data;
	int rc = MDB_NOTFOUND;

	SR_TRY(cursor_of(t));
	if (bound.n > 0)
		rc = mdb_cursor_get(t->cursor, &key, &data, MDB_SET_RANGE);
	if (rc == MDB_SUCCESS)
		rc = mdb_cursor_get(t->cursor, &key, &data, MDB_PREV);
	else if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(t->cursor, &key, &data, MDB_LAST);
	SR_TRY(note(t, rc));
	*path = (struct sr_str){ key.mv_data, key.mv_size };
	*value = (struct sr_bytes){ data.mv_data, data.mv_size };
	return SR_OK;
}

/* --- transactions --- */

static const struct store_kind store_lmdb;

static struct lmdb_txn lmdb_txn_init(const struct lmdb_store *store, MDB_txn *txn, bool writable)
{
	return (struct lmdb_txn){
		.base = { .kind = &store_lmdb, .writable = writable },
		.txn = txn,
		.dbi = store->dbi,
	};
}

/* Runs fn in the LMDB transaction; its cursor must be gone before that ends. */
static enum sr_err run(struct lmdb_txn *t, store_fn *fn, void *arg)
{
	enum sr_err err = fn(&t->base, arg);

	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	t->cursor = NULL;
	return err;
}

static enum sr_err view_on_map(struct lmdb_store *store, store_fn *fn, void *arg)
{
	struct lmdb_txn t;
	MDB_txn *txn;
	enum sr_err err = err_from_lmdb(mdb_txn_begin(store->env, /* parent= */ NULL, MDB_RDONLY, &txn));

	if (err != SR_OK)
		return err;
	t = lmdb_txn_init(store, txn, /* writable= */ false);
	err = run(&t, fn, arg);
	mdb_txn_abort(txn);
	return err;
}

static enum sr_err lmdb_view(struct store *base, store_fn *fn, void *arg)
{
	struct lmdb_store *store = lmdb_of(base);
	enum sr_err err;

	(void)pthread_rwlock_rdlock(&store->map_lock);
	err = view_on_map(store, fn, arg);
	(void)pthread_rwlock_unlock(&store->map_lock);
	return err;
}

/* Makes the map larger: twice, or by GROWTH_MAX.  How much of it the disk can
 * hold shows when a commit writes. */
static SR_RESULT map_grow(struct lmdb_store *store)
{
	MDB_envinfo info;
	size_t size;
	void *probe;
	int rc;

	(void)mdb_env_info(store->env, &info);
	size = info.me_mapsize;
	size += size < GROWTH_MAX ? size : GROWTH_MAX;
	/* LMDB gives up the old map before it asks for the new one, and is left
	 * without any if it does not get it: look first. */
	probe = mmap(/* addr= */ NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (probe == MAP_FAILED)
		return SR_NO_ROOM;
	(void)munmap(probe, size);

	(void)pthread_rwlock_wrlock(&store->map_lock);
	rc = mdb_env_set_mapsize(store->env, size);
	(void)pthread_rwlock_unlock(&store->map_lock);
	return err_from_lmdb(rc);
}

/* Runs one change in a transaction of its own within the batch's.  What is
 * returned is LMDB's and dooms the batch; a change that fails does not. */
static int run_nested(struct lmdb_store *store, MDB_txn *parent, struct store_change *change)
{
	struct lmdb_txn t;
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->env, parent, /* flags= */ 0, &txn);

	if (rc != MDB_SUCCESS)
		return rc;
	t = lmdb_txn_init(store, txn, /* writable= */ true);
	change->result = run(&t, change->fn, change->arg);
	if (t.failed == MDB_SUCCESS && change->result == SR_OK)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	if (t.failed == MDB_MAP_FULL)
		return MDB_MAP_FULL;
	/* fn may have let LMDB's error pass: it is its result all the same */
	if (change->result == SR_OK)
		change->result = err_from_lmdb(t.failed);
	return MDB_SUCCESS;
}

/* LMDB says EIO when it could write only a part.  The part it wrote went up to
 * the last byte that there is room for, so one page more tells the reason. */
static int short_write_reason(MDB_env *env)
{
	struct stat st;
	int fd, rc;

	if (mdb_env_get_fd(env, &fd) != MDB_SUCCESS || fstat(fd, &st) != 0)
		return EIO;
	rc = posix_fallocate(fd, st.st_size, sysconf(_SC_PAGESIZE));
	return rc == 0 ? EIO : rc;
}

/* One attempt at a commit. */
static int commit_once(struct lmdb_store *store, struct store_change *batch[], size_t n)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->env, /* parent= */ NULL, /* flags= */ 0, &txn);

	if (rc != MDB_SUCCESS)
		return rc;
	for (size_t i = 0; i < n; i++) {
		rc = run_nested(store, txn, batch[i]);
		if (rc != MDB_SUCCESS) {
			mdb_txn_abort(txn);
			return rc;
		}
	}
	rc = mdb_txn_commit(txn);
	return rc == EIO ? short_write_reason(store->env) : rc;
}

static SR_RESULT commit_growing(struct lmdb_store *store, struct store_change *batch[], size_t n)
{
	int rc;

	while ((rc = commit_once(store, batch, n)) == MDB_MAP_FULL)
		SR_TRY(map_grow(store));
	return err_from_lmdb(rc);
}

/* A store_commit_fn.  If all together cannot be committed, because the disk has no
 * room for one of them perhaps, then each is tried alone. */
static void commit_batch(void *arg, struct store_change *batch[], size_t n)
{
	struct lmdb_store *store = arg;
	enum sr_err err = commit_growing(store, batch, n);

	if (err != SR_OK && n > 1) {
		for (size_t i = 0; i < n; i++)
			commit_batch(store, &batch[i], 1);
	} else if (err != SR_OK) {
		batch[0]->result = err;
	}
}

static enum sr_err lmdb_update(struct store *base, store_fn *fn, void *arg)
{
	struct lmdb_store *store = lmdb_of(base);

	return store_queue_run(&store->queue, fn, arg, commit_batch, store);
}

/* --- open and close --- */

static void lmdb_close(struct store *base)
{
	struct lmdb_store *store = lmdb_of(base);

	if (store->env != NULL)
		mdb_env_close(store->env);
	store_queue_finish(&store->queue);
	(void)pthread_rwlock_destroy(&store->map_lock);
	free(store);
}

static const struct store_kind store_lmdb = {
	.close = lmdb_close,
	.view = lmdb_view,
	.update = lmdb_update,
	.get = lmdb_get,
	.put = lmdb_put,
	.remove = lmdb_remove,
	.first = lmdb_first,
	.last = lmdb_last,
};

SR_DEFINE_AUTO(store, store_close)

static SR_RESULT lmdb_new(struct lmdb_store **out)
{
	struct lmdb_store *store = calloc(1, sizeof *store);
	pthread_rwlockattr_t attr;

	if (store == NULL)
		return SR_NOMEM;
	store->base.kind = &store_lmdb;
	store_queue_init(&store->queue);
	/* or a steady stream of views would keep the map from growing forever */
	SR_ASSERT(pthread_rwlockattr_init(&attr) == 0);
	SR_ASSERT(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
	SR_ASSERT(pthread_rwlock_init(&store->map_lock, &attr) == 0);
	(void)pthread_rwlockattr_destroy(&attr);
	*out = store;
	return SR_OK;
}

/* LMDB would make an empty store of a missing or empty file. */
static SR_RESULT require_data(int fd)
{
	struct stat st;

	if (fstatat(fd, "data.mdb", &st, AT_SYMLINK_NOFOLLOW) != 0)
		return sr_err_from_errno(errno);
	return S_ISREG(st.st_mode) && st.st_size > 0 ? SR_OK : SR_CORRUPT;
}

/* A file that is shorter than what it says of itself would kill us with SIGBUS. */
static SR_RESULT require_length(MDB_env *env)
{
	MDB_envinfo info;
	MDB_stat stat;
	struct stat st;
	int fd;

	(void)mdb_env_info(env, &info);
	(void)mdb_env_stat(env, &stat);
	if (mdb_env_get_fd(env, &fd) != MDB_SUCCESS || fstat(fd, &st) != 0)
		return SR_IO;
	if (stat.ms_psize == 0 || info.me_last_pgno >= (uint64_t)st.st_size / stat.ms_psize)
		return SR_CORRUPT;
	return SR_OK;
}

/* LMDB does so with all of its files but this one. */
static SR_RESULT close_on_exec(MDB_env *env)
{
	int fd;

	if (mdb_env_get_fd(env, &fd) != MDB_SUCCESS)
		return SR_IO;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? SR_OK : sr_err_from_errno(errno);
}

static int env_open(struct lmdb_store *store, int fd, size_t map_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char path[64];
	int dead, rc = mdb_env_create(&store->env);

	if (rc != MDB_SUCCESS)
		return rc;
	if (map_size < MAP_SIZE_LEAST)
		map_size = MAP_SIZE_LEAST;
	rc = mdb_env_set_mapsize(store->env, (map_size + page - 1) / page * page);
	if (rc == MDB_SUCCESS)
		rc = mdb_env_set_maxreaders(store->env, READERS_MAX);
	if (rc != MDB_SUCCESS)
		return rc;
	/* LMDB knows paths only, and the directory's may be replaced */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	/* not MDB_NOMEMINIT: what malloc hands out must not reach the disk */
	rc = mdb_env_open(store->env, path, MDB_NOTLS, 0600);
	if (rc == MDB_SUCCESS)
		rc = mdb_reader_check(store->env, &dead);
	return rc;
}

/* The handle of the one database, which lives as long as the store. */
static int dbi_open(struct lmdb_store *store)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(store->env, /* parent= */ NULL, MDB_RDONLY, &txn);

	if (rc != MDB_SUCCESS)
		return rc;
	rc = mdb_dbi_open(txn, /* name= */ NULL, /* flags= */ 0, &store->dbi);
	if (rc != MDB_SUCCESS) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static SR_RESULT make_directory(int dirfd, const char *name)
{
	if (mkdirat(dirfd, name, 0700) == 0)
		return SR_OK;
	return errno == EEXIST ? SR_CONFLICT : sr_err_from_errno(errno);
}

/* A new store's files are there after a power loss as well. */
static SR_RESULT sync_new(struct lmdb_store *store, int fd, int dirfd)
{
	SR_TRY(err_from_lmdb(mdb_env_sync(store->env, /* force= */ 1)));
	return fsync(fd) == 0 && fsync(dirfd) == 0 ? SR_OK : sr_err_from_errno(errno);
}

SR_RESULT store_lmdb_open(int dirfd, const char *name, const struct store_lmdb_options *options, struct store **out)
{
	SR_AUTO(store) opened = NULL;
	SR_AUTO_FD fd = -1;
	struct lmdb_store *store;

	if (options->create)
		SR_TRY(make_directory(dirfd, name));
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return sr_err_from_errno(errno);
	if (!options->create)
		SR_TRY(require_data(fd));
	SR_TRY(lmdb_new(&store));
	opened = &store->base;
	SR_TRY(err_from_lmdb(env_open(store, fd, options->map_size)));
	SR_TRY(close_on_exec(store->env));
	SR_TRY(require_length(store->env));
	SR_TRY(err_from_lmdb(dbi_open(store)));
	if (options->create)
		SR_TRY(sync_new(store, fd, dirfd));
	*out = SR_TAKE(opened);
	return SR_OK;
}
