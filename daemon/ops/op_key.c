/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: create, import, list, versions, show, update. */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "daemon/ops/call.h"
#include "daemon/vault/records.h"

#define LIST_DEFAULT 100
#define ITEM_MAX     16384      /* bytes of the arena that an item takes while it is read, at most */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A key without a version, since the new version gets an id of its own. */
static SR_RESULT need_new_key(struct call *call)
{
	SR_TRY(call_need_kind(call, SR_URI_KEYS));
	if (call->subject.version[0] != '\0')
		return call_fail(call, SR_BAD_PARAMETER, "a new version gets an id of its own: leave the version out");
	return SR_OK;
}

static SR_RESULT check_tags(struct call *call, const struct sr_tag *tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			if (str_eq(tags[i].name, tags[j].name))
				return call_fail(call, SR_BAD_PARAMETER, "tags: the same name twice");
	return SR_OK;
}

static SR_RESULT check_settings(struct call *call, const struct key_settings *s)
{
	if (s->nbf != 0 && s->exp != 0 && s->exp <= s->nbf)
		return call_fail(call, SR_BAD_PARAMETER, "exp: a key cannot expire before it becomes valid");
	return check_tags(call, s->tags, s->tags_n);
}

/* 0 is how records say that there is no limit: taken for a time, it would never come. */
static SR_RESULT check_exp(struct call *call, bool given, uint64_t exp)
{
	if (given && exp == 0)
		return call_fail(call, SR_BAD_PARAMETER, "exp: 0 is no time; a key that does not expire has none");
	return SR_OK;
}

/* ---- a new version ---- */

struct making {
	struct call *call;
	struct key_addition addition;
	char *kid;                      /* for the record; in the arena */
	struct version_record record;   /* what was stored, read back for the answer */
	size_t arena_mark;
};

static enum sr_err make(struct sealed_txn *txn, void *arg)
{
	struct making *m = arg;
	struct call *call = m->call;

	call->arena->used = m->arena_mark;      /* a rerun begins where the first run did */
	SR_TRY(keys_add(txn, &m->addition));
	SR_TRY(keys_record(txn, &call->subject, &m->record, call->arena));
	call->facts.object = (struct sr_str){ m->kid, sr_uri_format(&call->subject, m->kid) };
	return SR_OK;
}

static SR_RESULT add_version(struct call *call, const struct key_material *material, const struct key_settings *settings,
	struct sr_key_bundle *out)
{
	struct making m = { .call = call, .kid = arena_get(call->arena, SR_URI_MAX + 1) };
	enum sr_err err;

	if (m.kid == NULL)
		return SR_NOMEM;
	m.addition = (struct key_addition){ .uri = &call->subject, .material = material, .settings = settings,
		.now_ms = now_ms(), .arena = call->arena };
	randombytes_buf(m.addition.random, sizeof m.addition.random);
	m.arena_mark = call->arena->used;
	err = call_change(call, make, &m);
	if (err == SR_NOT_FOUND)
		return call_fail(call, err, "there is no vault %s", call->subject.vault);
	SR_TRY(err);
	return key_bundle_of(&call->subject, &m.record, call->arena, out);
}

/* Which setting fields both requests have, under the same names. */
#define SETTINGS_OF(m, q, kty, out, detail) \
	(*(out) = (struct key_settings){ \
		.rsa1_5 = SR_HAS(m, q, rsa1_5) && (q)->rsa1_5, \
		.enabled = !SR_HAS(m, q, enabled) || (q)->enabled, \
		.nbf = SR_HAS(m, q, nbf) ? (q)->nbf : 0, \
		.exp = SR_HAS(m, q, exp) ? (q)->exp : 0, \
		.tags = (q)->tags.v, .tags_n = (q)->tags.n }, \
	key_ops_parse(&(q)->key_ops, SR_HAS(m, q, key_ops), kty, &(out)->ops, detail))

static SR_RESULT check_rsa1_5(struct call *call, const struct key_settings *s, const char *kty)
{
	if (s->rsa1_5 && strcmp(kty, "RSA") != 0)
		return call_fail(call, SR_BAD_PARAMETER, "rsa1_5: only RSA keys can decrypt");
	return SR_OK;
}

enum sr_err op_key_create(struct call *call, const struct sr_key_create_req *q, struct sr_key_create_rep *r)
{
	struct key_material material;
	struct key_settings settings;
	enum key_kind kind;
	const char *detail = NULL;
	enum sr_err err;

	SR_TRY(need_new_key(call));
	SR_TRY(check_exp(call, SR_HAS(key_create_req, q, exp), q->exp));
	err = key_kind_find(q->kty, SR_HAS(key_create_req, q, crv) ? q->crv : (struct sr_str){ NULL, 0 },
		SR_HAS(key_create_req, q, size) ? q->size : 0, &kind, &detail);
	if (err == SR_OK)
		err = SETTINGS_OF(key_create_req, q, key_kinds[kind].kty, &settings, &detail);
	if (err != SR_OK)
		return call_fail(call, err, "%s", detail != NULL ? detail : sr_strerror(err));
	SR_TRY(check_settings(call, &settings));
	SR_TRY(check_rsa1_5(call, &settings, key_kinds[kind].kty));
	SR_TRY(backend_generate(call->d->backend, kind, call->arena, &material));
	return add_version(call, &material, &settings, &r->key);
}

enum sr_err op_key_import(struct call *call, const struct sr_key_import_req *q, struct sr_key_import_rep *r)
{
	struct key_material material;
	struct key_settings settings;
	const char *detail = NULL;
	enum sr_err err;

	SR_TRY(need_new_key(call));
	SR_TRY(check_exp(call, SR_HAS(key_import_req, q, exp), q->exp));
	err = backend_import(call->d->backend, q->material, q->passphrase, call->arena, &material, &detail);
	if (err == SR_OK)
		err = SETTINGS_OF(key_import_req, q, key_kinds[material.kind].kty, &settings, &detail);
	if (err != SR_OK)
		return call_fail(call, err, "%s", detail != NULL ? detail : sr_strerror(err));
	SR_TRY(check_settings(call, &settings));
	SR_TRY(check_rsa1_5(call, &settings, key_kinds[material.kind].kty));
	return add_version(call, &material, &settings, &r->key);
}

/* ---- show ---- */

struct showing {
	struct call *call;
	struct version_record record;
};

static enum sr_err show(struct sealed_txn *txn, void *arg)
{
	struct showing *s = arg;

	SR_TRY(keys_resolve(txn, &s->call->subject, s->call->arena));
	return keys_record(txn, &s->call->subject, &s->record, s->call->arena);
}

static SR_RESULT not_found(struct call *call, enum sr_err err)
{
	if (err != SR_NOT_FOUND)
		return err;
	return call_fail(call, err, "vault %s has no key %s%s%s", call->subject.vault, call->subject.name,
		call->subject.version[0] != '\0' ? " version " : "", call->subject.version);
}

enum sr_err op_key_get(struct call *call, const struct sr_key_get_req *q, struct sr_key_get_rep *r)
{
	struct showing s = { .call = call };

	(void)q;
	SR_TRY(call_need_kind(call, SR_URI_KEYS));
	SR_TRY(not_found(call, sealed_view(call->d->sealed, show, &s)));
	return key_bundle_of(&call->subject, &s.record, call->arena, &r->key);
}

/* ---- update ---- */

struct updating {
	struct call *call;
	const struct sr_key_update_req *q;
	struct version_record record;
	char *kid;
	size_t arena_mark;
	const char *detail;
};

static SR_RESULT apply_tags(struct updating *u)
{
	const struct sr_key_update_req *q = u->q;

	if (!SR_HAS(key_update_req, q, set_tags) || !q->set_tags)
		return SR_OK;
	u->record.tags.n = q->tags.n;
	if ((u->record.tags.v = arena_get(u->call->arena, q->tags.n * sizeof *u->record.tags.v)) == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < q->tags.n; i++)
		u->record.tags.v[i] = (struct label_record){ .name = q->tags.v[i].name, .value = q->tags.v[i].value };
	return SR_OK;
}

static SR_RESULT apply_ops(struct updating *u, const char *kty)
{
	unsigned bits;

	if (!SR_HAS(key_update_req, u->q, key_ops))
		return SR_OK;
	SR_TRY(key_ops_parse(&u->q->key_ops, /* given= */ true, kty, &bits, &u->detail));
	return key_ops_names(bits, u->call->arena, &u->record.key_ops);
}

static SR_RESULT apply_times(struct updating *u)
{
	const struct sr_key_update_req *q = u->q;
	struct version_record *r = &u->record;

	if (SR_HAS(key_update_req, q, nbf))
		REC_SET(version, r, nbf, q->nbf);
	if (SR_HAS(key_update_req, q, exp))
		REC_SET(version, r, exp, q->exp);
	if (SR_HAS(key_update_req, q, no_nbf) && q->no_nbf)
		REC_CLEAR(version, r, nbf);
	if (SR_HAS(key_update_req, q, no_exp) && q->no_exp)
		REC_CLEAR(version, r, exp);
	if (REC_HAS(version, r, nbf) && REC_HAS(version, r, exp) && r->exp <= r->nbf) {
		u->detail = "exp: a key cannot expire before it becomes valid";
		return SR_BAD_PARAMETER;
	}
	return SR_OK;
}

static SR_RESULT apply(struct updating *u)
{
	const struct sr_key_update_req *q = u->q;
	enum key_kind kind;

	SR_TRY(key_kind_of_record(&u->record, &kind));
	SR_TRY(apply_ops(u, key_kinds[kind].kty));
	SR_TRY(apply_times(u));
	SR_TRY(apply_tags(u));
	if (SR_HAS(key_update_req, q, enabled))
		u->record.enabled = q->enabled;
	if (SR_HAS(key_update_req, q, rsa1_5))
		u->record.rsa1_5 = q->rsa1_5;
	if (u->record.rsa1_5 && strcmp(key_kinds[kind].kty, "RSA") != 0) {
		u->detail = "rsa1_5: only RSA keys can decrypt";
		return SR_BAD_PARAMETER;
	}
	u->record.updated = now_ms() / 1000;
	return SR_OK;
}

static enum sr_err update(struct sealed_txn *txn, void *arg)
{
	struct updating *u = arg;
	struct call *call = u->call;

	call->arena->used = u->arena_mark;
	SR_TRY(keys_resolve(txn, &call->subject, call->arena));
	SR_TRY(keys_record(txn, &call->subject, &u->record, call->arena));
	SR_TRY(apply(u));
	call->facts.object = (struct sr_str){ u->kid, sr_uri_format(&call->subject, u->kid) };
	return keys_rewrite(txn, &call->subject, &u->record);
}

enum sr_err op_key_update(struct call *call, const struct sr_key_update_req *q, struct sr_key_update_rep *r)
{
	struct updating u = { .call = call, .q = q, .kid = arena_get(call->arena, SR_URI_MAX + 1) };
	enum sr_err err;

	SR_TRY(call_need_kind(call, SR_URI_KEYS));
	SR_TRY(check_exp(call, SR_HAS(key_update_req, q, exp), q->exp));
	SR_TRY(check_tags(call, q->tags.v, q->tags.n));
	if (u.kid == NULL)
		return SR_NOMEM;
	u.arena_mark = call->arena->used;
	err = call_change(call, update, &u);
	if (err != SR_OK && u.detail != NULL)
		return call_fail(call, err, "%s", u.detail);
	SR_TRY(not_found(call, err));
	keys_changed(call->d->keys, &call->subject);
	return key_bundle_of(&call->subject, &u.record, call->arena, &r->key);
}

/* ---- lists ---- */

struct listing {
	struct call *call;
	struct sr_key_item *items;
	size_t n, max;
	size_t arena_end;               /* items end here, since they are encoded once more */
	char after[SR_NAME_MAX + 1];    /* or a version */
	bool more;
};

static SR_RESULT listing_begin(struct call *call, struct listing *l, bool has_max, uint64_t max, struct sr_str after)
{
	*l = (struct listing){ .call = call, .max = has_max && max > 0 && max < LIST_DEFAULT ? (size_t)max : LIST_DEFAULT };
	if (!str_copy(after, l->after, sizeof l->after))
		return call_fail(call, SR_BAD_PARAMETER, "after: too long");
	l->items = arena_get(call->arena, l->max * sizeof *l->items);
	if (l->items == NULL)
		return SR_NOMEM;
	l->arena_end = call->arena->used + (call->arena->cap - call->arena->used) / 2;
	return SR_OK;
}

/* A page ends after max items, or sooner where they are long (tags): the next call goes on. */
static bool is_full(const struct listing *l)
{
	return l->n == l->max || (l->n > 0 && l->call->arena->used + ITEM_MAX > l->arena_end);
}

static struct sr_str last_part(struct sr_str path)
{
	const char *slash = memrchr(path.p, '/', path.n);

	return slash == NULL ? path : (struct sr_str){ slash + 1, (size_t)(path.p + path.n - slash - 1) };
}

static SR_RESULT list_latest(struct sealed_txn *txn, struct listing *l, struct sr_str name)
{
	struct sr_uri uri = l->call->subject;
	struct version_record record;

	uri.kind = SR_URI_KEYS;
	if (!str_copy(name, uri.name, sizeof uri.name))
		return SR_CORRUPT;
	SR_TRY(keys_resolve(txn, &uri, l->call->arena));
	SR_TRY(keys_record(txn, &uri, &record, l->call->arena));
	uri.version[0] = '\0';          /* Azure's lists name the key, not its version */
	SR_TRY(key_item_of(&uri, &record, l->call->arena, &l->items[l->n]));
	l->n++;
	return str_copy(name, l->after, sizeof l->after) ? SR_OK : SR_CORRUPT;
}

static enum sr_err list_keys(struct sealed_txn *txn, void *arg)
{
	struct listing *l = arg;
	const struct sr_uri *uri = &l->call->subject;
	struct record_path prefix = path_printf("tenant/%s/key/%s/", uri->tenant, uri->vault);

	for (;;) {
		char after[STORE_PATH_MAX + 1] = "";
		struct sr_str path;
		enum sr_err err;

		if (l->after[0] != '\0')
			(void)snprintf(after, sizeof after, "%s%s", prefix.text, l->after);
		err = sealed_next(txn, path_str(&prefix), str_of(after), l->call->arena, &path, /* value= */ NULL);
		if (err == SR_NOT_FOUND)
			return SR_OK;
		SR_TRY(err);
		if (is_full(l)) {
			l->more = true;
			return SR_OK;
		}
		SR_TRY(list_latest(txn, l, last_part(path)));
	}
}

/* The span of a list's last element, for the reply's next. */
static struct sr_str next_of(struct listing *l)
{
	return arena_str(l->call->arena, str_of(l->after));
}

enum sr_err op_key_list(struct call *call, const struct sr_key_list_req *q, struct sr_key_list_rep *r)
{
	struct listing l;

	SR_TRY(call_need_kind(call, SR_URI_VAULT));
	SR_TRY(listing_begin(call, &l, SR_HAS(key_list_req, q, max), q->max, q->after));
	SR_TRY(sealed_view(call->d->sealed, list_keys, &l));
	r->keys.v = l.items;
	r->keys.n = l.n;
	if (l.more)
		SR_SET(key_list_rep, r, next, next_of(&l));
	return SR_OK;
}

static SR_RESULT list_version(struct listing *l, struct sr_str version, struct sr_bytes bytes)
{
	struct sr_uri uri = l->call->subject;
	struct version_record record;

	if (!str_copy(version, uri.version, sizeof uri.version))
		return SR_CORRUPT;
	SR_TRY(record_decode(bytes, &version_record_schema, &record, l->call->arena));
	SR_TRY(key_item_of(&uri, &record, l->call->arena, &l->items[l->n]));
	l->n++;
	return str_copy(version, l->after, sizeof l->after) ? SR_OK : SR_CORRUPT;
}

static enum sr_err list_versions(struct sealed_txn *txn, void *arg)
{
	struct listing *l = arg;
	struct record_path prefix = path_version(&l->call->subject);

	for (;;) {
		char before[STORE_PATH_MAX + 1] = "";
		struct sr_bytes bytes;
		struct sr_str path;
		enum sr_err err;

		if (l->after[0] != '\0')
			(void)snprintf(before, sizeof before, "%s%s", prefix.text, l->after);
		err = sealed_previous(txn, path_str(&prefix), str_of(before), l->call->arena, &path, &bytes);
		if (err == SR_NOT_FOUND)
			return l->n == 0 && l->after[0] == '\0' ? SR_NOT_FOUND : SR_OK;
		SR_TRY(err);
		if (is_full(l)) {
			l->more = true;
			return SR_OK;
		}
		SR_TRY(list_version(l, last_part(path), bytes));
	}
}

enum sr_err op_key_versions(struct call *call, const struct sr_key_versions_req *q, struct sr_key_versions_rep *r)
{
	struct listing l;

	SR_TRY(call_need_kind(call, SR_URI_KEYS));
	call->subject.version[0] = '\0';
	SR_TRY(listing_begin(call, &l, SR_HAS(key_versions_req, q, max), q->max, q->after));
	SR_TRY(not_found(call, sealed_view(call->d->sealed, list_versions, &l)));
	r->keys.v = l.items;
	r->keys.n = l.n;
	if (l.more)
		SR_SET(key_versions_rep, r, next, next_of(&l));
	return SR_OK;
}
