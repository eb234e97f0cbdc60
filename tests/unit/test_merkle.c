/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of RFC 6962, held against its recursive definition written out plainly, and
 * its tiles. */
#include <criterion/criterion.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/io.h"
#include "base/merkle.h"
#include "base/str.h"
#include "base/tile.h"
#include "scratch.h"

#define LEAVES 131

static struct merkle_hasher *hasher;
static uint8_t leaf[LEAVES][MERKLE_HASH_LEN];

/* ---- RFC 6962 2.1, word for word ---- */

static void naive_node(const uint8_t *left, const uint8_t *right, uint8_t *out)
{
	uint8_t buf[65] = { 1 };

	memcpy(buf + 1, left, 32);
	memcpy(buf + 33, right, 32);
	SHA256(buf, sizeof buf, out);
}

static size_t naive_split(size_t n)
{
	size_t k = 1;

	while (2 * k < n)
		k *= 2;
	return k;
}

static void naive_root(size_t from, size_t n, uint8_t *out)
{
	uint8_t left[32], right[32];

	if (n == 0) {
		SHA256(NULL, 0, out);
	} else if (n == 1) {
		memcpy(out, leaf[from], 32);
	} else {
		naive_root(from, naive_split(n), left);
		naive_root(from + naive_split(n), n - naive_split(n), right);
		naive_node(left, right, out);
	}
}

static size_t naive_path(size_t m, size_t from, size_t n, uint8_t (*out)[32])
{
	size_t k, depth;

	if (n == 1)
		return 0;
	k = naive_split(n);
	if (m < k) {
		depth = naive_path(m, from, k, out);
		naive_root(from + k, n - k, out[depth]);
	} else {
		depth = naive_path(m - k, from + k, n - k, out);
		naive_root(from, k, out[depth]);
	}
	return depth + 1;
}

static enum sr_err naive_fetch(void *arg, unsigned level, uint64_t index, uint8_t *out)
{
	uint64_t size = *(uint64_t *)arg;

	cr_assert_leq((index + 1) << level, size, "asked for a node that is not complete");
	naive_root(index << level, (size_t)1 << level, out);
	return SR_OK;
}

static void set_up(void)
{
	cr_assert_eq(merkle_hasher_new(&hasher), SR_OK);
	for (size_t i = 0; i < LEAVES; i++) {
		char line[32];
		uint8_t buf[33] = { 0 };
		int n = snprintf(line, sizeof line, "{\"seq\":%zu}", i);

		memcpy(buf + 1, line, (size_t)n);
		SHA256(buf, (size_t)n + 1, leaf[i]);
	}
}

static void tear_down(void)
{
	merkle_hasher_free(hasher);
}

TestSuite(merkle, .init = set_up, .fini = tear_down);

static void assert_hex(const uint8_t *hash, const char *expected)
{
	char text[65];

	hex_encode((struct sr_bytes){ hash, 32 }, text);
	cr_assert_str_eq(text, expected);
}

Test(merkle, gives_known_answers)
{
	/* of the eight leaves that Certificate Transparency's implementations test with */
	static const struct { const char *text; size_t n; } input[8] = {
		{ "", 0 }, { "\x00", 1 }, { "\x10", 1 }, { "\x20\x21", 2 }, { "\x30\x31", 2 }, { "\x40\x41\x42\x43", 4 },
		{ "\x50\x51\x52\x53\x54\x55\x56\x57", 8 },
		{ "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16 },
	};
	static const char *root_of[9] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	};
	struct merkle_range range = { .size = 0 };
	uint8_t hash[32];

	for (size_t i = 0; i <= 8; i++) {
		cr_assert_eq(merkle_root(hasher, &range, hash), SR_OK);
		assert_hex(hash, root_of[i]);
		if (i == 8)
			break;
		cr_assert_eq(merkle_leaf(hasher, (struct sr_bytes){ (const uint8_t *)input[i].text, input[i].n }, hash), SR_OK);
		cr_assert_eq(merkle_append(hasher, &range, hash), SR_OK);
	}
}

Test(merkle, hashes_leaves_and_nodes_apart)
{
	uint8_t pair[64], a[32], b[32];

	memcpy(pair, leaf[0], 32);
	memcpy(pair + 32, leaf[1], 32);
	cr_assert_eq(merkle_node(hasher, leaf[0], leaf[1], a), SR_OK);
	cr_assert_eq(merkle_leaf(hasher, (struct sr_bytes){ pair, 64 }, b), SR_OK);
	cr_assert_neq(memcmp(a, b, 32), 0);
	naive_node(leaf[0], leaf[1], b);
	cr_assert_arr_eq(a, b, 32);
}

Test(merkle, root_follows_the_definition_at_every_size)
{
	struct merkle_range range = { .size = 0 }, loaded;

	for (uint64_t size = 0; size <= LEAVES; size++) {
		uint8_t root[32], naive[32];

		naive_root(0, size, naive);
		cr_assert_eq(merkle_root(hasher, &range, root), SR_OK);
		cr_assert_arr_eq(root, naive, 32, "size %zu", (size_t)size);
		cr_assert_eq(merkle_range_load(size, naive_fetch, &size, &loaded), SR_OK);
		cr_assert_eq(merkle_root(hasher, &loaded, root), SR_OK);
		cr_assert_arr_eq(root, naive, 32, "size %zu", (size_t)size);
		if (size < LEAVES)
			cr_assert_eq(merkle_append(hasher, &range, leaf[size]), SR_OK);
	}
}

Test(merkle, proof_follows_the_definition_for_every_leaf_of_every_size)
{
	for (uint64_t size = 1; size <= LEAVES; size++) {
		uint8_t root[32];

		naive_root(0, size, root);
		for (uint64_t index = 0; index < size; index++) {
			uint8_t proof[MERKLE_PROOF_MAX][32], naive[MERKLE_PROOF_MAX][32];
			struct merkle_range range;
			uint8_t left[32], expected[32];
			size_t n, naive_n;

			naive_n = naive_path(index, 0, size, naive);
			cr_assert_eq(merkle_prove(hasher, index, size, naive_fetch, &size, proof, &n), SR_OK);
			cr_assert_eq(n, naive_n, "leaf %zu of %zu", (size_t)index, (size_t)size);
			cr_assert_eq(n == 0 || memcmp(proof, naive, n * 32) == 0, true, "leaf %zu of %zu", (size_t)index, (size_t)size);
			cr_assert_eq(merkle_verify(hasher, leaf[index], index, size, proof, n, root), SR_OK);
			/* its left siblings are the tree of the leaves before it */
			cr_assert_eq(merkle_range_from_proof(index, size, proof, n, &range), SR_OK);
			cr_assert_eq(merkle_root(hasher, &range, left), SR_OK);
			naive_root(0, index, expected);
			cr_assert_arr_eq(left, expected, 32);
		}
	}
}

Test(merkle, refuses_every_proof_that_was_tampered_with)
{
	for (uint64_t size = 1; size <= 40; size++) {
		uint8_t root[32];

		naive_root(0, size, root);
		for (uint64_t index = 0; index < size; index++) {
			uint8_t proof[MERKLE_PROOF_MAX][32];
			size_t n;

			cr_assert_eq(merkle_prove(hasher, index, size, naive_fetch, &size, proof, &n), SR_OK);
			for (size_t i = 0; i < n; i++) {
				proof[i][i % 32] ^= 1;
				cr_assert_eq(merkle_verify(hasher, leaf[index], index, size, proof, n, root), SR_CORRUPT);
				proof[i][i % 32] ^= 1;
			}
			if (n > 0)
				cr_assert_eq(merkle_verify(hasher, leaf[index], index, size, proof, n - 1, root), SR_CORRUPT);
			memcpy(proof[n], root, 32);
			cr_assert_eq(merkle_verify(hasher, leaf[index], index, size, proof, n + 1, root), SR_CORRUPT);
			for (uint64_t other = 0; other < size; other++)
				if (other != index)
					cr_assert_eq(merkle_verify(hasher, leaf[index], other, size, proof, n, root), SR_CORRUPT);
			cr_assert_eq(merkle_verify(hasher, leaf[(index + 1) % LEAVES], index, size, proof, n, root), SR_CORRUPT);
			cr_assert_eq(merkle_verify(hasher, leaf[index], size, size, proof, n, root), SR_CORRUPT);
			cr_assert_eq(merkle_verify(hasher, leaf[index], index, 0, proof, n, root), SR_CORRUPT);
		}
	}
}

Test(merkle, refuses_to_prove_what_is_not_there)
{
	uint8_t proof[MERKLE_PROOF_MAX][32];
	uint64_t size = 3;
	size_t n;

	cr_assert_eq(merkle_prove(hasher, 3, 3, naive_fetch, &size, proof, &n), SR_BAD_PARAMETER);
	cr_assert_eq(merkle_prove(hasher, 0, 0, naive_fetch, &size, proof, &n), SR_BAD_PARAMETER);
}

Test(merkle, survives_proofs_of_absurd_sizes)
{
	uint8_t proof[MERKLE_PROOF_MAX][32] = { { 0 } };
	struct merkle_range range;

	cr_assert_eq(merkle_verify(hasher, leaf[0], UINT64_MAX - 1, UINT64_MAX, proof, 64, leaf[1]), SR_CORRUPT);
	cr_assert_eq(merkle_verify(hasher, leaf[0], 0, UINT64_MAX, proof, 64, leaf[1]), SR_CORRUPT);
	cr_assert_eq(merkle_range_from_proof(UINT64_MAX - 1, UINT64_MAX, proof, 3, &range), SR_CORRUPT);
	cr_assert_eq(merkle_range_from_proof(0, 0, proof, 0, &range), SR_CORRUPT);
}

/* ---- tiles ---- */

struct tiles {
	struct scratch scratch;
	unsigned stored[TILE_LEVELS];
	unsigned fail;          /* refuse that many first */
};

static void make_parents(int dirfd, char *path)
{
	for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdirat(dirfd, path, 0700);
		*slash = '/';
	}
}

static enum sr_err store_tile(void *arg, unsigned level, uint64_t index, const tile_hashes hashes)
{
	struct tiles *tiles = arg;
	char path[TILE_PATH_LEN];

	if (tiles->fail > 0) {
		tiles->fail--;
		return SR_NO_ROOM;
	}
	tile_path(level, index, path);
	make_parents(tiles->scratch.fd, path);
	tiles->stored[level]++;
	return io_replace_file(tiles->scratch.fd, path, hashes, TILE_BYTES, 0600);
}

static void numbered_leaf(uint64_t index, uint8_t *out)
{
	cr_assert_eq(merkle_leaf(hasher, (struct sr_bytes){ (const uint8_t *)&index, sizeof index }, out), SR_OK);
}

Test(merkle, tiles_are_named_as_c2sp_says)
{
	char path[TILE_PATH_LEN];

	tile_path(0, 0, path);
	cr_assert_str_eq(path, "tile/0/000");
	tile_path(1, 999, path);
	cr_assert_str_eq(path, "tile/1/999");
	tile_path(3, 1234067, path);
	cr_assert_str_eq(path, "tile/3/x001/x234/067");
	tile_path(7, UINT64_MAX, path);
	cr_assert_str_eq(path, "tile/7/x018/x446/x744/x073/x709/x551/615");
}

Test(merkle, tiles_give_every_root_and_survive_a_failing_disk, .timeout = 120)
{
	enum { N = 256 * 256 * 2 + 700 };
	SR_AUTO_FREE struct tile_edge *edge = calloc(1, sizeof *edge), *loaded = calloc(1, sizeof *loaded);
	struct merkle_range range = { .size = 0 }, got;
	struct tiles tiles = { .fail = 2 };
	uint8_t hash[32], a[32], b[32];

	cr_assert(edge != NULL && loaded != NULL);
	scratch_make(&tiles.scratch);
	edge->dirfd = tiles.scratch.fd;
	edge->hasher = hasher;
	edge->sink = store_tile;
	edge->arg = &tiles;
	*loaded = *edge;
	for (uint64_t i = 0; i < N; i++) {
		numbered_leaf(i, hash);
		for (enum sr_err err; (err = tile_edge_append(edge, hash)) != SR_OK;)
			cr_assert_eq(err, SR_NO_ROOM);
		if (i == 65534)
			tiles.fail = 1; /* the next leaf fills a tile of each of two levels */
		cr_assert_eq(merkle_append(hasher, &range, hash), SR_OK);
		if (i % 9973 != 0 && i < N - 3 && i % 65536 > 1 && i % 65536 < 65533)
			continue;
		cr_assert_eq(merkle_root(hasher, &range, a), SR_OK);
		cr_assert_eq(merkle_range_load(i + 1, tile_node, edge, &got), SR_OK);
		cr_assert_eq(merkle_root(hasher, &got, b), SR_OK);
		cr_assert_arr_eq(a, b, 32, "size %zu", (size_t)i + 1);
		if ((i + 1) % 256 != 0)         /* an edge inside a tile that is not full yet has no file */
			continue;
		cr_assert_eq(tile_edge_load(loaded, i + 1), SR_OK);
		cr_assert_eq(merkle_range_load(i + 1, tile_node, loaded, &got), SR_OK);
		cr_assert_eq(merkle_root(hasher, &got, b), SR_OK);
		cr_assert_arr_eq(a, b, 32, "size %zu", (size_t)i + 1);
	}
	cr_assert_eq(tiles.stored[0], N / 256);
	cr_assert_eq(tiles.stored[1], 2);
	/* any smaller tree whose edge lies in full tiles can be loaded as well */
	cr_assert_eq(tile_edge_load(loaded, 70001), SR_OK);
	cr_assert_eq(merkle_range_load(70001, tile_node, loaded, &got), SR_OK);
	cr_assert_eq(merkle_root(hasher, &got, b), SR_OK);
	range.size = 0;
	for (uint64_t i = 0; i < 70001; i++) {
		numbered_leaf(i, hash);
		cr_assert_eq(merkle_append(hasher, &range, hash), SR_OK);
	}
	cr_assert_eq(merkle_root(hasher, &range, a), SR_OK);
	cr_assert_arr_eq(a, b, 32);
	cr_assert_eq(tile_node(edge, 0, N, hash), SR_NOT_FOUND);
	cr_assert_eq(tile_node(edge, 64, 0, hash), SR_NOT_FOUND);
	cr_assert_eq(tile_node(edge, 7, UINT64_MAX, hash), SR_NOT_FOUND);
	scratch_remove(&tiles.scratch);
}
