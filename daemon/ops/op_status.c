/* SPDX-License-Identifier: Apache-2.0 */
/* hello, status, whoami: what everyone may ask. */
#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/ops/call.h"

#define GROUPS_SHOWN 64

enum sr_err op_hello(struct call *call, const struct sr_hello_req *q, struct sr_hello_rep *r)
{
	if (q->version < SR_PROTOCOL_VERSION)
		return call_fail(call, SR_UNSUPPORTED, "this daemon speaks protocol version %d and none before", SR_PROTOCOL_VERSION);
	r->version = SR_PROTOCOL_VERSION;
	r->frame_max = call->d->options.frame_max;
	return SR_OK;
}

static SR_RESULT warnings(struct call *call, struct sr_status_rep *r)
{
	const char *const *w = call->d->options.warnings;
	struct sr_str *v;
	size_t n = 0;

	while (n < 16 && w[n] != NULL)
		n++;
	if ((v = arena_get(call->arena, n * sizeof *v)) == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < n; i++)
		v[i] = str_of(w[i]);
	SR_SET(status_rep, r, warnings, ((struct sr_strs){ v, n }));
	return SR_OK;
}

static SR_RESULT for_operator(struct call *call, const char *problem, struct sr_status_rep *r)
{
	struct dispatch *d = call->d;
	uint64_t lines, covered;
	size_t used, size;

	if (problem[0] != '\0') {
		struct sr_str text = arena_str(call->arena, str_of(problem));

		if (text.p == NULL)
			return SR_NOMEM;
		SR_SET(status_rep, r, problem, text);
	}
	audit_sizes(d->audit, &lines, &covered);
	locked_usage(&used, &size);
	SR_SET(status_rep, r, data, str_of(d->options.data));
	SR_SET(status_rep, r, seal, str_of(d->options.seal));
	SR_SET(status_rep, r, started, d->started);
	SR_SET(status_rep, r, calls, atomic_load(&d->calls));
	SR_SET(status_rep, r, refused, atomic_load(&d->refused));
	SR_SET(status_rep, r, audit_lines, lines);
	SR_SET(status_rep, r, audit_covered, covered);
	SR_SET(status_rep, r, outbox, outbox_waiting(d->outbox));
	SR_SET(status_rep, r, locked_used, used);
	SR_SET(status_rep, r, locked_max, size);
	if (d->options.connections != NULL)
		SR_SET(status_rep, r, connections, d->options.connections(d->options.arg));
	return warnings(call, r);
}

enum sr_err op_status(struct call *call, const struct sr_status_req *q, struct sr_status_rep *r)
{
	char problem[512];

	(void)q;
	audit_problem(call->d->audit, problem, sizeof problem);
	if (!call->who->is_operator)
		r->state = SR_STR("running");
	else if (problem[0] == '\0' && !outbox_blocked(call->d->outbox))
		r->state = SR_STR("ok");
	else
		r->state = SR_STR("audit-blocked");
	r->version = SR_STR(SR_VERSION);
	r->sealed = false;
	return call->who->is_operator ? for_operator(call, problem, r) : SR_OK;
}

enum sr_err op_whoami(struct call *call, const struct sr_whoami_req *q, struct sr_whoami_rep *r)
{
	const struct identity *who = call->who;
	size_t n = who->groups_n < GROUPS_SHOWN ? who->groups_n : GROUPS_SHOWN;
	struct sr_str *groups = arena_get(call->arena, n * sizeof *groups);

	(void)q;
	if (groups == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		groups[i] = arena_printf(call->arena, "%u", (unsigned)who->groups[i]);
		if (groups[i].p == NULL)
			return SR_NOMEM;
	}
	r->pid = (uint64_t)who->pid;
	r->uid = who->uid;
	r->gid = who->gid;
	r->groups = (struct sr_strs){ groups, n };
	r->operator = who->is_operator;
	if (who->unit[0] != '\0')
		SR_SET(whoami_rep, r, unit, str_of(who->unit));
	return SR_OK;
}
