/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and their versions: lifecycle over sealed records, and opening them for
 * use.  Knows nothing of who asks: dispatch has settled that. */
#ifndef SR_DAEMON_KEYS_H
#define SR_DAEMON_KEYS_H

#include "daemon/store/sealed.h"
#include "daemon/vault/keycache.h"
#include "daemon/vault/records.h"

struct keys;

/* sealed and backend stay the caller's.  cache_limit: bytes of locked memory. */
SR_RESULT keys_new(struct sealed *sealed, struct backend *backend, size_t cache_limit, struct keys **out);
void keys_free(struct keys *keys);

/* The bits of these key_ops names, or of all that the kty can do when none is
 * given.  *detail, static text, says what is wrong.  Errors: BAD_PARAMETER. */
SR_RESULT key_ops_parse(const struct sr_strs *names, bool given, const char *kty, unsigned *out, const char **detail);
/* Their names, in the arena. */
SR_RESULT key_ops_names(unsigned ops, struct arena *arena, struct sr_strs *out);

/* What a caller may set of a version. */
struct key_settings {
	unsigned ops;
	bool rsa1_5, enabled;
	uint64_t nbf, exp;              /* 0: none */
	const struct sr_tag *tags;
	size_t tags_n;
};

/* A new version, within a change: stores material and attributes, makes the key if
 * it is new, and makes this version the latest.  uri's version is filled in:
 * version ids begin with the time, so that they sort by age, and end at random
 * (random: 10 bytes).  Errors: NOT_FOUND (no such vault), the store's. */
struct key_addition {
	struct sr_uri *uri;
	const struct key_material *material;
	const struct key_settings *settings;
	uint64_t now_ms;
	uint8_t random[10];
	struct arena *arena;
};
SR_RESULT keys_add(struct sealed_txn *txn, const struct key_addition *addition);

/* Fills in uri's version, if it has none, with the key's latest.
 * Errors: NOT_FOUND, the store's. */
SR_RESULT keys_resolve(struct sealed_txn *txn, struct sr_uri *uri, struct arena *arena);
/* Reads a version's record; uri must have its version. */
SR_RESULT keys_record(struct sealed_txn *txn, const struct sr_uri *uri, struct version_record *out, struct arena *arena);
/* Within a change: writes it back. */
SR_RESULT keys_rewrite(struct sealed_txn *txn, const struct sr_uri *uri, const struct version_record *record);
/* After a change of a version, before its reply. */
void keys_changed(struct keys *keys, const struct sr_uri *uri);

/* The kind that a record names.  Errors: CORRUPT. */
SR_RESULT key_kind_of_record(const struct version_record *record, enum key_kind *out);
/* Messages of a record; strings in the arena. */
SR_RESULT key_bundle_of(const struct sr_uri *uri, const struct version_record *record, struct arena *arena, struct sr_key_bundle *out);
SR_RESULT key_item_of(const struct sr_uri *uri, const struct version_record *record, struct arena *arena, struct sr_key_item *out);

/* Opens a version for use; one without a version means the latest.  Give it back
 * with keycache_release.  Errors: NOT_FOUND, CORRUPT, NOMEM, the store's. */
SR_RESULT keys_open(struct keys *keys, const struct sr_uri *uri, struct arena *arena, struct key_entry **out);

/* May this version do op now?  Decrypting goes on after exp, as Azure has it: what
 * was encrypted in time must stay readable.  Errors: DISABLED, NOT_YET_VALID, EXPIRED, KEY_OP. */
SR_RESULT key_entry_check(const struct key_entry *entry, enum key_op op, uint64_t now);

#endif
