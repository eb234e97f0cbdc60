/* SPDX-License-Identifier: Apache-2.0 */
/* The one path of every request (design section 6): shape -> decode -> identity
 * -> policy -> handler -> audit -> reply.  No handler can skip a step. */
#ifndef SR_DAEMON_DISPATCH_H
#define SR_DAEMON_DISPATCH_H

#include "base/arena.h"
#include "base/result.h"
#include "daemon/net/identity.h"

struct dispatch;

/* What dispatch knows of a connection. */
struct session {
	const struct identity *who;
	bool greeted;                   /* hello was said */
};

/* Must this request run in the pool, since its row says POOL?  Looks at the
 * name only; anything that is no request at all runs inline and is refused there. */
bool dispatch_wants_pool(struct sr_bytes body);

/* Runs one request: body is what stood behind the frame's length.  *answer is the
 * whole frame to send, in the arena (so it lives until arena_reset), never empty.
 * Returns false when the connection must be closed after the answer: the
 * bytes were no request at all.  Any thread; the arena is locked memory, and
 * already empty. */
bool dispatch_run(struct dispatch *dispatch, struct session *session, struct sr_bytes body,
	struct arena *arena, struct sr_bytes *answer);

#endif
