/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/store_queue.h"

void store_queue_init(struct store_queue *queue)
{
	*queue = (struct store_queue){ .head = NULL };
	queue->tail = &queue->head;
	SR_ASSERT(pthread_mutex_init(&queue->lock, /* attr= */ NULL) == 0);
}

void store_queue_finish(struct store_queue *queue)
{
	SR_ASSERT(queue->head == NULL && !queue->led);
	(void)pthread_mutex_destroy(&queue->lock);
}

static void append(struct store_queue *queue, struct store_change *change)
{
	*queue->tail = change;
	queue->tail = &change->next;
}

static struct store_change *take(struct store_queue *queue)
{
	struct store_change *change = queue->head;

	queue->head = change->next;
	if (queue->head == NULL)
		queue->tail = &queue->head;
	return change;
}

/* Waits until the change is done or leads. */
static void wait_turn(struct store_queue *queue, struct store_change *change)
{
	if (!queue->led) {
		queue->led = true;
		change->state = STORE_CHANGE_LEADS;
	}
	while (change->state == STORE_CHANGE_WAITS)
		(void)pthread_cond_wait(&change->turn, &queue->lock);
}

/* The lock is held, except while the commit runs. */
static void lead(struct store_queue *queue, store_commit_fn *commit, void *commit_arg)
{
	struct store_change *batch[STORE_QUEUE_BATCH];
	size_t n = 0;

	while (queue->head != NULL && n < STORE_QUEUE_BATCH)
		batch[n++] = take(queue);
	(void)pthread_mutex_unlock(&queue->lock);
	commit(commit_arg, batch, n);
	(void)pthread_mutex_lock(&queue->lock);

	for (size_t i = 0; i < n; i++) {
		batch[i]->state = STORE_CHANGE_DONE;
		(void)pthread_cond_signal(&batch[i]->turn);
	}
	queue->led = queue->head != NULL;
	if (queue->led) {
		queue->head->state = STORE_CHANGE_LEADS;
		(void)pthread_cond_signal(&queue->head->turn);
	}
}

SR_RESULT store_queue_run(struct store_queue *queue, store_fn *fn, void *fn_arg, store_commit_fn *commit, void *commit_arg)
{
	struct store_change change = { .fn = fn, .arg = fn_arg, .state = STORE_CHANGE_WAITS };

	SR_ASSERT(pthread_cond_init(&change.turn, /* attr= */ NULL) == 0);
	(void)pthread_mutex_lock(&queue->lock);
	append(queue, &change);
	wait_turn(queue, &change);
	if (change.state == STORE_CHANGE_LEADS)
		lead(queue, commit, commit_arg);
	(void)pthread_mutex_unlock(&queue->lock);
	(void)pthread_cond_destroy(&change.turn);
	return change.result;
}
