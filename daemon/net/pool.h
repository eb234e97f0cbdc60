/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: threads for requests that take long, so that workers are free for
 * the quick ones.  It takes first from users of whom it runs nothing. */
#ifndef SR_DAEMON_POOL_H
#define SR_DAEMON_POOL_H

#include "base/result.h"

struct conn;
struct pool;

/* Starts its threads.  Errors: NOMEM, LIMIT (locked memory). */
SR_RESULT pool_new(size_t threads, struct pool **out);
/* Queues a connection whose backlog begins with a whole request.  Any thread. */
void pool_push(struct pool *pool, struct conn *conn);
/* From now on what is queued is refused. */
void pool_stop(struct pool *pool);
/* Waits for the threads to end, at most until deadline (CLOCK_MONOTONIC
 * nanoseconds); false: some still run.  After pool_stop. */
bool pool_join(struct pool *pool, int64_t deadline_ns);
/* After they ended.  NULL is fine. */
void pool_free(struct pool *pool);

#endif
