/* SPDX-License-Identifier: Apache-2.0 */
/* Opened key versions, kept for the next call: a bounded number of bytes of locked
 * memory, the least recently used going first.  Entries are immutable; a change
 * of a key drops its entries before the change's reply, so the next call reads
 * the store again.  Any thread. */
#ifndef SR_DAEMON_KEYCACHE_H
#define SR_DAEMON_KEYCACHE_H

#include <stdatomic.h>
#include <strongroom/strongroom.h>

#include "daemon/backend/backend.h"

enum key_op {
#define KEY_OP(id, name, kinds) KEY_OP_##id,
#include <strongroom/key_ops.def>
#undef KEY_OP
	KEY_OPS
};

/* A key version, opened. */
struct key_entry {
	struct sr_uri uri;              /* with its version */
	char kid[SR_URI_MAX + 1];
	size_t kid_len;
	enum key_kind kind;
	unsigned ops;                   /* bit 1 << KEY_OP_x */
	bool enabled, rsa1_5;
	uint64_t nbf, exp;              /* unix seconds; 0: none */
	struct backend_key *key;
	size_t cost;                    /* of locked memory, bytes */

	atomic_uint refs;
	struct key_entry *next;                 /* keycache.buckets; guarded by its lock */
	struct key_entry *newer, *older;        /* by last use; guarded by its lock */
};

struct keycache;

SR_RESULT keycache_new(size_t limit, struct keycache **out);
/* No entry may be in use. */
void keycache_free(struct keycache *cache);

/* The entry of this version, to be given back with keycache_release; NULL if it
 * is not there. */
struct key_entry *keycache_get(struct keycache *cache, const struct sr_uri *uri);
/* How many times entries were dropped by changes: to be read before a key is
 * read from the store, and handed to keycache_add, which leaves the entry out
 * of the cache if a change came between. */
uint64_t keycache_generation(struct keycache *cache);
/* Offers an entry with one reference, the caller's, who gives it back as usual. */
void keycache_add(struct keycache *cache, struct key_entry *entry, uint64_t generation);
void keycache_release(struct key_entry *entry);
/* Drops this version. */
void keycache_drop(struct keycache *cache, const struct sr_uri *uri);

#endif
