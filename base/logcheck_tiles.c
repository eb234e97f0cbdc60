/* SPDX-License-Identifier: Apache-2.0 */
#include "base/logcheck_tiles.h"

#include <string.h>

struct logcheck_tiles {
	struct tile_edge edge;
	const struct segment_list *list;        /* borrowed */
	char (*names)[SEGMENT_NAME_LEN];        /* of list, in its order */
	bool blamed;
	uint64_t blame;                         /* first line that its tile does not know */
	bool wrong;
	unsigned wrong_level;                   /* first tile that is missing or wrong */
	uint64_t wrong_index;
};

/* The first of n hashes that differ; n: none does. */
static unsigned first_other(const tile_hashes a, const tile_hashes b, unsigned n)
{
	unsigned i = 0;

	while (i < n && memcmp(a[i], b[i], MERKLE_HASH_LEN) == 0)
		i++;
	return i;
}

/* A tile of the lines is full: does the one on disk say the same? */
static enum sr_err compare_tile(void *arg, unsigned level, uint64_t index, const tile_hashes hashes)
{
	struct logcheck_tiles *tiles = arg;
	tile_hashes stored;
	enum sr_err err = tile_read(tiles->edge.dirfd, level, index, stored);
	unsigned other = err == SR_OK ? first_other(hashes, stored, TILE_WIDTH) : 0;

	if (err != SR_OK && err != SR_NOT_FOUND && err != SR_CORRUPT)
		return err;
	if (err == SR_OK && other == TILE_WIDTH)
		return SR_OK;
	if (!tiles->wrong) {
		tiles->wrong = true;
		tiles->wrong_level = level;
		tiles->wrong_index = index;
	}
	if (err == SR_OK && level == 0 && !tiles->blamed) {
		tiles->blamed = true;
		tiles->blame = index * TILE_WIDTH + other;
	}
	return SR_OK;
}

SR_RESULT logcheck_tiles_new(int dirfd, struct merkle_hasher *hasher, const struct segment_list *list,
	struct logcheck_tiles **out)
{
	struct logcheck_tiles *tiles = calloc(1, sizeof *tiles);

	if (tiles == NULL)
		return SR_NOMEM;
	tiles->names = calloc(list->n, sizeof *tiles->names);
	if (tiles->names == NULL) {
		free(tiles);
		return SR_NOMEM;
	}
	for (size_t i = 0; i < list->n; i++)
		segment_name(list->v[i].first, SEGMENT_LINES, tiles->names[i]);
	tiles->list = list;
	tiles->edge.dirfd = dirfd;
	tiles->edge.hasher = hasher;
	tiles->edge.sink = compare_tile;
	tiles->edge.arg = tiles;
	*out = tiles;
	return SR_OK;
}

void logcheck_tiles_free(struct logcheck_tiles *tiles)
{
	if (tiles == NULL)
		return;
	free(tiles->names);
	free(tiles);
}

SR_RESULT logcheck_tiles_begin(struct logcheck_tiles *tiles, uint64_t first, struct merkle_range *out)
{
	SR_TRY(tile_edge_load(&tiles->edge, first));
	return merkle_range_load(first, tile_node, &tiles->edge, out);
}

SR_RESULT logcheck_tiles_append(struct logcheck_tiles *tiles, const uint8_t leaf[static MERKLE_HASH_LEN])
{
	return tile_edge_append(&tiles->edge, leaf);
}

bool logcheck_tiles_blame(struct logcheck_tiles *tiles, uint64_t *index)
{
	uint64_t tile = tiles->edge.size / TILE_WIDTH;
	unsigned n = tiles->edge.row[0].n, other;
	tile_hashes stored;

	/* the last lines' tile may be full on disk, where more lines follow */
	if (!tiles->blamed && tile_read(tiles->edge.dirfd, 0, tile, stored) == SR_OK) {
		other = first_other(tiles->edge.row[0].hash, stored, n);
		tiles->blamed = other < n;
		tiles->blame = tile * TILE_WIDTH + other;
	}
	*index = tiles->blame;
	return tiles->blamed;
}

bool logcheck_tiles_wrong(const struct logcheck_tiles *tiles, uint64_t covered, char path[static TILE_PATH_LEN])
{
	unsigned bits = 8 * (tiles->wrong_level + 1);

	/* those behind the checkpoint need not be on the disk yet */
	if (!tiles->wrong || bits >= 64 || tiles->wrong_index >= covered >> bits)
		return false;
	tile_path(tiles->wrong_level, tiles->wrong_index, path);
	return true;
}

const char *logcheck_tiles_file(const struct logcheck_tiles *tiles, uint64_t index)
{
	size_t i = 0;

	while (i + 1 < tiles->list->n && tiles->list->v[i + 1].first <= index)
		i++;
	return tiles->names[i];
}
