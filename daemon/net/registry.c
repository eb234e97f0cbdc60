/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/registry.h"

#include <pthread.h>
#include <sys/epoll.h>

#include "daemon/net/conn.h"

#define EVENTS 64

struct registry {
	pthread_mutex_t lock;
	int watch;              /* epoll set of the connections' pidfds */
	size_t size;
	uint32_t serial;        /* the rest is guarded by lock */
	size_t free_n;
	uint32_t *free;         /* stack of free slots */
	struct conn **slots;
};

SR_RESULT registry_new(size_t size, struct registry **out)
{
	struct registry *registry = calloc(1, sizeof *registry);

	if (registry == NULL)
		return SR_NOMEM;
	pthread_mutex_init(&registry->lock, NULL);
	registry->watch = epoll_create1(EPOLL_CLOEXEC);
	registry->free = calloc(size, sizeof *registry->free);
	registry->slots = calloc(size, sizeof *registry->slots);
	if (registry->watch < 0 || registry->free == NULL || registry->slots == NULL) {
		registry_free(registry);
		return SR_NOMEM;
	}
	registry->size = registry->free_n = size;
	for (size_t i = 0; i < size; i++)
		registry->free[i] = (uint32_t)(size - 1 - i);
	*out = registry;
	return SR_OK;
}

void registry_free(struct registry *registry)
{
	if (registry == NULL)
		return;
	SR_ASSERT(registry->free_n == registry->size);
	if (registry->watch >= 0)
		(void)close(registry->watch);
	pthread_mutex_destroy(&registry->lock);
	free(registry->free);
	free(registry->slots);
	free(registry);
}

static SR_RESULT watch_process(struct registry *registry, const struct conn *conn)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLONESHOT,
		.data.u64 = (uint64_t)conn->serial << 32 | conn->slot,
	};

	if (conn->who.pidfd < 0 || epoll_ctl(registry->watch, EPOLL_CTL_ADD, conn->who.pidfd, &event) == 0)
		return SR_OK;
	return SR_LIMIT;
}

SR_RESULT registry_add(struct registry *registry, struct conn *conn)
{
	enum sr_err err = SR_LIMIT;

	pthread_mutex_lock(&registry->lock);
	if (registry->free_n > 0) {
		conn->slot = registry->free[registry->free_n - 1];
		conn->serial = ++registry->serial;
		err = watch_process(registry, conn);
	}
	if (err == SR_OK) {
		registry->free_n--;
		registry->slots[conn->slot] = conn;
	}
	pthread_mutex_unlock(&registry->lock);
	return err;
}

void registry_remove(struct registry *registry, struct conn *conn)
{
	pthread_mutex_lock(&registry->lock);
	SR_ASSERT(registry->slots[conn->slot] == conn);
	registry->slots[conn->slot] = NULL;
	registry->free[registry->free_n++] = conn->slot;
	pthread_mutex_unlock(&registry->lock);
	if (conn->who.pidfd >= 0)
		(void)epoll_ctl(registry->watch, EPOLL_CTL_DEL, conn->who.pidfd, NULL);
}

/* Its owner, or the worker that takes the event, sees an end and closes it. */
static void shut(struct conn *conn)
{
	(void)shutdown(conn->fd, SHUT_RDWR);
}

/* The slot may be another's by now, which the serial tells. */
static void process_exited(struct registry *registry, uint64_t what)
{
	struct conn *conn;

	pthread_mutex_lock(&registry->lock);
	conn = registry->slots[(uint32_t)what];
	if (conn != NULL && conn->serial == what >> 32)
		shut(conn);
	pthread_mutex_unlock(&registry->lock);
}

void registry_watch(struct registry *registry, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(registry->watch, events, EVENTS, timeout_ms);

	for (int i = 0; i < n; i++)
		process_exited(registry, events[i].data.u64);
}

void registry_sweep(struct registry *registry, int64_t now_ms)
{
	pthread_mutex_lock(&registry->lock);
	for (size_t i = 0; i < registry->size; i++) {
		struct conn *conn = registry->slots[i];
		int64_t deadline = conn != NULL ? atomic_load_explicit(&conn->deadline, memory_order_relaxed) : 0;

		if (deadline > 0 && deadline <= now_ms)
			shut(conn);
	}
	pthread_mutex_unlock(&registry->lock);
}

void registry_close_all(struct registry *registry)
{
	for (size_t i = 0; i < registry->size; i++)
		if (registry->slots[i] != NULL)
			conn_close(registry->slots[i]);
}
