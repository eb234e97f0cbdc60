/* SPDX-License-Identifier: Apache-2.0 */
/* All open connections, for those who must reach one that another thread may
 * own: deadlines, processes that exited, the end.  Any thread. */
#ifndef SR_DAEMON_REGISTRY_H
#define SR_DAEMON_REGISTRY_H

#include "base/result.h"

struct conn;
struct registry;

/* Room for size connections.  Errors: NOMEM, by errno. */
SR_RESULT registry_new(size_t size, struct registry **out);
/* Must be empty.  NULL is fine. */
void registry_free(struct registry *registry);

/* Errors: LIMIT (it is full, or the kernel cannot watch the process). */
SR_RESULT registry_add(struct registry *registry, struct conn *conn);
/* To be called before the connection's descriptors are closed. */
void registry_remove(struct registry *registry, struct conn *conn);

/* Waits up to timeout_ms and shuts down the connections whose process has exited
 * meanwhile. */
void registry_watch(struct registry *registry, int timeout_ms);
/* Shuts down the connections whose deadline is over. */
void registry_sweep(struct registry *registry, int64_t now_ms);
/* Closes all; no other thread may be left. */
void registry_close_all(struct registry *registry);

#endif
