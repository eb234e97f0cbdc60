/* SPDX-License-Identifier: Apache-2.0 */
/* The one path of every request (design section 6): shape -> decode -> identity
 * -> policy -> handler -> audit -> reply.  No handler can skip a step. */
#ifndef SR_DAEMON_DISPATCH_H
#define SR_DAEMON_DISPATCH_H

#include "base/arena.h"
#include "base/result.h"
#include "daemon/audit/audit.h"
#include "daemon/backend/backend.h"
#include "daemon/net/identity.h"
#include "daemon/store/sealed.h"

struct dispatch;

struct dispatch_options {
	struct sealed *sealed;          /* these two stay the caller's and must outlive the dispatch */
	struct backend *backend;
	struct audit_options audit;     /* dirfd and the settings; dispatch fills in origin, seed, mark, keep and arg */
	size_t key_cache;               /* bytes of locked memory that opened keys may take */
	uint32_t refusals;              /* failures recorded one by one, per second and uid; more are summed */
	uint32_t frame_max;             /* bytes, for hello */
	const char *data, *seal;        /* for status; copied */
	const char *const *warnings;    /* for status: NULL-terminated, copied */
	uint64_t (*connections)(void *arg);     /* how many there are now, for status; may be NULL */
	void *arg;
};

/* Opens everything that requests work on: the audit log (its key is made at
 * first start), the outbox (what a crash left is brought into the log), grants,
 * keys.  problem: words for the administrator when it fails.  A log that was
 * tampered with does not fail it: then every use is refused, and status says why.
 * Errors: the store's, the audit log's. */
SR_RESULT dispatch_open(const struct dispatch_options *options, struct dispatch **out, char problem[static 512]);
/* No request may be running.  Closes the audit log with a last checkpoint.  NULL is fine. */
void dispatch_close(struct dispatch *dispatch);
/* To be called about once a second, from any one thread: writes down refusals that
 * were summed, drains the outbox. */
void dispatch_tick(struct dispatch *dispatch);

/* Is it the operator, or has it any right anywhere?  Any thread. */
bool dispatch_knows(struct dispatch *dispatch, const struct identity *who);

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
