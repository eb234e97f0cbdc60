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
 * (path, revision, nonce), kept up in every commit; tenants' keys count as
 * records.  Keys live in locked memory.
 *
 * In the store:
 *   s/id        the store's id
 *   s/root      the root key and the set-hash's key, sealed with the seal's key
 *   s/head      the head             k/NAME  a tenant's key      r/PATH  a record
 * Each but the id is: version (1 byte), revision (8, big-endian), nonce (24),
 * ciphertext with its tag.  The associated data is: version (1), store's id (16),
 * length of the path in the store (2), that path, revision (8). */
#ifndef SR_DAEMON_SEALED_H
#define SR_DAEMON_SEALED_H

#include "base/arena.h"
#include "daemon/store/store.h"

#define SEALED_KEY_LEN  32
#define SEALED_ID_LEN   16
#define SEALED_HASH_LEN 32
#define SEALED_PATH_MAX (STORE_PATH_MAX - 2)
#define SEALED_OVERHEAD 49                                      /* what sealing adds to a value */
#define SEALED_VALUE_MAX (STORE_VALUE_MAX - SEALED_OVERHEAD)

struct sealed;
struct sealed_txn;
typedef enum sr_err sealed_fn(struct sealed_txn *txn, void *arg);

struct sealed_head {
	uint64_t revision, count;
	uint8_t hash[SEALED_HASH_LEN];
};

/* Makes a new sealed store in an empty store: an id, a root key wrapped under
 * seal_key (SEALED_KEY_LEN bytes, borrowed), a head, the tenant "default".
 * Errors: CONFLICT (not empty), NOMEM (locked memory is used up), the store's. */
SR_RESULT sealed_create(struct store *store, const uint8_t *seal_key);
/* Opens one; the store stays the caller's and must outlive it.
 * Errors: BAD_SEAL (seal_key does not open it), NOT_FOUND (no sealed store in it),
 * CORRUPT, NOMEM (locked memory is used up), the store's. */
SR_RESULT sealed_open(struct store *store, const uint8_t *seal_key, struct sealed **out);
/* Wipes the keys; NULL is fine. */
void sealed_close(struct sealed *sealed);
SR_DEFINE_AUTO(sealed, sealed_close)

/* Its id, made at creation and never changed; SEALED_ID_LEN bytes. */
const uint8_t *sealed_id(const struct sealed *sealed);

/* Transactions, as store_view and store_update; the same rules hold for fn.
 * Any thread. */
SR_RESULT sealed_view(struct sealed *sealed, sealed_fn *fn, void *arg);
SR_RESULT sealed_update(struct sealed *sealed, sealed_fn *fn, void *arg);

/* The record's plaintext, in the arena, which must be locked memory.  A path is 1 to
 * SEALED_PATH_MAX bytes: else BAD_PARAMETER, here and below.  Errors: NOT_FOUND, CORRUPT
 * (altered or swapped), NOMEM (the arena or locked memory is used up), the store's. */
SR_RESULT sealed_get(struct sealed_txn *txn, struct sr_str path, struct arena *arena, struct sr_bytes *out);
/* Does it exist?  Without opening it. */
SR_RESULT sealed_exists(struct sealed_txn *txn, struct sr_str path, bool *out);
/* Adds or replaces; at most SEALED_VALUE_MAX bytes.  Errors: NOT_FOUND (its
 * tenant has no key), TOO_LARGE, NOMEM, CORRUPT, the store's. */
SR_RESULT sealed_put(struct sealed_txn *txn, struct sr_str path, struct sr_bytes plaintext);
/* Errors: NOT_FOUND, CORRUPT, the store's. */
SR_RESULT sealed_delete(struct sealed_txn *txn, struct sr_str path);
/* As store_next and store_previous, the value opened into the arena; value NULL:
 * paths only.  *path is copied into the arena. */
SR_RESULT sealed_next(struct sealed_txn *txn, struct sr_str prefix, struct sr_str after,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value);
SR_RESULT sealed_previous(struct sealed_txn *txn, struct sr_str prefix, struct sr_str before,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value);
/* The head as this transaction sees it. */
SR_RESULT sealed_head(struct sealed_txn *txn, struct sealed_head *out);

/* Makes the tenant's key, within a change.  The name is not looked at, but for
 * '/', which it cannot have (BAD_PARAMETER).  Errors: CONFLICT, the store's. */
SR_RESULT sealed_tenant_create(struct sealed_txn *txn, struct sr_str tenant);

/* Opens every record and compares all with the head: what was altered, rolled
 * back or removed by hand is told by calling report(path, what, arg).  path is as
 * in the store (r/..., k/..., s/...).  What only the whole shows (a record that is gone, or
 * is an older one, or an older head) is told once, with an empty path.
 * Errors: CORRUPT when anything was found, the store's. */
SR_RESULT sealed_check(struct sealed *sealed, void (*report)(struct sr_str path, const char *what, void *arg), void *arg);

#endif
