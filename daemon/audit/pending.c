/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/audit/pending.h"

#include <string.h>

#define BLOCK_LEAVES 2048

struct leaf_block {
	struct leaf_block *next;        /* leaf_queue.head */
	unsigned from, to;
	uint8_t leaf[BLOCK_LEAVES][MERKLE_HASH_LEN];
};

SR_RESULT leaf_queue_room(struct leaf_queue *queue)
{
	struct leaf_block *block;

	if (queue->tail != NULL && queue->tail->to < BLOCK_LEAVES)
		return SR_OK;
	block = malloc(sizeof *block);
	if (block == NULL)
		return SR_NOMEM;
	block->next = NULL;
	block->from = block->to = 0;
	if (queue->tail != NULL)
		queue->tail->next = block;
	else
		queue->head = block;
	queue->tail = block;
	return SR_OK;
}

void leaf_queue_push(struct leaf_queue *queue, const uint8_t leaf[static MERKLE_HASH_LEN])
{
	memcpy(queue->tail->leaf[queue->tail->to++], leaf, MERKLE_HASH_LEN);
	queue->n++;
}

static void drop_head(struct leaf_queue *queue)
{
	struct leaf_block *block = queue->head;

	queue->head = block->next;
	if (queue->head == NULL)
		queue->tail = NULL;
	free(block);
}

const uint8_t *leaf_queue_first(const struct leaf_queue *queue)
{
	return queue->n > 0 ? queue->head->leaf[queue->head->from] : NULL;
}

void leaf_queue_pop(struct leaf_queue *queue)
{
	queue->n--;
	if (++queue->head->from == queue->head->to)
		drop_head(queue);
}

void leaf_queue_join(struct leaf_queue *queue, struct leaf_queue *from)
{
	if (from->n == 0)
		return;
	if (queue->tail != NULL)
		queue->tail->next = from->head;
	else
		queue->head = from->head;
	queue->tail = from->tail;
	queue->n += from->n;
	*from = (struct leaf_queue){ NULL, NULL, 0 };
}

void leaf_queue_finish(struct leaf_queue *queue)
{
	while (queue->head != NULL)
		drop_head(queue);
	queue->n = 0;
}

SR_RESULT id_list_room(struct id_list *ids, size_t more)
{
	size_t room = ids->room;
	char *p;

	if (ids->room - ids->n >= more)
		return SR_OK;
	while (room - ids->n < more)
		room = room == 0 ? 64 : 2 * room;
	p = realloc(ids->p, room * AUDIT_ID_LEN);
	if (p == NULL)
		return SR_NOMEM;
	ids->p = p;
	ids->room = room;
	return SR_OK;
}

void id_list_push(struct id_list *ids, const char *id)
{
	memcpy(ids->p + ids->n++ * AUDIT_ID_LEN, id, AUDIT_ID_LEN);
}

void id_list_join(struct id_list *ids, struct id_list *from)
{
	if (from->n > 0)
		memcpy(ids->p + ids->n * AUDIT_ID_LEN, from->p, from->n * AUDIT_ID_LEN);
	ids->n += from->n;
	from->n = 0;
}

void id_list_finish(struct id_list *ids)
{
	free(ids->p);
	*ids = (struct id_list){ NULL, 0, 0 };
}
