/* SPDX-License-Identifier: Apache-2.0 */
/* Hash tiles (C2SP tlog-tiles): the Merkle tree on disk, 256 hashes of one level of
 * eight to a file, tile/LEVEL/xNNN/.../NNN.  Only full tiles are stored; the edge
 * that is not full yet is kept in memory by who appends. */
#ifndef SR_BASE_TILE_H
#define SR_BASE_TILE_H

#include "base/merkle.h"

#define TILE_WIDTH    256
#define TILE_LEVELS   8         /* 8 * 8 levels of the tree */
#define TILE_PATH_LEN 48
#define TILE_BYTES    (TILE_WIDTH * MERKLE_HASH_LEN)

typedef uint8_t tile_hashes[TILE_WIDTH][MERKLE_HASH_LEN];

/* Writes the tile's path below the log's directory, such as tile/0/x001/234. */
void tile_path(unsigned level, uint64_t index, char out[static TILE_PATH_LEN]);
/* Reads a full tile.  Errors: NOT_FOUND, CORRUPT (not of a tile's length), by errno. */
SR_RESULT tile_read(int dirfd, unsigned level, uint64_t index, tile_hashes out);

/* Takes a tile that became full.  Errors: any; the append that filled it fails so. */
typedef enum sr_err tile_sink(void *arg, unsigned level, uint64_t index, const tile_hashes hashes);

/* The tree of the first size leaves: the tiles of each level that are not full yet;
 * the full ones are below dirfd.  64 KiB; one thread at a time. */
struct tile_edge {
	uint64_t size;
	int dirfd;                      /* borrowed */
	struct merkle_hasher *hasher;   /* borrowed */
	tile_sink *sink;
	void *arg;
	struct {
		unsigned n;
		tile_hashes hash;
	} row[TILE_LEVELS];
};

/* The edge of the first size leaves, from the tiles below dirfd.  They are believed:
 * compare the root.  Errors: NOT_FOUND and CORRUPT (tiles are missing or damaged), by errno. */
SR_RESULT tile_edge_load(struct tile_edge *edge, uint64_t size);
/* One more leaf.  When it fills tiles they go to the sink first, the lowest first; when
 * the sink fails the edge is as before, and the same tiles go there again next time. */
SR_RESULT tile_edge_append(struct tile_edge *edge, const uint8_t leaf[static MERKLE_HASH_LEN]);
/* The hash of a complete node; arg is the edge (a merkle_fetch).  Errors: NOT_FOUND (not
 * complete, or its tile is missing), CORRUPT, by errno. */
enum sr_err tile_node(void *arg, unsigned level, uint64_t index, uint8_t out[static MERKLE_HASH_LEN]);

#endif
