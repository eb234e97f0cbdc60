/* SPDX-License-Identifier: Apache-2.0 */
/* What was written to the log and is not under a checkpoint yet: the lines' hashes, and
 * the ids of the outbox records that they settle.  Room is got before a line is
 * written, so that taking it in cannot fail afterwards.  No locks of its own. */
#ifndef SR_DAEMON_AUDIT_PENDING_H
#define SR_DAEMON_AUDIT_PENDING_H

#include "base/merkle.h"
#include "daemon/audit/audit.h"

/* Hashes, first in first out. */
struct leaf_queue {
	struct leaf_block *head, *tail;
	uint64_t n;
};

SR_RESULT leaf_queue_room(struct leaf_queue *queue);            /* for one more.  Errors: NOMEM */
void leaf_queue_push(struct leaf_queue *queue, const uint8_t leaf[static MERKLE_HASH_LEN]);
/* The first one, or NULL; valid until leaf_queue_pop. */
const uint8_t *leaf_queue_first(const struct leaf_queue *queue);
void leaf_queue_pop(struct leaf_queue *queue);
/* Puts all of `from` behind what is in the queue, and leaves `from` empty. */
void leaf_queue_join(struct leaf_queue *queue, struct leaf_queue *from);
void leaf_queue_finish(struct leaf_queue *queue);

/* AUDIT_ID_LEN digits each, one behind the other. */
struct id_list {
	char *p;
	size_t n, room;
};

SR_RESULT id_list_room(struct id_list *ids, size_t more);       /* Errors: NOMEM */
void id_list_push(struct id_list *ids, const char *id);
/* Appends all of `from`, for which there must be room, and leaves `from` empty. */
void id_list_join(struct id_list *ids, struct id_list *from);
void id_list_finish(struct id_list *ids);

#endif
