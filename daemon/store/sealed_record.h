/* SPDX-License-Identifier: Apache-2.0 */
/* One sealed record as bytes: version, revision, nonce, ciphertext with its tag.
 * The format is told in sealed.h; this knows no store and no head.  Any thread. */
#ifndef SR_DAEMON_SEALED_RECORD_H
#define SR_DAEMON_SEALED_RECORD_H

#include "daemon/store/sealed.h"

#define SEALED_NONCE_LEN 24

struct sealed_record {          /* spans into the record's bytes; nothing in it is proven yet */
	uint64_t revision;
	const uint8_t *nonce;   /* SEALED_NONCE_LEN bytes */
	struct sr_bytes body;   /* ciphertext and tag */
};

/* Errors: CORRUPT (too short, or of a version that nobody knows). */
SR_RESULT sealed_record_parse(struct sr_bytes record, struct sealed_record *out);
/* Seals under a random nonce into out, which takes plaintext.n + SEALED_OVERHEAD
 * bytes.  path: as in the store, STORE_PATH_MAX bytes at most. */
void sealed_record_seal(const uint8_t *key, const uint8_t *id, struct sr_str path, uint64_t revision,
	struct sr_bytes plaintext, uint8_t *out);
/* Opens into plaintext, which takes what the record has beyond SEALED_OVERHEAD;
 * NULL: only proves it.  Errors: CORRUPT (and plaintext is zeroed). */
SR_RESULT sealed_record_open(const uint8_t *key, const uint8_t *id, struct sr_str path,
	const struct sealed_record *record, uint8_t *plaintext);
/* XORs the record's part of the set-hash into hash: adds it, or takes it away. */
void sealed_record_hash(const uint8_t *key, struct sr_str path, uint64_t revision, const uint8_t *nonce,
	uint8_t hash[SEALED_HASH_LEN]);

/* Eight bytes, big-endian. */
void sealed_put64(uint8_t *out, uint64_t n);
uint64_t sealed_get64(const uint8_t *in);

#endif
