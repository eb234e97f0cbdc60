/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that wait to share a commit.  Whoever comes while nobody commits
 * leads: it commits what waits, its own change first, and then hands the lead
 * to the next one that waits.  So while one commit waits for the disk, the next
 * one gathers, and nobody leads for longer than one commit. */
#ifndef SR_DAEMON_STORE_QUEUE_H
#define SR_DAEMON_STORE_QUEUE_H

#include <pthread.h>

#include "daemon/store/store.h"

/* The most changes in one commit: bounds what a commit can take in memory
 * (each value has at most STORE_VALUE_MAX bytes) and how long one waits. */
#define STORE_QUEUE_BATCH 64

enum store_change_state { STORE_CHANGE_WAITS, STORE_CHANGE_LEADS, STORE_CHANGE_DONE };

struct store_change {
	store_fn *fn;
	void *arg;
	enum sr_err result;             /* the commit function's to set */
	/* the queue's own */
	enum store_change_state state;  /* guarded by queue.lock */
	struct store_change *next;      /* queue.head */
	pthread_cond_t turn;
};

/* Runs the n changes and commits them together, and sets the result of each. */
typedef void store_commit_fn(void *arg, struct store_change *batch[], size_t n);

struct store_queue {
	pthread_mutex_t lock;
	struct store_change *head, **tail;      /* waiting; guarded by lock */
	bool led;                               /* somebody commits; guarded by lock */
};

void store_queue_init(struct store_queue *queue);
/* Nothing may wait. */
void store_queue_finish(struct store_queue *queue);
/* Returns the change's result when the commit with it in has ended.  Any thread;
 * commit is called on one thread at a time, which may be another caller's. */
SR_RESULT store_queue_run(struct store_queue *queue, store_fn *fn, void *fn_arg, store_commit_fn *commit, void *commit_arg);

#endif
