/* SPDX-License-Identifier: Apache-2.0 */
/* The store: paths to values, ordered, transactional, durable.  One interface;
 * store_lmdb.c for one machine, store_mem.c its twin for tests.  It knows
 * nothing of what it keeps, and nothing of sealing: that is sealed.h above it.
 *
 * A change is a function that may run more than once, on whichever thread
 * commits, has no side effect outside its transaction, and sees no pointer of
 * it beyond its end.  Several changes that are asked for at once share a commit;
 * one that fails leaves nothing behind and does not hurt the others.  A function
 * must not start another transaction of the same store. */
#ifndef SR_DAEMON_STORE_H
#define SR_DAEMON_STORE_H

#include "base/result.h"

#define STORE_PATH_MAX  511
#define STORE_VALUE_MAX (1024 * 1024)

struct store;
struct store_txn;

/* What runs inside a transaction.  Its error, if any, is the caller's result
 * and undoes what it did. */
typedef enum sr_err store_fn(struct store_txn *txn, void *arg);

struct store_lmdb_options {
	size_t map_size;        /* bytes to begin with; grows while running */
	bool create;            /* make a new one; else it must be there */
};

/* Opens the LMDB store in directory dirfd/name (0700), which nobody else may have
 * open.  Errors: NOT_FOUND, CONFLICT (to be made, but there), NO_ROOM, CORRUPT, by errno. */
SR_RESULT store_lmdb_open(int dirfd, const char *name, const struct store_lmdb_options *options, struct store **out);
/* An empty store in memory, which reruns every change and fails some attempts
 * on purpose, as a store of many machines would: seed picks which. */
SR_RESULT store_mem_open(unsigned seed, struct store **out);
/* NULL is fine.  No transaction may be under way. */
void store_close(struct store *store);

/* Runs fn on one consistent state; never waits for writers, but for the moment
 * in which LMDB's map is made larger.  Keep it short: a map that has to grow waits
 * for the views under way, and LMDB frees no page that one of them may see.
 * Errors: fn's, CORRUPT, IO, LIMIT (too many readers). */
SR_RESULT store_view(struct store *store, store_fn *fn, void *arg);
/* Runs fn and commits what it did, durably, before returning SR_OK; shares the
 * commit with others.  Any thread.  Errors: fn's, NO_ROOM, CORRUPT, IO: then
 * nothing of it is stored. */
SR_RESULT store_update(struct store *store, store_fn *fn, void *arg);

/* *out lives until the transaction's next change (even one that fails) or its end.
 * A path that is not 1 to STORE_PATH_MAX bytes: BAD_PARAMETER, here and below.
 * Errors: NOT_FOUND, IO. */
SR_RESULT store_get(struct store_txn *txn, struct sr_str path, struct sr_bytes *out);
/* Adds or replaces; path and value must not be spans that this transaction handed
 * out.  Errors: NO_ROOM, TOO_LARGE, LIMIT (a change too large for one commit),
 * BAD_PARAMETER (a view), IO. */
SR_RESULT store_put(struct store_txn *txn, struct sr_str path, struct sr_bytes value);
/* Errors: NOT_FOUND, BAD_PARAMETER (a view), IO. */
SR_RESULT store_delete(struct store_txn *txn, struct sr_str path);
/* The first path that begins with prefix and stands behind `after` (n == 0: from
 * the beginning), in byte order; spans as store_get.  Errors: NOT_FOUND (no more), IO. */
SR_RESULT store_next(struct store_txn *txn, struct sr_str prefix, struct sr_str after,
	struct sr_str *path, struct sr_bytes *value);
/* The same, backwards: the last path that begins with prefix and stands before
 * `before` (n == 0: from the end). */
SR_RESULT store_previous(struct store_txn *txn, struct sr_str prefix, struct sr_str before,
	struct sr_str *path, struct sr_bytes *value);

#endif
