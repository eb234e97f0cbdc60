/* SPDX-License-Identifier: Apache-2.0 */
/* What logcheck does with the hash tiles beside a log's lines: they say which line was
 * changed, stand for lines that are no longer kept, and must fit themselves. */
#ifndef SR_BASE_LOGCHECK_TILES_H
#define SR_BASE_LOGCHECK_TILES_H

#include "base/segment.h"
#include "base/tile.h"

struct logcheck_tiles;

/* All arguments are borrowed.  Errors: NOMEM. */
SR_RESULT logcheck_tiles_new(int dirfd, struct merkle_hasher *hasher, const struct segment_list *list,
	struct logcheck_tiles **out);
void logcheck_tiles_free(struct logcheck_tiles *tiles);         /* NULL is fine */

/* The edge of the tree before the first line, from tiles.  Errors: as tile_edge_load. */
SR_RESULT logcheck_tiles_begin(struct logcheck_tiles *tiles, uint64_t first, struct merkle_range *out);
/* The next line's hash.  Errors: CRYPTO, by errno. */
SR_RESULT logcheck_tiles_append(struct logcheck_tiles *tiles, const uint8_t leaf[static MERKLE_HASH_LEN]);
/* The first line whose hash is not the one in its tile; false: none that we know of. */
bool logcheck_tiles_blame(struct logcheck_tiles *tiles, uint64_t *index);
/* Is a tile missing or wrong, of those that the first covered lines fill? */
bool logcheck_tiles_wrong(const struct logcheck_tiles *tiles, uint64_t covered, char path[static TILE_PATH_LEN]);
/* The name of the segment that holds line index; lives as long as tiles. */
const char *logcheck_tiles_file(const struct logcheck_tiles *tiles, uint64_t index);

#endif
