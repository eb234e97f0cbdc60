/* SPDX-License-Identifier: Apache-2.0 */
/* One request under way, as handlers see it.  They contain no policy and cannot
 * forget the audit: dispatch.c does both, before and after. */
#ifndef SR_DAEMON_CALL_H
#define SR_DAEMON_CALL_H

#include <stdatomic.h>
#include <strongroom/strongroom.h>

#include "daemon/ops/dispatch.h"
#include "daemon/ops/line.h"
#include "daemon/ops/outbox.h"
#include "daemon/ops/refusals.h"
#include "daemon/vault/grants.h"
#include "daemon/vault/keys.h"
#include "protocol/messages.h"

#define DETAIL_MAX 256

struct dispatch {
	struct dispatch_options options;        /* its strings are ours */
	struct sealed *sealed;                  /* borrowed */
	struct backend *backend;                /* borrowed */
	struct audit *audit;
	struct outbox *outbox;
	struct refusals *refusals;
	struct grants *grants;
	struct keys *keys;
	uint64_t started;                       /* unix seconds */
	atomic_uint_fast64_t calls, refused;
};

struct call {
	struct dispatch *d;
	const struct identity *who;
	struct arena *arena;
	const struct op *op;
	struct sr_uri subject;                  /* what the SUBJECT field named; kind VAULT and "" if there is none */
	bool has_subject;
	uint64_t started_ns;
	char id[AUDIT_ID_LEN + 1];              /* correlationId */
	char detail[DETAIL_MAX];                /* why it failed: for the caller and the record; never a secret */
	struct line_facts facts;                /* what the record will say; handlers add to it */
	bool changed;                           /* call_change has committed */
	bool no_right;                          /* it succeeds, but used no right: recorded as rarely as refusals,
	                                         * since everybody may make such calls */
};

/* Says why, in words for the one who asked, and returns err. */
enum sr_err call_fail(struct call *call, enum sr_err err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Runs a change and puts the call's record into the store with it, in one
 * transaction.  The only way for a handler to change the store.  Errors: fn's, the
 * store's. */
SR_RESULT call_change(struct call *call, sealed_fn *fn, void *arg);

/* The subject must be of this kind, else BAD_PARAMETER. */
SR_RESULT call_need_kind(struct call *call, enum sr_uri_kind kind);
/* Is the caller the tenant's owner? */
bool call_owns_tenant(const struct call *call, const char *tenant);

/* Handlers: one for each row of operations.def. */
#define OP(name, audit_name, permission, audit, runs, summary) \
	enum sr_err op_##name(struct call *call, const struct sr_##name##_req *q, struct sr_##name##_rep *r);
#include <strongroom/operations.def>
#undef OP

#endif
