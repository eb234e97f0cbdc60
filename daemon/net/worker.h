/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: takes one ready connection at a time from the epoll set that all
 * workers share, runs its request, and gives it back.  The set holds lanes, each
 * with the connections of some users, and takes them in turn.
 *
 * Sleeping and being woken takes longer than a signature, so a worker keeps the
 * connection it served last and looks for some tens of microseconds whether the
 * next request comes, yielding the processor between looks, before it lets go of
 * it and sleeps.  Meanwhile that connection is not armed, so no other worker is
 * woken for it; all others are, and are looked at as well.  Where the processors
 * have other work, a yield does not come back soon: then sleeping is better,
 * since who is woken goes first. */
#ifndef SR_DAEMON_WORKER_H
#define SR_DAEMON_WORKER_H

#include <pthread.h>

#include "daemon/net/conn.h"

/* Shared by all workers. */
struct worker_env {
	struct conn_env *conns;
	int processors;
	_Atomic int awake;              /* workers that run a request or look for one */
};

struct worker {
	struct worker_env *env;
	pthread_t thread;
	struct workspace workspace;
	int64_t look_ns;                /* how long to look, now */
	int64_t crowded_at;             /* when a yield last took long */
	int64_t holdoff_ns;             /* not to look for that long after it */
};

/* Errors: NOMEM, LIMIT (locked memory). */
SR_RESULT worker_start(struct worker *worker, struct worker_env *env);
/* After its thread ended, or was never started. */
void worker_finish(struct worker *worker);

#endif
