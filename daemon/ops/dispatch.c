/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ops/dispatch.h"

#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "daemon/net/clock.h"
#include "daemon/ops/call.h"
#include "daemon/vault/records.h"
#include "protocol/frame.h"

#define FAILURE_ROOM 1024       /* bytes kept free in the arena for a failure's frame */

/* A row without its handler does not link. */
#define OP(name, audit_name, permission, audit, runs, summary) \
	static enum sr_err run_##name(struct call *call, const void *q, void *r) { return op_##name(call, q, r); }
#include <strongroom/operations.def>
#undef OP

static enum sr_err (*const handlers[OP_COUNT])(struct call *call, const void *q, void *r) = {
#define OP(name, audit_name, permission, audit, runs, summary) [OP_##name] = run_##name,
#include <strongroom/operations.def>
#undef OP
};

enum sr_err call_fail(struct call *call, enum sr_err err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(call->detail, sizeof call->detail, format, args);
	va_end(args);
	return err;
}

bool dispatch_wants_pool(struct sr_bytes body)
{
	struct sr_str name = frame_peek_op(body);
	const struct op *op = name.n > 0 ? op_find(name) : NULL;

	return op != NULL && op->runs == RUNS_POOL;
}

/* ---- the record ---- */

/* What the record says of the subject, before the handler makes it more exact. */
static SR_RESULT facts_begin(struct call *call)
{
	struct sr_uri vault = call->subject;
	char text[SR_URI_MAX + 1];

	if (vault.kind != SR_URI_VAULT) {
		call->facts.object = arena_str(call->arena, (struct sr_str){ text, sr_uri_format(&vault, text) });
		vault.kind = SR_URI_VAULT;
		vault.name[0] = vault.version[0] = '\0';
	}
	call->facts.vault = arena_str(call->arena, (struct sr_str){ text, sr_uri_format(&vault, text) });
	return call->facts.vault.p == NULL ? SR_NOMEM : SR_OK;
}

static void facts_finish(struct call *call, enum sr_err err)
{
	struct line_facts *f = &call->facts;

	f->operation = call->op->audit_name;
	f->err = err;
	f->duration_ns = (uint64_t)clock_ns() - call->started_ns;
	f->id = call->id;
	f->who = call->who;
	if (err != SR_OK)
		f->description = call->detail[0] != '\0' ? str_of(call->detail) : str_of(sr_strerror(err));
}

static SR_RESULT record_append(struct call *call, enum sr_err err)
{
	struct line line;

	facts_finish(call, err);
	line_write(&line, &call->facts);
	return audit_append(call->d->audit, line_str(&line), /* id= */ NULL);
}

/* Before the reply leaves, its record is in the log; if it cannot be, the answer
 * says so and holds no result. */
static SR_RESULT record(struct call *call, enum sr_err err)
{
	if (err == SR_OK && call->op->audit == AUDIT_CHANGE) {
		SR_ASSERT(call->changed);       /* the record went with the change */
		return SR_OK;
	}
	if (err != SR_DENIED && call->op->audit == AUDIT_NONE)
		return SR_OK;
	if (err != SR_OK)
		atomic_fetch_add(&call->d->refused, 1);
	if ((err != SR_OK || call->no_right) && !refusals_admit(call->d->refusals, call->who->uid, call->started_ns))
		return SR_OK;                   /* counted, and summed later */
	if (record_append(call, err) == SR_OK)
		return SR_OK;
	return err != SR_OK && call->op->audit == AUDIT_NONE ? SR_OK : SR_AUDIT;
}

struct change {
	struct call *call;
	sealed_fn *fn;
	void *arg;
	struct outbox_record *record;
};

/* The record is written last, when fn has added to the facts; a rerun writes it anew. */
static enum sr_err change_and_record(struct sealed_txn *txn, void *arg)
{
	struct change *c = arg;
	struct line line;

	SR_TRY(c->fn(txn, c->arg));
	facts_finish(c->call, SR_OK);
	line_write(&line, &c->call->facts);
	outbox_record_free(SR_TAKE(c->record));
	SR_TRY(outbox_record_new(c->call->id, line_str(&line), &c->record));
	return outbox_put(txn, c->record);
}

SR_RESULT call_change(struct call *call, sealed_fn *fn, void *arg)
{
	struct change change = { .call = call, .fn = fn, .arg = arg };
	enum sr_err err;

	SR_ASSERT(call->op->audit == AUDIT_CHANGE && !call->changed);
	err = sealed_update(call->d->sealed, change_and_record, &change);
	if (err != SR_OK) {
		outbox_record_free(change.record);
		return err;
	}
	call->changed = true;
	outbox_settle(call->d->outbox, change.record);
	return SR_OK;
}

/* ---- may they ---- */

bool call_owns_tenant(const struct call *call, const char *tenant)
{
	return call->who->is_operator && strcmp(tenant, "default") == 0;
}

SR_RESULT call_need_kind(struct call *call, enum sr_uri_kind kind)
{
	if (call->subject.kind == kind)
		return SR_OK;
	return call_fail(call, SR_BAD_PARAMETER, kind == SR_URI_VAULT ?
		"%s takes a vault, strongroom://VAULT" : "%s takes a key, strongroom://VAULT/keys/NAME", call->op->name);
}

/* The tenant's owner may give grants in a vault that has nobody left who could. */
static bool may_regrant(const struct call *call)
{
	enum permission p = call->op->permission;

	return (p == PERM_grants_read || p == PERM_grants_write) && call->has_subject &&
		call_owns_tenant(call, call->subject.tenant) && grants_orphaned(call->d->grants, &call->subject);
}

static bool permitted(const struct call *call)
{
	switch (call->op->permission) {
	case PERM_any:
		return true;
	case PERM_operator:
		return call->who->is_operator;
	case PERM_tenant:
		return call->has_subject && call_owns_tenant(call, call->subject.tenant);
	default:
		return call->has_subject && (grants_allow(call->d->grants, call->who, call->op->permission, &call->subject) ||
			may_regrant(call));
	}
}

static enum sr_err find_vault(struct sealed_txn *txn, void *arg)
{
	const struct call *call = arg;
	struct record_path path = path_vault(&call->subject);
	bool exists;

	SR_TRY(sealed_exists(txn, path_str(&path), &exists));
	return exists ? SR_OK : SR_NOT_FOUND;
}

/* The tenant's owner may list its vaults, so is told when there is none of that
 * name; to anybody else absent and forbidden look alike. */
static bool misnamed(struct call *call)
{
	return call->has_subject && call_owns_tenant(call, call->subject.tenant) &&
		sealed_view(call->d->sealed, find_vault, call) == SR_NOT_FOUND;
}

static SR_RESULT authorise(struct call *call)
{
	char text[SR_URI_MAX + 1] = "";

	if (permitted(call))
		return SR_OK;
	if (misnamed(call))
		return call_fail(call, SR_NOT_FOUND, "there is no vault %s", call->subject.vault);
	if (call->has_subject)
		(void)sr_uri_format(&call->subject, text);
	if (call->op->permission == PERM_operator || call->op->permission == PERM_tenant)
		return call_fail(call, SR_DENIED, "uid %u is not the %s%s%s", (unsigned)call->who->uid,
			call->op->permission == PERM_operator ? "operator (root, or the daemon's own user)" : "owner of the tenant",
			text[0] != '\0' ? " of " : "", text);
	return call_fail(call, SR_DENIED, "uid %u has no permission %s on %s, or it does not exist",
		(unsigned)call->who->uid, permission_name(call->op->permission), text);
}

/* Nothing but what goes unrecorded is done while a change's record waits for the log. */
static SR_RESULT ready(struct call *call)
{
	char problem[DETAIL_MAX / 2] = "";

	if (call->op->audit == AUDIT_NONE)
		return SR_OK;
	if (outbox_blocked(call->d->outbox) && !outbox_drain(call->d->outbox)) {
		audit_problem(call->d->audit, problem, sizeof problem);
		return call_fail(call, SR_AUDIT, "the audit log cannot be written: %s", problem);
	}
	if (call->op->audit != AUDIT_CHANGE)
		return SR_OK;
	audit_problem(call->d->audit, problem, sizeof problem);
	return problem[0] == '\0' ? SR_OK : call_fail(call, SR_AUDIT, "the audit log cannot be written: %s", problem);
}

static SR_RESULT find_subject(struct call *call, const void *q)
{
	const struct schema *s = call->op->request;

	for (size_t i = 0; i < s->fields_n; i++) {
		const struct sr_str *text;

		if ((s->fields[i].flags & WIRE_SUBJECT) == 0)
			continue;
		text = (const void *)((const uint8_t *)q + s->fields[i].offset);
		if (sr_uri_parse(*text, &call->subject) != SR_OK)
			return call_fail(call, SR_BAD_PARAMETER,
				"%s: not a URI of the form strongroom://VAULT[.TENANT][/keys/NAME[/VERSION]]", s->fields[i].name);
		call->has_subject = true;
		return facts_begin(call);
	}
	return SR_OK;
}

/* ---- the one path ---- */

static SR_RESULT run(struct call *call, const struct frame *frame, void *q, void *r)
{
	const char *field;
	enum sr_err err = frame_decode(frame, call->op->request, CODEC_REFUSE_UNKNOWN, q, call->arena, &field);

	if (err != SR_OK)
		return call_fail(call, err, "%s: %s", field != NULL ? field : "fields",
			err == SR_TOO_LARGE ? "too long or too large" : "missing, unknown, repeated or of the wrong type");
	SR_TRY(find_subject(call, q));
	SR_TRY(authorise(call));
	SR_TRY(ready(call));
	return handlers[call->op - ops](call, q, r);
}

static void audit_failed(struct call *call)
{
	char problem[DETAIL_MAX / 2];

	if (call->detail[0] != '\0' && call->facts.err == SR_AUDIT)
		return;
	audit_problem(call->d->audit, problem, sizeof problem);
	(void)call_fail(call, SR_AUDIT, "the audit log cannot be written, so nothing was done: %s", problem);
}

static void answer_failure(struct call *call, uint64_t id, enum sr_err err, struct codec_out *out)
{
	struct sr_str message = call->detail[0] != '\0' ? str_of(call->detail) : str_of(sr_strerror(err));

	out->n = 0;
	SR_ASSERT(frame_encode_failure(id, err, message, out) == SR_OK);
}

static enum sr_err run_call(struct call *call, const struct frame *frame, struct codec_out *failure, struct sr_bytes *answer)
{
	void *q = arena_get(call->arena, call->op->request->size);
	void *r = arena_get(call->arena, call->op->reply->size);
	enum sr_err err = q == NULL || r == NULL ? SR_NOMEM : run(call, frame, q, r);
	enum sr_err recorded = record(call, err);
	struct codec_out out;

	if (recorded != SR_OK) {
		audit_failed(call);
		err = recorded;
	}
	out = (struct codec_out){ call->arena->base + call->arena->used, call->arena->cap - call->arena->used, 0 };
	if (err == SR_OK) {
		err = frame_encode_answer(frame->id, call->op->reply, r, &out);
		call->arena->used += out.n;             /* so that reset wipes it */
		*answer = (struct sr_bytes){ out.p, out.n };
	}
	if (err != SR_OK) {
		answer_failure(call, frame->id, err, failure);
		*answer = (struct sr_bytes){ failure->p, failure->n };
	}
	return err;
}

/* What is no request of ours is refused, and recorded like any refusal. */
static void refuse(struct call *call, const struct frame *frame, enum sr_err err, struct codec_out *out, struct sr_bytes *answer)
{
	static const struct op unknown = { .name = "unknown", .audit_name = "Unknown", .audit = AUDIT_EACH };

	call->op = &unknown;
	if (record(call, err) != SR_OK) {
		audit_failed(call);
		err = SR_AUDIT;
	}
	answer_failure(call, frame->id, err, out);
	*answer = (struct sr_bytes){ out->p, out->n };
}

bool dispatch_run(struct dispatch *dispatch, struct session *session, struct sr_bytes body,
	struct arena *arena, struct sr_bytes *answer)
{
	struct call call = { .d = dispatch, .who = session->who, .arena = arena, .started_ns = (uint64_t)clock_ns() };
	struct codec_out failure = { arena_get(arena, FAILURE_ROOM), FAILURE_ROOM, 0 };
	const char *detail;
	struct frame frame;
	bool goes_on = false;
	enum sr_err err;

	SR_ASSERT(failure.p != NULL);
	line_new_id(call.id);
	atomic_fetch_add(&dispatch->calls, 1);
	err = frame_parse_request(body, &frame, &detail);
	if (err != SR_OK) {
		(void)call_fail(&call, err, "%s", detail);
		refuse(&call, &frame, err, &failure, answer);
	} else if ((call.op = op_find(frame.op)) == NULL) {
		refuse(&call, &frame, call_fail(&call, SR_UNKNOWN_OP, "this daemon (version " SR_VERSION ") has no operation of that name"),
			&failure, answer);
		goes_on = true;
	} else if (!session->greeted && call.op != &ops[OP_hello]) {
		refuse(&call, &frame, call_fail(&call, SR_BAD_MESSAGE, "the first call of a connection is hello"), &failure, answer);
	} else {
		session->greeted |= run_call(&call, &frame, &failure, answer) == SR_OK;
		goes_on = true;
	}
	frame_finish(&frame);
	return goes_on;
}
