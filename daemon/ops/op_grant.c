/* SPDX-License-Identifier: Apache-2.0 */
/* Grants: add, list, remove. */
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "daemon/ops/call.h"
#include "daemon/vault/records.h"

#define LIST_DEFAULT 100
#define CUSTOM       "custom"   /* the role of a hand-picked set */
#define GRANTS_MAX   2048       /* grants in a vault: they are kept in memory, and each use looks through them */

static SR_RESULT need_scope(struct call *call)
{
	if (call->subject.version[0] != '\0')
		return call_fail(call, SR_BAD_PARAMETER, "a grant is for a key with all its versions: leave the version out");
	return SR_OK;
}

static SR_RESULT info_of(struct call *call, const struct grant *g, struct sr_grant_info *out)
{
	struct sr_str *names = arena_get(call->arena, PERM_COUNT * sizeof *names);
	char text[SR_URI_MAX + 1];
	size_t n = 0;

	if (names == NULL)
		return SR_NOMEM;
	for (int i = 0; i < PERM_COUNT; i++)
		if ((g->permissions >> i & 1) != 0)
			names[n++] = str_of(permission_name((enum permission)i));
	*out = (struct sr_grant_info){ .permissions = { names, n }, .created = g->created };
	out->id = arena_str(call->arena, str_of(g->id));
	out->principal = arena_str(call->arena, str_of(g->principal));
	out->role = arena_str(call->arena, str_of(g->role));
	out->scope = arena_str(call->arena, (struct sr_str){ text, sr_uri_format(&g->scope, text) });
	if (g->kind != PRINCIPAL_UNIT)
		SR_SET(grant_info, out, resolved, g->resolved);
	return out->id.p == NULL || out->principal.p == NULL || out->role.p == NULL || out->scope.p == NULL ? SR_NOMEM : SR_OK;
}

/* ---- add ---- */

static SR_RESULT permissions_of(struct call *call, const struct sr_grant_add_req *q, struct grant *g)
{
	const char *proper = CUSTOM;

	if (SR_HAS(grant_add_req, q, role) == SR_HAS(grant_add_req, q, permissions))
		return call_fail(call, SR_BAD_PARAMETER, "give a role, or permissions, and not both");
	if (SR_HAS(grant_add_req, q, role) && role_find(q->role, &proper, &g->permissions) != SR_OK)
		return call_fail(call, SR_BAD_PARAMETER, "there is no role of that name; roles: "
#define ROLE(id, name, perms, summary) name "; "
#include <strongroom/roles.def>
#undef ROLE
			"those for secrets and certificates come with them");
	for (size_t i = 0; i < q->permissions.n; i++) {
		enum permission p;

		if (permission_find(q->permissions.v[i], &p) != SR_OK)
			return call_fail(call, SR_BAD_PARAMETER, "there is no permission of that name; permissions: "
#define PERMISSION(id, name, summary) name " "
#include <strongroom/permissions.def>
#undef PERMISSION
				);
		g->permissions |= UINT64_C(1) << p;
	}
	if (g->permissions == 0)
		return call_fail(call, SR_BAD_PARAMETER, "no permission is named");
	(void)str_copy(str_of(proper), g->role, sizeof g->role);
	return SR_OK;
}

/* For the record: who, as what, and what that is where it is a hand-picked set. */
static SR_RESULT tell(struct call *call, const struct grant *g, const struct sr_strs *permissions)
{
	char text[PERM_COUNT * 64] = "";
	size_t n = 0;

	call->facts.principal = arena_str(call->arena, str_of(g->principal));
	call->facts.role = arena_str(call->arena, str_of(g->role));
	for (size_t i = 0; strcmp(g->role, CUSTOM) == 0 && i < permissions->n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i > 0 ? " " : "", permissions->v[i].p);
	call->facts.permissions = arena_str(call->arena, (struct sr_str){ text, n });
	return call->facts.permissions.p == NULL ? SR_NOMEM : SR_OK;
}

struct addition {
	struct grant *grant;
	bool there;             /* just the same grant exists */
	size_t others;          /* grants in the vault, as far as was looked */
};

static enum sr_err store_grant(struct sealed_txn *txn, void *arg)
{
	struct addition *a = arg;
	struct record_path vault = path_vault(&a->grant->scope);
	bool exists;

	SR_TRY(sealed_exists(txn, path_str(&vault), &exists));
	if (!exists)
		return SR_NOT_FOUND;
	return a->there ? SR_OK : grants_store(txn, a->grant);
}

static bool find_same(const struct grant *g, void *arg)
{
	struct addition *a = arg;

	a->others++;
	if (strcmp(g->principal, a->grant->principal) != 0 || g->permissions != a->grant->permissions ||
		strcmp(g->role, a->grant->role) != 0 || g->resolved != a->grant->resolved || !scope_same(&g->scope, &a->grant->scope))
		return true;
	memcpy(a->grant->id, g->id, sizeof g->id);
	a->grant->created = g->created;
	a->there = true;
	return false;
}

/* How much of it an error quotes: whole characters. */
static size_t shown(struct sr_str text)
{
	size_t n = text.n < 80 ? text.n : 80;

	while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* Granting what is granted already succeeds and changes nothing. */
static SR_RESULT add(struct call *call, const struct sr_grant_add_req *q, struct addition *a, struct sr_grant_add_rep *r)
{
	const char *detail;
	enum sr_err err;

	a->grant->scope = call->subject;
	a->grant->created = (uint64_t)time(NULL);
	line_new_id(a->grant->id);
	if ((err = grant_principal(q->principal, a->grant, &detail)) != SR_OK)
		return call_fail(call, err, "%.*s: %s", (int)shown(q->principal), q->principal.p, detail);
	SR_TRY(permissions_of(call, q, a->grant));
	grants_each(call->d->grants, &a->grant->scope, find_same, a);
	if (!a->there && a->others >= GRANTS_MAX)
		return call_fail(call, SR_LIMIT, "vault %s has %d grants, and can have no more; remove some, or grant to a group",
			call->subject.vault, GRANTS_MAX);
	SR_TRY(info_of(call, a->grant, &r->grant));
	SR_TRY(tell(call, a->grant, &r->grant.permissions));
	return call_change(call, store_grant, a);
}

enum sr_err op_grant_add(struct call *call, const struct sr_grant_add_req *q, struct sr_grant_add_rep *r)
{
	struct addition a = { .grant = calloc(1, sizeof *a.grant) };
	enum sr_err err;

	if (a.grant == NULL)
		return SR_NOMEM;
	err = need_scope(call);
	if (err == SR_OK)
		err = add(call, q, &a, r);
	if (err == SR_OK && !a.there)
		grants_insert(call->d->grants, a.grant);
	else
		free(a.grant);
	return err;
}

/* ---- list ---- */

struct listing {
	struct call *call;
	struct sr_grant_list_rep *r;
	char after[GRANT_ID_LEN + 1];
	size_t max;
	enum sr_err err;
};

static bool list_one(const struct grant *g, void *arg)
{
	struct listing *l = arg;
	size_t n = l->r->grants.n;

	if (strcmp(g->id, l->after) <= 0 ||
		(!scope_covers(&g->scope, &l->call->subject) && !scope_covers(&l->call->subject, &g->scope)))
		return true;
	if (n == l->max) {
		SR_SET(grant_list_rep, l->r, next, l->r->grants.v[n - 1].id);
		return false;
	}
	l->err = info_of(l->call, g, &l->r->grants.v[n]);
	l->r->grants.n += l->err == SR_OK;
	return l->err == SR_OK;
}

enum sr_err op_grant_list(struct call *call, const struct sr_grant_list_req *q, struct sr_grant_list_rep *r)
{
	struct listing l = { .call = call, .r = r, .max = LIST_DEFAULT };

	SR_TRY(need_scope(call));
	if (SR_HAS(grant_list_req, q, max) && q->max > 0 && q->max < LIST_DEFAULT)
		l.max = (size_t)q->max;
	if (SR_HAS(grant_list_req, q, after) && !str_copy(q->after, l.after, sizeof l.after))
		return call_fail(call, SR_BAD_PARAMETER, "after: the id of a grant is expected");
	if ((r->grants.v = arena_get(call->arena, l.max * sizeof *r->grants.v)) == NULL)
		return SR_NOMEM;
	grants_each(call->d->grants, &call->subject, list_one, &l);
	return l.err;
}

/* ---- remove ---- */

#define REMOVE_MAX (GRANTS_MAX + 64)    /* grants that one call removes: all that can match; adding at once may
                                         * lead to some more than the limit */

struct removal {
	struct call *call;
	const struct sr_grant_remove_req *q;
	const char *role;               /* its proper name, or NULL for any */
	struct grant first;             /* of those found; the others are of the same vault and principal */
	char (*ids)[GRANT_ID_LEN + 1];  /* of all found; in the arena */
	size_t n;
	bool roles_differ;
};

/* A grant that was found, as far as it takes to remove it. */
static struct grant found_at(const struct removal *m, size_t i)
{
	struct grant g = { .scope = m->first.scope };

	memcpy(g.id, m->ids[i], sizeof g.id);
	return g;
}

static bool match(const struct grant *g, void *arg)
{
	struct removal *m = arg;
	const struct sr_grant_remove_req *q = m->q;

	if (SR_HAS(grant_remove_req, q, id)) {
		/* an id is enough, but only within the scope that was checked */
		if (!str_is(q->id, g->id) || !scope_covers(&m->call->subject, &g->scope))
			return true;
	} else if (!scope_same(&g->scope, &m->call->subject) || !str_is(q->principal, g->principal) ||
		(m->role != NULL && strcmp(m->role, g->role) != 0)) {
		return true;
	}
	if (m->n == 0)
		m->first = *g;
	m->roles_differ |= strcmp(m->first.role, g->role) != 0;
	memcpy(m->ids[m->n++], g->id, sizeof g->id);
	return m->n < REMOVE_MAX;
}

static enum sr_err unstore(struct sealed_txn *txn, void *arg)
{
	const struct removal *m = arg;

	for (size_t i = 0; i < m->n; i++) {
		struct grant g = found_at(m, i);

		SR_TRY(grants_unstore(txn, &g));
	}
	return SR_OK;
}

static SR_RESULT role_to_remove(struct call *call, const struct sr_grant_remove_req *q, const char **out)
{
	uint64_t permissions;

	*out = NULL;
	if (!SR_HAS(grant_remove_req, q, role))
		return SR_OK;
	if (str_eq_nocase(q->role, SR_STR(CUSTOM))) {
		*out = CUSTOM;
		return SR_OK;
	}
	if (role_find(q->role, out, &permissions) == SR_OK)
		return SR_OK;
	return call_fail(call, SR_BAD_PARAMETER, "there is no role of that name");
}

enum sr_err op_grant_remove(struct call *call, const struct sr_grant_remove_req *q, struct sr_grant_remove_rep *r)
{
	struct removal m = { .call = call, .q = q };

	SR_TRY(need_scope(call));
	if (SR_HAS(grant_remove_req, q, id) == SR_HAS(grant_remove_req, q, principal))
		return call_fail(call, SR_BAD_PARAMETER, "give the grant's id, or a principal, and not both");
	SR_TRY(role_to_remove(call, q, &m.role));
	if ((m.ids = arena_get(call->arena, REMOVE_MAX * sizeof *m.ids)) == NULL)
		return SR_NOMEM;
	grants_each(call->d->grants, &call->subject, match, &m);
	if (m.n == 0)
		return call_fail(call, SR_NOT_FOUND, "there is no such grant here; grant list shows those that are");
	/* copies: the record of a failure is written when this function has returned */
	call->facts.principal = arena_str(call->arena, str_of(m.first.principal));
	if (!m.roles_differ)
		call->facts.role = arena_str(call->arena, str_of(m.first.role));
	call->facts.count = m.n;
	SR_TRY(call_change(call, unstore, &m));
	for (size_t i = 0; i < m.n; i++) {
		struct grant g = found_at(&m, i);

		grants_remove(call->d->grants, &g);
	}
	r->removed = m.n;
	return SR_OK;
}
