/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vault/grants.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <string.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/vault/records.h"

#define BUCKETS    1024          /* a vault's grants share one */
#define LOAD_ROOM  32768         /* bytes for one grant's record */
#define GROUP_ROOM (256 * 1024)  /* bytes for a passwd or group entry with all its members */

struct grants {
	pthread_rwlock_t lock;
	struct grant *buckets[BUCKETS];         /* each in order of id; guarded by lock */
};

static struct grant **bucket_of(struct grants *g, const struct sr_uri *vault)
{
	uint32_t h = 2166136261u;       /* FNV-1a */

	for (const char *p = vault->tenant; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	for (const char *p = vault->vault; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	return &g->buckets[h % BUCKETS];
}

static bool of_vault(const struct grant *grant, const struct sr_uri *vault)
{
	return strcmp(grant->scope.vault, vault->vault) == 0 && strcmp(grant->scope.tenant, vault->tenant) == 0;
}

/* ---- questions ---- */

bool grants_allow(struct grants *grants, const struct identity *who, enum permission permission, const struct sr_uri *scope)
{
	bool allowed = false;

	pthread_rwlock_rdlock(&grants->lock);
	for (const struct grant *g = *bucket_of(grants, scope); g != NULL && !allowed; g = g->next)
		allowed = grant_allows(g, who, permission, scope);
	pthread_rwlock_unlock(&grants->lock);
	return allowed;
}

bool grants_touch(struct grants *grants, const struct identity *who, const struct sr_uri *vault)
{
	bool touches = false;

	pthread_rwlock_rdlock(&grants->lock);
	for (const struct grant *g = *bucket_of(grants, vault); g != NULL && !touches; g = g->next)
		touches = of_vault(g, vault) && g->permissions != 0 && grant_names(g, who);
	pthread_rwlock_unlock(&grants->lock);
	return touches;
}

bool grants_name(struct grants *grants, const struct identity *who)
{
	bool named = false;

	pthread_rwlock_rdlock(&grants->lock);
	for (size_t i = 0; i < BUCKETS && !named; i++)
		for (const struct grant *g = grants->buckets[i]; g != NULL && !named; g = g->next)
			named = g->permissions != 0 && grant_names(g, who);
	pthread_rwlock_unlock(&grants->lock);
	return named;
}

/* Who may give grants in a vault: what is asked of the name service, which must
 * not be waited for under the lock. */
struct holder {
	enum principal_kind kind;
	uint32_t id;
};

/* The n-th of them. */
static bool holder_at(struct grants *grants, const struct sr_uri *vault, size_t n, struct holder *out)
{
	const struct grant *g;

	pthread_rwlock_rdlock(&grants->lock);
	for (g = *bucket_of(grants, vault); g != NULL; g = g->next)
		if (of_vault(g, vault) && g->scope.kind == SR_URI_VAULT && (g->permissions >> PERM_grants_write & 1) != 0 && n-- == 0)
			break;
	if (g != NULL)
		*out = (struct holder){ g->kind, g->resolved };
	pthread_rwlock_unlock(&grants->lock);
	return g != NULL;
}

/* Does the host still know such a user or group?  When in doubt it does. */
static bool still_there(const struct holder *holder)
{
	SR_AUTO_FREE char *room = malloc(GROUP_ROOM);
	struct passwd pw, *user = NULL;
	struct group gr, *group = NULL;

	if (room == NULL || holder->kind == PRINCIPAL_UNIT)
		return true;
	if (holder->kind == PRINCIPAL_UID)
		return getpwuid_r(holder->id, &pw, room, GROUP_ROOM, &user) != 0 || user != NULL;
	return getgrgid_r(holder->id, &gr, room, GROUP_ROOM, &group) != 0 || group != NULL;
}

bool grants_orphaned(struct grants *grants, const struct sr_uri *vault)
{
	struct holder holder;

	for (size_t i = 0; holder_at(grants, vault, i, &holder); i++)
		if (still_there(&holder))
			return false;
	return true;
}

void grants_each(struct grants *grants, const struct sr_uri *vault,
	bool (*fn)(const struct grant *grant, void *arg), void *arg)
{
	pthread_rwlock_rdlock(&grants->lock);
	for (const struct grant *g = *bucket_of(grants, vault); g != NULL; g = g->next)
		if (of_vault(g, vault) && !fn(g, arg))
			break;
	pthread_rwlock_unlock(&grants->lock);
}

/* ---- memory ---- */

void grants_insert(struct grants *grants, struct grant *grant)
{
	struct grant **at;

	pthread_rwlock_wrlock(&grants->lock);
	at = bucket_of(grants, &grant->scope);
	while (*at != NULL && strcmp((*at)->id, grant->id) < 0)
		at = &(*at)->next;
	grant->next = *at;
	*at = grant;
	pthread_rwlock_unlock(&grants->lock);
}

void grants_remove(struct grants *grants, const struct grant *grant)
{
	struct grant **at, *gone;

	pthread_rwlock_wrlock(&grants->lock);
	at = bucket_of(grants, &grant->scope);
	while (*at != NULL && strcmp((*at)->id, grant->id) != 0)
		at = &(*at)->next;
	gone = *at;
	if (gone != NULL)
		*at = gone->next;
	pthread_rwlock_unlock(&grants->lock);
	free(gone);
}

void grants_free(struct grants *grants)
{
	if (grants == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (grants->buckets[i] != NULL) {
			struct grant *next = grants->buckets[i]->next;

			free(grants->buckets[i]);
			grants->buckets[i] = next;
		}
	pthread_rwlock_destroy(&grants->lock);
	free(grants);
}
SR_DEFINE_AUTO(grants, grants_free)

/* ---- the store ---- */

static struct record_path path_of(const struct grant *grant)
{
	return path_printf("tenant/%s/grant/%s/%s", grant->scope.tenant, grant->scope.vault, grant->id);
}

SR_RESULT grants_store(struct sealed_txn *txn, const struct grant *grant)
{
	struct record_path path = path_of(grant);
	struct sr_str permissions[PERM_COUNT];
	char scope[SR_URI_MAX + 1];
	struct grant_record r = { .principal = str_of(grant->principal), .role = str_of(grant->role), .created = grant->created };
	size_t n = 0;

	for (int i = 0; i < PERM_COUNT; i++)
		if ((grant->permissions >> i & 1) != 0)
			permissions[n++] = str_of(permission_name((enum permission)i));
	r.permissions = (struct sr_strs){ permissions, n };
	r.scope = (struct sr_str){ scope, sr_uri_format(&grant->scope, scope) };
	if (grant->kind != PRINCIPAL_UNIT)
		REC_SET(grant, &r, resolved, grant->resolved);
	return record_put(txn, &path, &grant_record_schema, &r);
}

SR_RESULT grants_unstore(struct sealed_txn *txn, const struct grant *grant)
{
	struct record_path path = path_of(grant);

	return sealed_delete(txn, path_str(&path));
}

static enum principal_kind kind_of(const char *principal)
{
	if (strncmp(principal, "unit:", 5) == 0)
		return PRINCIPAL_UNIT;
	return principal[0] == 'g' ? PRINCIPAL_GID : PRINCIPAL_UID;
}

/* path ends with the grant's id */
static SR_RESULT grant_of_record(struct sr_str path, const struct grant_record *r, struct grant *out)
{
	*out = (struct grant){ .resolved = (uint32_t)r->resolved, .created = r->created };
	if (path.n < GRANT_ID_LEN ||
		!str_copy((struct sr_str){ path.p + path.n - GRANT_ID_LEN, GRANT_ID_LEN }, out->id, sizeof out->id) ||
		!str_copy(r->principal, out->principal, sizeof out->principal) ||
		!str_copy(r->role, out->role, sizeof out->role) || sr_uri_parse(r->scope, &out->scope) != SR_OK)
		return SR_CORRUPT;
	out->kind = kind_of(out->principal);
	for (size_t i = 0; i < r->permissions.n; i++) {
		enum permission p;

		/* one that this version does not know gives nothing here */
		if (permission_find(r->permissions.v[i], &p) == SR_OK)
			out->permissions |= UINT64_C(1) << p;
	}
	return SR_OK;
}

/* Every tenant's grants stand under its own prefix. */
struct load {
	struct grants *grants;
	struct arena arena;
	const char *prefix;
};

static enum sr_err load_some(struct sealed_txn *txn, void *arg)
{
	struct load *l = arg;
	struct sr_str path = { NULL, 0 };
	char after[STORE_PATH_MAX + 1] = "";

	for (;;) {
		struct sr_bytes bytes;
		struct grant_record r;
		struct grant *g;
		enum sr_err err;

		arena_reset(&l->arena);
		err = sealed_next(txn, str_of(l->prefix), str_of(after), &l->arena, &path, &bytes);
		if (err == SR_NOT_FOUND)
			return SR_OK;
		SR_TRY(err);
		SR_TRY(record_decode(bytes, &grant_record_schema, &r, &l->arena));
		if ((g = malloc(sizeof *g)) == NULL)
			return SR_NOMEM;
		if ((err = grant_of_record(path, &r, g)) != SR_OK) {
			free(g);
			return err;
		}
		grants_insert(l->grants, g);
		(void)str_copy(path, after, sizeof after);
	}
}

SR_RESULT grants_load(struct sealed *sealed, struct grants **out)
{
	SR_AUTO(grants) g = calloc(1, sizeof *g);
	struct load load = { .grants = g, .arena = { locked_alloc(LOAD_ROOM), LOAD_ROOM, 0 }, .prefix = "tenant/default/grant/" };
	enum sr_err err = SR_NOMEM;

	if (g != NULL)
		pthread_rwlock_init(&g->lock, NULL);
	if (g != NULL && load.arena.base != NULL)
		err = sealed_view(sealed, load_some, &load);
	locked_free(load.arena.base);
	SR_TRY(err);
	*out = SR_TAKE(g);
	return SR_OK;
}

/* ---- principals ---- */

static bool number(struct sr_str s, uint32_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 10)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = (uint32_t)v;
	return v < UINT32_MAX;          /* (uid_t)-1 is nobody */
}

static SR_RESULT resolve_user(const char *name, uint32_t *out)
{
	char room[16384];
	struct passwd pw, *user = NULL;

	if (getpwnam_r(name, &pw, room, sizeof room, &user) != 0 || user == NULL)
		return SR_NOT_FOUND;
	*out = user->pw_uid;
	return SR_OK;
}

static SR_RESULT resolve_group(const char *name, uint32_t *out)
{
	SR_AUTO_FREE char *room = malloc(GROUP_ROOM);
	struct group gr, *group = NULL;

	if (room == NULL)
		return SR_NOMEM;
	if (getgrnam_r(name, &gr, room, GROUP_ROOM, &group) != 0 || group == NULL)
		return SR_NOT_FOUND;
	*out = group->gr_gid;
	return SR_OK;
}

static bool unit_ok(struct sr_str s)
{
	const struct sr_str suffix = SR_STR(".service");

	if (s.n <= suffix.n || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) != 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '/')
			return false;
	return true;
}

SR_RESULT grant_principal(struct sr_str text, struct grant *out, const char **detail)
{
	const char *colon = memchr(text.p, ':', text.n);
	struct sr_str kind, rest;

	*detail = "a principal is user:NAME, uid:N, group:NAME, gid:N or unit:NAME.service";
	if (colon == NULL || !str_copy(text, out->principal, sizeof out->principal))
		return SR_BAD_PARAMETER;
	kind = (struct sr_str){ text.p, (size_t)(colon - text.p) };
	rest = (struct sr_str){ colon + 1, text.n - kind.n - 1 };
	if (rest.n == 0)
		return SR_BAD_PARAMETER;
	out->kind = kind_of(out->principal);
	if (str_is(kind, "uid") || str_is(kind, "gid")) {
		if (!number(rest, &out->resolved))
			return SR_BAD_PARAMETER;
		/* one spelling, so that a grant is found again by its principal */
		(void)snprintf(out->principal, sizeof out->principal, "%.3s:%u", kind.p, (unsigned)out->resolved);
		return SR_OK;
	}
	if (str_is(kind, "unit"))
		return unit_ok(rest) ? SR_OK : SR_BAD_PARAMETER;
	if (str_is(kind, "user")) {
		*detail = "there is no such user on this host";
		return resolve_user(out->principal + 5, &out->resolved);
	}
	if (str_is(kind, "group")) {
		*detail = "there is no such group on this host";
		return resolve_group(out->principal + 6, &out->resolved);
	}
	return SR_BAD_PARAMETER;
}
