/* SPDX-License-Identifier: Apache-2.0 */
/* Records at rest: what the vault keeps, sealed, over a store (design section 7).
 *
 * root key -> tenant key -> record, each XChaCha20-Poly1305 (libsodium) with the
 * store's id, the record's path and its revision as associated data, so that
 * records cannot be swapped.  Records whose path begins with "tenant/NAME/" are
 * sealed with NAME's tenant key; all others with the root key.  A tenant's key
 * is made by sealed_tenant_create and kept, sealed with the root key.
 *
 * A sealed head holds the last revision, the count and a keyed set-hash of all
 * (path, revision), kept up in every commit.  Keys live in locked memory. */
#ifndef SR_DAEMON_SEALED_H
#define SR_DAEMON_SEALED_H

#include "base/arena.h"
#include "daemon/store/store.h"

#define SEALED_KEY_LEN  32
#define SEALED_ID_LEN   16
#define SEALED_HASH_LEN 32

struct sealed;
struct sealed_txn;
typedef enum sr_err sealed_fn(struct sealed_txn *txn, void *arg);

struct sealed_head {
	uint64_t revision, count;
	uint8_t hash[SEALED_HASH_LEN];
};

/* Makes a new sealed store in an empty store: an id, a root key wrapped under
 * seal_key (SEALED_KEY_LEN bytes, borrowed), an empty head, the tenant "default".
 * Errors: CONFLICT (not empty), the store's. */
SR_RESULT sealed_create(struct store *store, const uint8_t *seal_key);
/* Opens one; the store stays the caller's and must outlive it.
 * Errors: BAD_SEAL (seal_key does not open it), NOT_FOUND (no sealed store in it), CORRUPT, the store's. */
SR_RESULT sealed_open(struct store *store, const uint8_t *seal_key, struct sealed **out);
/* Wipes the keys; NULL is fine. */
void sealed_close(struct sealed *sealed);
SR_DEFINE_AUTO(sealed, sealed_close)

/* Its id, made at creation and never changed; SEALED_ID_LEN bytes. */
const uint8_t *sealed_id(const struct sealed *sealed);

/* Transactions, as store_view and store_update; the same rules hold for fn. */
SR_RESULT sealed_view(struct sealed *sealed, sealed_fn *fn, void *arg);
SR_RESULT sealed_update(struct sealed *sealed, sealed_fn *fn, void *arg);

/* The record's plaintext, in the arena.  Errors: NOT_FOUND, CORRUPT (altered or
 * swapped), NOMEM (the arena is used up), the store's. */
SR_RESULT sealed_get(struct sealed_txn *txn, struct sr_str path, struct arena *arena, struct sr_bytes *out);
/* Does it exist?  Without opening it. */
SR_RESULT sealed_exists(struct sealed_txn *txn, struct sr_str path, bool *out);
SR_RESULT sealed_put(struct sealed_txn *txn, struct sr_str path, struct sr_bytes plaintext);
SR_RESULT sealed_delete(struct sealed_txn *txn, struct sr_str path);
/* As store_next and store_previous, the value opened into the arena; value NULL:
 * paths only.  *path is copied into the arena. */
SR_RESULT sealed_next(struct sealed_txn *txn, struct sr_str prefix, struct sr_str after,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value);
SR_RESULT sealed_previous(struct sealed_txn *txn, struct sr_str prefix, struct sr_str before,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value);
/* The head as this transaction sees it. */
SR_RESULT sealed_head(struct sealed_txn *txn, struct sealed_head *out);

/* Makes the tenant's key, within a change.  Errors: CONFLICT, the store's. */
SR_RESULT sealed_tenant_create(struct sealed_txn *txn, struct sr_str tenant);

/* Opens every record and compares all with the head: what was altered, rolled
 * back or removed by hand is told by calling report(path, what, arg) for each.
 * Errors: CORRUPT when anything was found, the store's. */
SR_RESULT sealed_check(struct sealed *sealed, void (*report)(struct sr_str path, const char *what, void *arg), void *arg);

#endif
