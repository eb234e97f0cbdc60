/* SPDX-License-Identifier: Apache-2.0 */
/* Vaults: create, list, show. */
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "daemon/ops/call.h"
#include "daemon/vault/records.h"

#define LIST_DEFAULT 100

/* What the creator of a vault gets on it, as ordinary grants. */
static const char *const creator_roles[] = { "Administrator", "Data Access Administrator" };

struct creation {
	struct call *call;
	struct grant *grants[SR_COUNT(creator_roles)];
	uint64_t now;
	char owner[32];
};

static enum sr_err create(struct sealed_txn *txn, void *arg)
{
	struct creation *c = arg;
	struct record_path path = path_vault(&c->call->subject);
	struct vault_record record = { .created = c->now, .owner = str_of(c->owner) };
	bool exists;

	SR_TRY(sealed_exists(txn, path_str(&path), &exists));
	if (exists)
		return SR_CONFLICT;
	SR_TRY(record_put(txn, &path, &vault_record_schema, &record));
	for (size_t i = 0; i < SR_COUNT(creator_roles); i++)
		SR_TRY(grants_store(txn, c->grants[i]));
	return SR_OK;
}

static SR_RESULT creator_grant(struct creation *c, const char *role, struct grant **out)
{
	struct grant *g = calloc(1, sizeof *g);
	const char *proper;

	if (g == NULL)
		return SR_NOMEM;
	line_new_id(g->id);
	g->kind = PRINCIPAL_UID;
	g->resolved = c->call->who->uid;
	g->scope = c->call->subject;
	g->created = c->now;
	(void)str_copy(str_of(c->owner), g->principal, sizeof g->principal);
	(void)str_copy(str_of(role), g->role, sizeof g->role);
	*out = g;
	return role_find(str_of(role), &proper, &g->permissions);
}

static SR_RESULT info_of(struct call *call, const struct sr_uri *uri, const struct vault_record *record, struct sr_vault_info *out)
{
	char text[SR_URI_MAX + 1];

	out->id = arena_str(call->arena, (struct sr_str){ text, sr_uri_format(uri, text) });
	out->created = record->created;
	out->owner = arena_str(call->arena, record->owner);
	return out->id.p == NULL || out->owner.p == NULL ? SR_NOMEM : SR_OK;
}

enum sr_err op_vault_create(struct call *call, const struct sr_vault_create_req *q, struct sr_vault_create_rep *r)
{
	struct creation c = { .call = call, .now = (uint64_t)time(NULL) };
	enum sr_err err;

	(void)q;
	SR_TRY(call_need_kind(call, SR_URI_VAULT));
	(void)snprintf(c.owner, sizeof c.owner, "uid:%u", (unsigned)call->who->uid);
	err = creator_grant(&c, creator_roles[0], &c.grants[0]);
	if (err == SR_OK)
		err = creator_grant(&c, creator_roles[1], &c.grants[1]);
	if (err == SR_OK)
		err = info_of(call, &call->subject, &(struct vault_record){ .created = c.now, .owner = str_of(c.owner) }, &r->vault);
	if (err == SR_OK)
		err = call_change(call, create, &c);
	for (size_t i = 0; i < SR_COUNT(creator_roles); i++) {
		if (err == SR_OK)
			grants_insert(call->d->grants, c.grants[i]);
		else
			free(c.grants[i]);
	}
	return err != SR_CONFLICT ? err : call_fail(call, err, "there is a vault %s already", call->subject.vault);
}

struct reading {
	struct call *call;
	struct vault_record record;
};

static enum sr_err read_vault(struct sealed_txn *txn, void *arg)
{
	struct reading *reading = arg;
	struct record_path path = path_vault(&reading->call->subject);

	return record_get(txn, &path, &vault_record_schema, &reading->record, reading->call->arena);
}

enum sr_err op_vault_get(struct call *call, const struct sr_vault_get_req *q, struct sr_vault_get_rep *r)
{
	struct reading reading = { .call = call };

	(void)q;
	SR_TRY(call_need_kind(call, SR_URI_VAULT));
	SR_TRY(sealed_view(call->d->sealed, read_vault, &reading));
	return info_of(call, &call->subject, &reading.record, &r->vault);
}

/* ---- list ---- */

struct listing {
	struct call *call;
	struct sr_vault_list_rep *r;
	size_t max;
	char after[STORE_PATH_MAX + 1];
};

/* Adds the vault at path, if the caller has to do with it. */
static SR_RESULT list_one(struct listing *l, struct sr_str path, struct sr_bytes bytes)
{
	struct call *call = l->call;
	struct sr_uri uri = { .kind = SR_URI_VAULT, .tenant = "default" };
	struct vault_record record;
	const char *slash = memrchr(path.p, '/', path.n);

	if (slash == NULL || !str_copy((struct sr_str){ slash + 1, (size_t)(path.p + path.n - slash - 1) }, uri.vault, sizeof uri.vault))
		return SR_CORRUPT;
	if (!call_owns_tenant(call, uri.tenant) && !grants_touch(call->d->grants, call->who, &uri))
		return SR_OK;
	SR_TRY(record_decode(bytes, &vault_record_schema, &record, call->arena));
	SR_TRY(info_of(call, &uri, &record, &l->r->vaults.v[l->r->vaults.n]));
	l->r->vaults.n++;
	return SR_OK;
}

static enum sr_err list(struct sealed_txn *txn, void *arg)
{
	static const struct sr_str prefix = { "tenant/default/vault/", 21 };
	struct listing *l = arg;

	for (;;) {
		size_t arena_mark = l->call->arena->used, n = l->r->vaults.n;
		struct sr_bytes bytes;
		struct sr_str path;
		enum sr_err err = sealed_next(txn, prefix, str_of(l->after), l->call->arena, &path, &bytes);

		if (err == SR_NOT_FOUND)
			return SR_OK;
		SR_TRY(err);
		if (n == l->max) {
			struct sr_str last = str_of(l->after + prefix.n);

			SR_SET(vault_list_rep, l->r, next, arena_str(l->call->arena, last));
			return SR_OK;
		}
		SR_TRY(list_one(l, path, bytes));
		(void)str_copy(path, l->after, sizeof l->after);
		if (l->r->vaults.n == n)
			l->call->arena->used = arena_mark;      /* however many there are that are not the caller's */
	}
}

enum sr_err op_vault_list(struct call *call, const struct sr_vault_list_req *q, struct sr_vault_list_rep *r)
{
	struct listing l = { .call = call, .r = r, .max = LIST_DEFAULT };

	if (SR_HAS(vault_list_req, q, max) && q->max > 0 && q->max < LIST_DEFAULT)
		l.max = (size_t)q->max;
	if (SR_HAS(vault_list_req, q, after))
		(void)snprintf(l.after, sizeof l.after, "tenant/default/vault/%.*s", (int)q->after.n, q->after.p);
	if ((r->vaults.v = arena_get(call->arena, l.max * sizeof *r->vaults.v)) == NULL)
		return SR_NOMEM;
	SR_TRY(sealed_view(call->d->sealed, list, &l));
	call->no_right = r->vaults.n == 0 && !call_owns_tenant(call, "default");
	return SR_OK;
}
