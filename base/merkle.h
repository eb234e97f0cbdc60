/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree of RFC 6962 (SHA-256), as arithmetic: no files, no locks.  A node
 * is named by its level (leaves are 0) and its index in that level; it is complete
 * when all 2^level leaves below it exist, and never changes from then on. */
#ifndef SR_BASE_MERKLE_H
#define SR_BASE_MERKLE_H

#include "base/result.h"

#define MERKLE_HASH_LEN  32
#define MERKLE_PROOF_MAX 64     /* hashes in the longest proof */

/* SHA-256, fetched once and used again and again; one thread at a time. */
struct merkle_hasher;

/* Errors: NOMEM, CRYPTO (no SHA-256 in libcrypto). */
SR_RESULT merkle_hasher_new(struct merkle_hasher **out);
void merkle_hasher_free(struct merkle_hasher *hasher);          /* NULL is fine */
SR_DEFINE_AUTO(merkle_hasher, merkle_hasher_free)

/* Hash of a leaf, of an inner node, and of these bytes plain.  out may be one of the
 * inputs.  Errors: CRYPTO. */
SR_RESULT merkle_leaf(struct merkle_hasher *hasher, struct sr_bytes data, uint8_t out[static MERKLE_HASH_LEN]);
SR_RESULT merkle_node(struct merkle_hasher *hasher, const uint8_t *left, const uint8_t *right,
	uint8_t out[static MERKLE_HASH_LEN]);
SR_RESULT merkle_plain(struct merkle_hasher *hasher, struct sr_bytes data, uint8_t out[static MERKLE_HASH_LEN]);

/* The right edge of a tree: the roots of the complete subtrees that its size is the
 * sum of.  peak[i] counts when bit i of size is set.  Zeroed it is the empty tree. */
struct merkle_range {
	uint64_t size;
	uint8_t peak[64][MERKLE_HASH_LEN];
};

/* One more leaf.  Errors: CRYPTO, and the range is as before. */
SR_RESULT merkle_append(struct merkle_hasher *hasher, struct merkle_range *range,
	const uint8_t leaf[static MERKLE_HASH_LEN]);
/* The root of the tree that ends in this edge. */
SR_RESULT merkle_root(struct merkle_hasher *hasher, const struct merkle_range *range,
	uint8_t out[static MERKLE_HASH_LEN]);

/* Gives the hash of a complete node; its errors come through to the caller. */
typedef enum sr_err merkle_fetch(void *arg, unsigned level, uint64_t index, uint8_t out[static MERKLE_HASH_LEN]);

/* The edge of the first size leaves, from stored nodes. */
SR_RESULT merkle_range_load(uint64_t size, merkle_fetch *fetch, void *arg, struct merkle_range *out);

/* The inclusion proof (audit path) of leaf index in the tree of the first size leaves;
 * the leaf's sibling comes first.  Errors: BAD_PARAMETER (index is not below size). */
SR_RESULT merkle_prove(struct merkle_hasher *hasher, uint64_t index, uint64_t size, merkle_fetch *fetch, void *arg,
	uint8_t proof[static MERKLE_PROOF_MAX][MERKLE_HASH_LEN], size_t *n);
/* Does the proof lead from the leaf's hash to the root?  Proof and numbers are
 * untrusted.  Errors: CORRUPT (it does not), CRYPTO. */
SR_RESULT merkle_verify(struct merkle_hasher *hasher, const uint8_t leaf[static MERKLE_HASH_LEN], uint64_t index,
	uint64_t size, const uint8_t (*proof)[MERKLE_HASH_LEN], size_t n, const uint8_t root[static MERKLE_HASH_LEN]);
/* The edge of the first index leaves, which a proof of leaf index holds: its left
 * siblings.  To be trusted as far as the proof, so merkle_verify it first.
 * Errors: CORRUPT (not a proof of such a leaf). */
SR_RESULT merkle_range_from_proof(uint64_t index, uint64_t size, const uint8_t (*proof)[MERKLE_HASH_LEN], size_t n,
	struct merkle_range *out);

#endif
