/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/pool.h"

#include <pthread.h>

#include "daemon/backend/locked.h"
#include "daemon/net/conn.h"
#include "daemon/net/thread.h"

struct pool_thread {
	struct pool *pool;
	pthread_t thread;
	struct workspace workspace;
	int64_t serves;                 /* a uid, or -1; guarded by pool.lock */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t pushed;
	struct conn *queue, **queue_end;        /* guarded by lock */
	bool stopping;                          /* guarded by lock */
	size_t started, joined;
	size_t size;
	struct pool_thread threads[];
};

static bool is_served(const struct pool *pool, uid_t uid)
{
	for (size_t i = 0; i < pool->size; i++)
		if (pool->threads[i].serves == (int64_t)uid)
			return true;
	return false;
}

static struct conn *unlink_at(struct pool *pool, struct conn **at)
{
	struct conn *conn = *at;

	*at = conn->next;
	if (pool->queue_end == &conn->next)
		pool->queue_end = at;
	conn->next = NULL;
	return conn;
}

/* The first of a user of whom nothing runs, else the first.  Not empty. */
static struct conn *take(struct pool *pool)
{
	for (struct conn **at = &pool->queue; *at != NULL; at = &(*at)->next)
		if (!is_served(pool, (*at)->who.uid))
			return unlink_at(pool, at);
	return unlink_at(pool, &pool->queue);
}

static void *pool_main(void *arg)
{
	struct pool_thread *self = arg;
	struct pool *pool = self->pool;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct conn *conn;
		bool refuse;

		while (pool->queue == NULL && !pool->stopping)
			pthread_cond_wait(&pool->pushed, &pool->lock);
		if (pool->queue == NULL)
			break;
		conn = take(pool);
		refuse = pool->stopping;
		self->serves = (int64_t)conn->who.uid;
		pthread_mutex_unlock(&pool->lock);
		if (refuse)
			conn_refuse_queued(conn);
		else
			conn_run_queued(conn, &self->workspace);
		pthread_mutex_lock(&pool->lock);
		self->serves = -1;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static SR_RESULT start(struct pool *pool)
{
	for (; pool->started < pool->size; pool->started++) {
		struct pool_thread *thread = &pool->threads[pool->started];

		thread->pool = pool;
		SR_TRY(workspace_init(&thread->workspace, /* reads= */ false));
		SR_TRY(locked_thread(&thread->thread, WORKSPACE_STACK, pool_main, thread));
	}
	return SR_OK;
}

SR_RESULT pool_new(size_t threads, struct pool **out)
{
	struct pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
	enum sr_err err;

	if (pool == NULL)
		return SR_NOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->pushed, NULL);
	pool->queue_end = &pool->queue;
	pool->size = threads;
	for (size_t i = 0; i < threads; i++)
		pool->threads[i].serves = -1;
	err = start(pool);
	if (err != SR_OK) {
		pool_stop(pool);
		(void)pool_join(pool, INT64_MAX);
		pool_free(pool);
		return err;
	}
	*out = pool;
	return SR_OK;
}

void pool_push(struct pool *pool, struct conn *conn)
{
	pthread_mutex_lock(&pool->lock);
	conn->next = NULL;
	*pool->queue_end = conn;
	pool->queue_end = &conn->next;
	pthread_cond_signal(&pool->pushed);
	pthread_mutex_unlock(&pool->lock);
}

void pool_stop(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->pushed);
	pthread_mutex_unlock(&pool->lock);
}

bool pool_join(struct pool *pool, int64_t deadline_ns)
{
	for (; pool->joined < pool->started; pool->joined++)
		if (!thread_join(pool->threads[pool->joined].thread, deadline_ns))
			return false;
	return true;
}

void pool_free(struct pool *pool)
{
	if (pool == NULL)
		return;
	SR_ASSERT(pool->joined == pool->started && pool->queue == NULL);
	for (size_t i = 0; i < pool->size; i++)
		workspace_finish(&pool->threads[i].workspace);
	pthread_cond_destroy(&pool->pushed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
