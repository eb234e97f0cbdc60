/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of store has to provide; for the store_*.c files only.  store.c
 * has checked every argument against the contract in store.h before it calls. */
#ifndef SR_DAEMON_STORE_KIND_H
#define SR_DAEMON_STORE_KIND_H

#include "daemon/store/store.h"

struct store_kind {
	void (*close)(struct store *store);
	enum sr_err (*view)(struct store *store, store_fn *fn, void *arg);
	enum sr_err (*update)(struct store *store, store_fn *fn, void *arg);
	enum sr_err (*get)(struct store_txn *txn, struct sr_str path, struct sr_bytes *out);
	enum sr_err (*put)(struct store_txn *txn, struct sr_str path, struct sr_bytes value);
	enum sr_err (*remove)(struct store_txn *txn, struct sr_str path);
	/* The first path not before `from`, or, with behind, the first one behind
	 * it; from.n == 0: the first of all.  Whether it begins with the caller's
	 * prefix is store.c's to look at. */
	enum sr_err (*first)(struct store_txn *txn, struct sr_str from, bool behind,
		struct sr_str *path, struct sr_bytes *value);
	/* The last path before `bound`; bound.n == 0: the last of all. */
	enum sr_err (*last)(struct store_txn *txn, struct sr_str bound,
		struct sr_str *path, struct sr_bytes *value);
};

/* First member of every kind's own struct. */
struct store {
	const struct store_kind *kind;
};

struct store_txn {
	const struct store_kind *kind;
	bool writable;
};

/* Byte order of paths; a path stands before those that it begins. */
int store_path_compare(struct sr_str a, struct sr_str b);

#endif
