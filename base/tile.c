/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"

#define TILE_BITS 8

void tile_path(unsigned level, uint64_t index, char out[static TILE_PATH_LEN])
{
	unsigned group[7];
	size_t n = 0;
	int at;

	do {
		group[n++] = (unsigned)(index % 1000);
		index /= 1000;
	} while (index > 0);
	at = snprintf(out, TILE_PATH_LEN, "tile/%u", level);
	while (n-- > 0)
		at += snprintf(out + at, (size_t)(TILE_PATH_LEN - at), n > 0 ? "/x%03u" : "/%03u", group[n]);
}

SR_RESULT tile_read(int dirfd, unsigned level, uint64_t index, tile_hashes out)
{
	char path[TILE_PATH_LEN];
	SR_AUTO_FD fd = -1;
	struct stat st;

	tile_path(level, index, path);
	fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR ? SR_NOT_FOUND : sr_err_from_errno(errno);
	if (fstat(fd, &st) != 0)
		return sr_err_from_errno(errno);
	if (!S_ISREG(st.st_mode) || st.st_size != TILE_BYTES)
		return SR_CORRUPT;
	return io_read_full(fd, out, TILE_BYTES);
}

/* The root over n hashes, n a power of two up to TILE_WIDTH. */
static SR_RESULT subtree(struct merkle_hasher *hasher, const uint8_t (*hash)[MERKLE_HASH_LEN], unsigned n,
	uint8_t out[static MERKLE_HASH_LEN])
{
	uint8_t level[TILE_WIDTH / 2][MERKLE_HASH_LEN];

	if (n == 1) {
		memcpy(out, hash[0], MERKLE_HASH_LEN);
		return SR_OK;
	}
	for (unsigned i = 0; i < n / 2; i++)
		SR_TRY(merkle_node(hasher, hash[2 * i], hash[2 * i + 1], level[i]));
	for (n /= 2; n > 1; n /= 2)
		for (unsigned i = 0; i < n / 2; i++)
			SR_TRY(merkle_node(hasher, level[2 * i], level[2 * i + 1], level[i]));
	memcpy(out, level[0], MERKLE_HASH_LEN);
	return SR_OK;
}

/* How many complete nodes the row has, full tiles included. */
static uint64_t row_size(const struct tile_edge *edge, unsigned row)
{
	return edge->size >> (TILE_BITS * row);
}

/* The hashes of a row's last tile, which is not full: from the tile itself where more
 * leaves than size made it full, else as the roots of the tiles below it. */
static SR_RESULT row_load(struct tile_edge *edge, unsigned row)
{
	uint64_t tile = row_size(edge, row) / TILE_WIDTH;
	unsigned n = (unsigned)(row_size(edge, row) % TILE_WIDTH);
	enum sr_err err;
	tile_hashes below;

	edge->row[row].n = n;
	if (n == 0)
		return SR_OK;
	err = tile_read(edge->dirfd, row, tile, edge->row[row].hash);
	if (err != SR_NOT_FOUND || row == 0)
		return err;
	for (unsigned i = 0; i < n; i++) {
		SR_TRY(tile_read(edge->dirfd, row - 1, tile * TILE_WIDTH + i, below));
		SR_TRY(subtree(edge->hasher, below, TILE_WIDTH, edge->row[row].hash[i]));
	}
	return SR_OK;
}

SR_RESULT tile_edge_load(struct tile_edge *edge, uint64_t size)
{
	edge->size = size;
	for (unsigned row = 0; row < TILE_LEVELS; row++)
		SR_TRY(row_load(edge, row));
	return SR_OK;
}

static SR_RESULT row_push(struct tile_edge *edge, unsigned row, const uint8_t hash[static MERKLE_HASH_LEN])
{
	unsigned *n = &edge->row[row].n;
	uint8_t root[MERKLE_HASH_LEN];

	memcpy(edge->row[row].hash[*n], hash, MERKLE_HASH_LEN);
	if (*n + 1 < TILE_WIDTH) {
		++*n;
		return SR_OK;
	}
	/* n is left as it is until all of it worked, so that it can be done again */
	SR_TRY(edge->sink(edge->arg, row, edge->size >> (TILE_BITS * (row + 1)), edge->row[row].hash));
	if (row + 1 < TILE_LEVELS) {
		SR_TRY(subtree(edge->hasher, edge->row[row].hash, TILE_WIDTH, root));
		SR_TRY(row_push(edge, row + 1, root));
	}
	*n = 0;
	return SR_OK;
}

SR_RESULT tile_edge_append(struct tile_edge *edge, const uint8_t leaf[static MERKLE_HASH_LEN])
{
	SR_TRY(row_push(edge, 0, leaf));
	edge->size++;
	return SR_OK;
}

enum sr_err tile_node(void *arg, unsigned level, uint64_t index, uint8_t out[static MERKLE_HASH_LEN])
{
	struct tile_edge *edge = arg;
	unsigned row = level / TILE_BITS, n = 1U << level % TILE_BITS;
	uint64_t first = index << level % TILE_BITS, tile = first / TILE_WIDTH;
	unsigned at = (unsigned)(first % TILE_WIDTH);
	tile_hashes hashes;

	if (row >= TILE_LEVELS || first >> level % TILE_BITS != index)
		return SR_NOT_FOUND;
	if (tile == row_size(edge, row) / TILE_WIDTH && at + n <= edge->row[row].n)
		return subtree(edge->hasher, edge->row[row].hash + at, n, out);
	if (tile >= row_size(edge, row) / TILE_WIDTH)
		return SR_NOT_FOUND;
	SR_TRY(tile_read(edge->dirfd, row, tile, hashes));
	return subtree(edge->hasher, hashes + at, n, out);
}
