/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log, for the operator. */
#include <string.h>

#include "base/str.h"
#include "daemon/ops/call.h"

#define READ_DEFAULT 100        /* lines */

/* The lines fill at most half of the arena's rest, since they are encoded once more. */
static SR_RESULT read_lines(struct call *call, uint64_t max, struct sr_audit_read_rep *r)
{
	struct arena *whole = call->arena;
	struct arena half = { whole->base + whole->used, (whole->cap - whole->used) / 2 - 256, 0 };
	enum sr_err err = audit_read(call->d->audit, r->from, max, &half, &r->lines, &r->count);

	whole->used += half.used;
	return err;
}

enum sr_err op_audit_read(struct call *call, const struct sr_audit_read_req *q, struct sr_audit_read_rep *r)
{
	uint64_t max = SR_HAS(audit_read_req, q, max) && q->max > 0 ? q->max : READ_DEFAULT;
	uint64_t covered;
	enum sr_err err;

	audit_sizes(call->d->audit, &r->size, &covered);
	r->from = SR_HAS(audit_read_req, q, from) ? q->from : r->size > max ? r->size - max : 0;
	if (r->from == r->size)
		return SR_OK;
	if (r->from > r->size)
		return call_fail(call, SR_NOT_FOUND, "the log has %llu lines", (unsigned long long)r->size);
	err = read_lines(call, max, r);
	return err == SR_OK ? SR_OK : call_fail(call, err, "lines from %llu on: %s", (unsigned long long)r->from, sr_strerror(err));
}

enum sr_err op_audit_key(struct call *call, const struct sr_audit_key_req *q, struct sr_audit_key_rep *r)
{
	(void)q;
	return audit_vkey(call->d->audit, call->arena, &r->vkey);
}

enum sr_err op_audit_checkpoint(struct call *call, const struct sr_audit_checkpoint_req *q, struct sr_audit_checkpoint_rep *r)
{
	char problem[512];
	struct sr_str text;
	enum sr_err err;

	(void)q;
	SR_TRY(audit_vkey(call->d->audit, call->arena, &r->vkey));
	audit_problem(call->d->audit, problem, sizeof problem);
	if (problem[0] != '\0') {
		if ((text = arena_str(call->arena, str_of(problem))).p == NULL)
			return SR_NOMEM;
		SR_SET(audit_checkpoint_rep, r, problem, text);
	}
	err = audit_checkpoint(call->d->audit, call->arena, &r->checkpoint);
	return err == SR_OK || problem[0] == '\0' ? err : call_fail(call, err, "%s", problem);
}

enum sr_err op_audit_prove(struct call *call, const struct sr_audit_prove_req *q, struct sr_audit_prove_rep *r)
{
	enum sr_err err;

	r->index = q->index;
	SR_TRY(audit_vkey(call->d->audit, call->arena, &r->vkey));
	err = audit_prove(call->d->audit, q->index, call->arena, &r->line, &r->proof, &r->checkpoint);
	return err == SR_OK ? SR_OK : call_fail(call, err, "line %llu: %s", (unsigned long long)q->index, sr_strerror(err));
}
