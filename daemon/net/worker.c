/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/worker.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>

#include "daemon/backend/locked.h"
#include "daemon/net/clock.h"
#include "daemon/net/listener.h"

#define LOOK_MAX_NS 50000       /* longest look for the next request */
#define LOOK_MIN_NS 3000        /* below that it is not worth it */
#define SOON_NS     200000      /* a request that woke us within this could have been caught by looking */
#define CROWDED_NS  500000      /* a yield that takes so long let programs run that have nothing to do with us */
#define HOLDOFF_MIN_NS 10000000
#define HOLDOFF_MAX_NS 1000000000

/* An event of this epoll set, or NULL when none comes in time. */
static void *next_event(int epoll, int timeout)
{
	struct epoll_event event;
	int n = epoll_wait(epoll, &event, 1, timeout);

	SR_ASSERT(n >= 0 || errno == EINTR);
	return n == 1 ? event.data.ptr : NULL;
}

/* One ready connection of a lane, which is then queued again behind other lanes
 * if more of it are ready; NULL if another worker was faster. */
static struct conn *take_turn(struct worker *worker, struct lane *lane)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = lane };
	struct conn *conn = next_event(lane->epoll, /* timeout= */ 0);
	int r = epoll_ctl(worker->env->conns->epoll, EPOLL_CTL_MOD, lane->epoll, &event);

	SR_ASSERT(r == 0);
	return conn;
}

/* Handles one event.  The connection that is idle now and ours, or NULL. */
static struct conn *handle(struct worker *worker, void *what, bool *stop)
{
	struct conn *conn;

	switch (*(enum source *)what) {
	case SOURCE_LANE:
		conn = take_turn(worker, what);
		return conn != NULL && conn_wake(conn, &worker->workspace) ? conn : NULL;
	case SOURCE_LISTENER:
		listener_accept(what);
		return NULL;
	case SOURCE_STOP:
		*stop = true;
		return NULL;
	}
	return NULL;
}

/* Lets others run.  False: the processors have so much other work that there are
 * to be no more looks for a while, and for a longer one each time. */
static bool yield(struct worker *worker, int64_t *now)
{
	int64_t before = *now;

	sched_yield();
	*now = clock_ns();
	if (*now - before < CROWDED_NS)
		return true;
	if (*now - worker->crowded_at > 2 * HOLDOFF_MAX_NS)
		worker->holdoff_ns = HOLDOFF_MIN_NS;
	else if (worker->holdoff_ns < HOLDOFF_MAX_NS)
		worker->holdoff_ns *= 2;
	worker->crowded_at = *now;
	return false;
}

static bool may_look(const struct worker *worker)
{
	return worker->look_ns >= LOOK_MIN_NS && atomic_load(&worker->env->awake) <= worker->env->processors
		&& clock_ns() - worker->crowded_at >= worker->holdoff_ns;
}

/* Looks for what comes next, on this connection or another.  Returns an event of
 * another, or NULL when nothing came; the connection is no longer ours then. */
static void *look(struct worker *worker, struct conn *hot)
{
	int64_t now = clock_ns(), end = now + worker->look_ns;

	do {
		void *what = next_event(worker->env->conns->epoll, /* timeout= */ 0);

		if (what != NULL) {
			conn_arm(hot);
			return what;
		}
		switch (conn_poll(hot, &worker->workspace)) {
		case CONN_GONE:
			return NULL;
		case CONN_SERVED:
			worker->look_ns = LOOK_MAX_NS;
			now = clock_ns();
			end = now + worker->look_ns;
			continue;
		case CONN_SILENT:
			break;
		}
	} while (now < end && yield(worker, &now));
	/* in vain: look shorter next time, until requests come quickly again */
	worker->look_ns /= 2;
	conn_arm(hot);
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct worker_env *env = worker->env;
	bool stop = false;
	void *what = NULL;

	while (!stop) {
		struct conn *hot;

		if (what == NULL) {
			int64_t slept = clock_ns();

			what = next_event(env->conns->epoll, /* timeout= */ -1);
			if (clock_ns() - slept < SOON_NS)
				worker->look_ns = LOOK_MAX_NS;
		}
		if (what == NULL)
			continue;
		atomic_fetch_add(&env->awake, 1);
		hot = handle(worker, what, &stop);
		what = NULL;
		if (hot != NULL && !stop && may_look(worker))
			what = look(worker, hot);
		else if (hot != NULL)
			conn_arm(hot);
		atomic_fetch_sub(&env->awake, 1);
	}
	return NULL;
}

SR_RESULT worker_start(struct worker *worker, struct worker_env *env)
{
	worker->env = env;
	SR_TRY(workspace_init(&worker->workspace, /* reads= */ true));
	return locked_thread(&worker->thread, WORKSPACE_STACK, worker_main, worker);
}

void worker_finish(struct worker *worker)
{
	workspace_finish(&worker->workspace);
}
