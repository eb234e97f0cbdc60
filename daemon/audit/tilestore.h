/* SPDX-License-Identifier: Apache-2.0 */
/* Writes hash tiles and makes them durable, many to one sync.  One thread at a time. */
#ifndef SR_DAEMON_AUDIT_TILESTORE_H
#define SR_DAEMON_AUDIT_TILESTORE_H

#include "base/tile.h"

#define TILESTORE_BATCH 64

struct tilestore {
	int dirfd;              /* borrowed */
	unsigned n;
	int fd[TILESTORE_BATCH];                        /* written, not synced yet */
	char directory[TILESTORE_BATCH][TILE_PATH_LEN]; /* of each */
};

/* Writes a tile (a tile_sink; arg is the tilestore).  Errors: by errno. */
enum sr_err tilestore_put(void *arg, unsigned level, uint64_t index, const tile_hashes hashes);
/* Makes all of them durable.  Errors: by errno; they must be put again. */
SR_RESULT tilestore_sync(struct tilestore *store);
/* Closes what is open, without a sync. */
void tilestore_finish(struct tilestore *store);

#endif
