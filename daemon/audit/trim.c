/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes the oldest segments beyond keep_bytes.  Nobody shall be able to do that by hand
 * unseen, so the log says it first, in a line of its own; only when a checkpoint
 * covers that line do the files go.  Hashes stay: tiles of the levels above the leaves. */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "daemon/audit/internal.h"

/* The index before which lines may go: the oldest segments that are too many, whose
 * hashes are all in full tiles. */
static uint64_t may_go(struct audit *audit)
{
	uint64_t in_tiles = audit->newest.size / TILE_WIDTH * TILE_WIDTH, bytes = 0, to = 0;

	for (size_t i = 0; i < audit->closed.n; i++)
		bytes += audit->closed.v[i].bytes;
	for (size_t i = 0; i < audit->closed.n && bytes > audit->options.keep_bytes; i++) {
		uint64_t end = i + 1 < audit->closed.n ? audit->closed.v[i + 1].first : audit->writer.first;

		if (end > in_tiles)
			break;
		bytes -= audit->closed.v[i].bytes;
		to = end;
	}
	return to;
}

static void announce(struct audit *audit)
{
	char members[64];

	pthread_mutex_lock(&audit->lock);
	audit->trim_to = audit->damage[0] == '\0' && audit->fault[0] == '\0' ? may_go(audit) : 0;
	if (audit->trim_to > 0) {
		(void)snprintf(members, sizeof members, "\"firstKept\":%" PRIu64 ",", audit->trim_to);
		if (append_own(audit, "AuditTrimmed", members) != SR_OK)
			audit->trim_to = 0;
	}
	pthread_mutex_unlock(&audit->lock);
}

static void delete_file(struct audit *audit, uint64_t first, const char *suffix)
{
	char name[SEGMENT_NAME_LEN];

	segment_name(first, suffix, name);
	(void)unlinkat(audit->options.dirfd, name, 0);
}

/* Leaf tiles of lines that are gone, where the level above has their roots: the newest
 * first, until there is none, since those before went earlier. */
static void delete_tiles(struct audit *audit, uint64_t to)
{
	uint64_t tile = audit->edge.size / TILE_WIDTH / TILE_WIDTH * TILE_WIDTH;
	char path[TILE_PATH_LEN];

	if (to / TILE_WIDTH < tile)
		tile = to / TILE_WIDTH;
	while (tile-- > 0) {
		tile_path(0, tile, path);
		if (unlinkat(audit->options.dirfd, path, 0) != 0)
			return;
	}
}

/* Takes the oldest segment off the list, so that no reader looks for it. */
static bool take_oldest(struct audit *audit, uint64_t *first)
{
	struct segment_list *closed = &audit->closed;
	bool found;

	pthread_mutex_lock(&audit->lock);
	found = closed->n > 0 && closed->v[0].first < audit->trim_to;
	if (found) {
		*first = closed->v[0].first;
		memmove(closed->v, closed->v + 1, --closed->n * sizeof *closed->v);
	}
	pthread_mutex_unlock(&audit->lock);
	return found;
}

static void delete_announced(struct audit *audit)
{
	uint64_t first;

	while (take_oldest(audit, &first)) {
		delete_file(audit, first, SEGMENT_LINES);
		delete_file(audit, first, SEGMENT_CHECKPOINT);
	}
	delete_tiles(audit, audit->trim_to);
	log_info("audit log: the lines before %" PRIu64 " were deleted (audit_keep)", audit->trim_to);
	audit->trim_to = 0;
}

void trim_run(struct audit *audit)
{
	/* not while the start's check still reads them */
	if (audit->options.keep_bytes == 0 || atomic_load(&audit->recheck_runs))
		return;
	/* announced in an earlier round, so this one's checkpoint covers the line that says it */
	if (audit->trim_to > 0)
		delete_announced(audit);
	if (audit->trim_to == 0)
		announce(audit);
}
