/* SPDX-License-Identifier: Apache-2.0 */
#include "base/merkle.h"

#include <openssl/evp.h>
#include <string.h>

struct merkle_hasher {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
};

SR_RESULT merkle_hasher_new(struct merkle_hasher **out)
{
	SR_AUTO(merkle_hasher) hasher = calloc(1, sizeof *hasher);

	if (hasher == NULL)
		return SR_NOMEM;
	hasher->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (hasher->sha256 == NULL)
		return SR_CRYPTO;
	hasher->ctx = EVP_MD_CTX_new();
	if (hasher->ctx == NULL)
		return SR_NOMEM;
	*out = SR_TAKE(hasher);
	return SR_OK;
}

void merkle_hasher_free(struct merkle_hasher *hasher)
{
	if (hasher == NULL)
		return;
	EVP_MD_CTX_free(hasher->ctx);
	EVP_MD_free(hasher->sha256);
	free(hasher);
}

/* prefix: 0 for a leaf, 1 for a node, -1 for none (RFC 6962 2.1: it keeps a leaf
 * from being passed off as a node) */
static SR_RESULT digest(struct merkle_hasher *hasher, int prefix, struct sr_bytes a, struct sr_bytes b,
	uint8_t out[static MERKLE_HASH_LEN])
{
	const uint8_t byte = (uint8_t)prefix;
	EVP_MD_CTX *ctx = hasher->ctx;

	if (EVP_DigestInit_ex2(ctx, hasher->sha256, NULL) != 1)
		return SR_CRYPTO;
	if (prefix >= 0 && EVP_DigestUpdate(ctx, &byte, 1) != 1)
		return SR_CRYPTO;
	if ((a.n > 0 && EVP_DigestUpdate(ctx, a.p, a.n) != 1) || (b.n > 0 && EVP_DigestUpdate(ctx, b.p, b.n) != 1))
		return SR_CRYPTO;
	return EVP_DigestFinal_ex(ctx, out, /* size= */ NULL) == 1 ? SR_OK : SR_CRYPTO;
}

SR_RESULT merkle_leaf(struct merkle_hasher *hasher, struct sr_bytes data, uint8_t out[static MERKLE_HASH_LEN])
{
	return digest(hasher, 0, data, (struct sr_bytes){ NULL, 0 }, out);
}

SR_RESULT merkle_node(struct merkle_hasher *hasher, const uint8_t *left, const uint8_t *right,
	uint8_t out[static MERKLE_HASH_LEN])
{
	return digest(hasher, 1, (struct sr_bytes){ left, MERKLE_HASH_LEN }, (struct sr_bytes){ right, MERKLE_HASH_LEN },
		out);
}

SR_RESULT merkle_plain(struct merkle_hasher *hasher, struct sr_bytes data, uint8_t out[static MERKLE_HASH_LEN])
{
	return digest(hasher, -1, data, (struct sr_bytes){ NULL, 0 }, out);
}

static bool bit_of(uint64_t number, unsigned bit)
{
	return (number >> bit & 1) != 0;
}

SR_RESULT merkle_append(struct merkle_hasher *hasher, struct merkle_range *range,
	const uint8_t leaf[static MERKLE_HASH_LEN])
{
	uint8_t hash[MERKLE_HASH_LEN];
	unsigned level = 0;

	memcpy(hash, leaf, sizeof hash);
	for (; bit_of(range->size, level); level++)
		SR_TRY(merkle_node(hasher, range->peak[level], hash, hash));
	memcpy(range->peak[level], hash, sizeof hash);
	range->size++;
	return SR_OK;
}

SR_RESULT merkle_root(struct merkle_hasher *hasher, const struct merkle_range *range,
	uint8_t out[static MERKLE_HASH_LEN])
{
	uint8_t hash[MERKLE_HASH_LEN];
	bool begun = false;

	if (range->size == 0)
		return merkle_plain(hasher, (struct sr_bytes){ NULL, 0 }, out);
	for (unsigned level = 0; level < 64; level++) {
		if (!bit_of(range->size, level))
			continue;
		if (begun)
			SR_TRY(merkle_node(hasher, range->peak[level], hash, hash));
		else
			memcpy(hash, range->peak[level], sizeof hash);
		begun = true;
	}
	memcpy(out, hash, sizeof hash);
	return SR_OK;
}

/* The edge of the subtree over leaves [from, from + n), where from is a multiple of
 * the greatest power of two in n: as for a tree of its own, but fetched there. */
static SR_RESULT edge_load(uint64_t from, uint64_t n, merkle_fetch *fetch, void *arg, struct merkle_range *out)
{
	out->size = n;
	for (unsigned level = 64; level-- > 0;) {
		if (!bit_of(n, level))
			continue;
		SR_TRY(fetch(arg, level, from >> level, out->peak[level]));
		from += UINT64_C(1) << level;
	}
	return SR_OK;
}

SR_RESULT merkle_range_load(uint64_t size, merkle_fetch *fetch, void *arg, struct merkle_range *out)
{
	return edge_load(0, size, fetch, arg, out);
}

/* The greatest power of two below n (n > 1): where RFC 6962 splits n leaves. */
static uint64_t split_of(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

SR_RESULT merkle_prove(struct merkle_hasher *hasher, uint64_t index, uint64_t size, merkle_fetch *fetch, void *arg,
	uint8_t proof[static MERKLE_PROOF_MAX][MERKLE_HASH_LEN], size_t *n)
{
	struct { uint64_t from, n; } sibling[MERKLE_PROOF_MAX];
	uint64_t from = 0, left = size;
	size_t depth = 0;

	if (index >= size)
		return SR_BAD_PARAMETER;
	/* from the root down to the leaf, then the siblings in reverse */
	while (left > 1) {
		uint64_t half = split_of(left);

		if (index - from < half) {
			sibling[depth].from = from + half;
			sibling[depth++].n = left - half;
			left = half;
		} else {
			sibling[depth].from = from;
			sibling[depth++].n = half;
			from += half;
			left -= half;
		}
	}
	for (size_t i = 0; i < depth; i++) {
		struct merkle_range edge;

		SR_TRY(edge_load(sibling[depth - 1 - i].from, sibling[depth - 1 - i].n, fetch, arg, &edge));
		SR_TRY(merkle_root(hasher, &edge, proof[i]));
	}
	*n = depth;
	return SR_OK;
}

/* One step up a proof, as RFC 9162 2.1.3.2 has it: is the next hash of the proof a
 * left sibling?  level is moved up to that sibling's. */
struct climb {
	uint64_t node, last;    /* where we are in this level, and the level's last node */
	unsigned level;
};

static bool climb_is_left(struct climb *climb)
{
	if ((climb->node & 1) == 0 && climb->node != climb->last)
		return false;
	/* a last node without a sibling is carried up as it is */
	while ((climb->node & 1) == 0 && climb->node != 0) {
		climb->node >>= 1;
		climb->last >>= 1;
		climb->level++;
	}
	return true;
}

static void climb_up(struct climb *climb)
{
	climb->node >>= 1;
	climb->last >>= 1;
	climb->level++;
}

SR_RESULT merkle_verify(struct merkle_hasher *hasher, const uint8_t leaf[static MERKLE_HASH_LEN], uint64_t index,
	uint64_t size, const uint8_t (*proof)[MERKLE_HASH_LEN], size_t n, const uint8_t root[static MERKLE_HASH_LEN])
{
	struct climb climb = { .node = index, .last = size - 1 };
	uint8_t hash[MERKLE_HASH_LEN];

	if (index >= size)
		return SR_CORRUPT;
	memcpy(hash, leaf, sizeof hash);
	for (size_t i = 0; i < n; i++) {
		if (climb.last == 0)
			return SR_CORRUPT;
		if (climb_is_left(&climb))
			SR_TRY(merkle_node(hasher, proof[i], hash, hash));
		else
			SR_TRY(merkle_node(hasher, hash, proof[i], hash));
		climb_up(&climb);
	}
	return climb.last == 0 && memcmp(hash, root, sizeof hash) == 0 ? SR_OK : SR_CORRUPT;
}

SR_RESULT merkle_range_from_proof(uint64_t index, uint64_t size, const uint8_t (*proof)[MERKLE_HASH_LEN], size_t n,
	struct merkle_range *out)
{
	struct climb climb = { .node = index, .last = size - 1 };
	uint64_t found = 0;

	if (index >= size)
		return SR_CORRUPT;
	for (size_t i = 0; i < n; i++) {
		if (climb.last == 0)
			return SR_CORRUPT;
		if (climb_is_left(&climb)) {
			memcpy(out->peak[climb.level], proof[i], MERKLE_HASH_LEN);
			found |= UINT64_C(1) << climb.level;
		}
		climb_up(&climb);
	}
	if (climb.last != 0 || found != index)
		return SR_CORRUPT;
	out->size = index;
	return SR_OK;
}
