/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vault/keys.h"

#include <string.h>

#include "base/str.h"

struct keys {
	struct sealed *sealed;
	struct backend *backend;
	struct keycache *cache;
};

void keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	keycache_free(keys->cache);
	free(keys);
}
SR_DEFINE_AUTO(keys, keys_free)

SR_RESULT keys_new(struct sealed *sealed, struct backend *backend, size_t cache_limit, struct keys **out)
{
	SR_AUTO(keys) k = calloc(1, sizeof *k);

	if (k == NULL)
		return SR_NOMEM;
	k->sealed = sealed;
	k->backend = backend;
	SR_TRY(keycache_new(cache_limit, &k->cache));
	*out = SR_TAKE(k);
	return SR_OK;
}

/* ---- key_ops ---- */

static const struct {
	const char *name, *kinds;
} key_ops[KEY_OPS] = {
#define KEY_OP(id, name, kinds) { name, kinds },
#include <strongroom/key_ops.def>
#undef KEY_OP
};

static bool op_fits(size_t op, const char *kty)
{
	return strchr(key_ops[op].kinds, kty[0]) != NULL;
}

SR_RESULT key_ops_parse(const struct sr_strs *names, bool given, const char *kty, unsigned *out, const char **detail)
{
	unsigned ops = 0;

	for (size_t i = 0; !given && i < KEY_OPS; i++)
		ops |= op_fits(i, kty) ? 1u << i : 0;
	for (size_t i = 0; given && i < names->n; i++) {
		size_t op = 0;

		while (op < KEY_OPS && !str_eq_nocase(names->v[i], str_of(key_ops[op].name)))
			op++;
		if (op == KEY_OPS) {
			*detail = "key_ops are encrypt, decrypt, sign, verify, wrapKey and unwrapKey";
			return SR_BAD_PARAMETER;
		}
		if (!op_fits(op, kty)) {
			*detail = "a key of this type can only sign and verify";
			return SR_BAD_PARAMETER;
		}
		ops |= 1u << op;
	}
	*out = ops;
	return SR_OK;
}

SR_RESULT key_ops_names(unsigned ops, struct arena *arena, struct sr_strs *out)
{
	struct sr_str *v = arena_get(arena, KEY_OPS * sizeof *v);
	size_t n = 0;

	if (v == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < KEY_OPS; i++)
		if ((ops >> i & 1) != 0)
			v[n++] = str_of(key_ops[i].name);
	*out = (struct sr_strs){ v, n };
	return SR_OK;
}

/* ---- kinds, by the id that records hold ---- */

static const char *const kind_ids[KEY_KINDS] = {
#define KEY(id, kty, crv, size, type, group, arc) #id,
#include <strongroom/keys.def>
#undef KEY
};

SR_RESULT key_kind_of_record(const struct version_record *record, enum key_kind *out)
{
	for (int i = 0; i < KEY_KINDS; i++)
		if (str_is(record->kind, kind_ids[i])) {
			*out = (enum key_kind)i;
			return SR_OK;
		}
	return SR_CORRUPT;
}

/* ---- versions ---- */

#define VERSION_TIME_DIGITS 12          /* 48 bits of milliseconds; then 80 random ones */

static uint64_t version_time(struct sr_str version)
{
	uint8_t bytes[6] = { 0 };
	uint64_t t = 0;

	if (version.n == SR_VERSION_LEN)
		(void)hex_decode((struct sr_str){ version.p, VERSION_TIME_DIGITS }, bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		t = t << 8 | bytes[i];
	return t;
}

/* Later than the one before it, even when the clock has gone back. */
static void version_make(char out[SR_VERSION_LEN + 1], struct sr_str before, uint64_t now_ms, const uint8_t random[10])
{
	uint64_t last = version_time(before), t = now_ms > last ? now_ms : last + 1;
	uint8_t bytes[16];

	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(t >> (40 - 8 * i));
	memcpy(bytes + 6, random, 10);
	hex_encode((struct sr_bytes){ bytes, sizeof bytes }, out);
}

static SR_RESULT labels_of(const struct key_settings *s, struct arena *arena, struct version_record *r)
{
	r->tags.n = s->tags_n;
	r->tags.v = arena_get(arena, s->tags_n * sizeof *r->tags.v);
	if (r->tags.v == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < s->tags_n; i++)
		r->tags.v[i] = (struct label_record){ .name = s->tags[i].name, .value = s->tags[i].value };
	return SR_OK;
}

SR_RESULT keys_rewrite(struct sealed_txn *txn, const struct sr_uri *uri, const struct version_record *record)
{
	struct record_path path = path_version(uri);

	return record_put(txn, &path, &version_record_schema, record);
}

static SR_RESULT put_version(struct sealed_txn *txn, const struct key_addition *a)
{
	const struct key_settings *s = a->settings;
	struct record_path path = path_material(a->uri);
	struct version_record r = {
		.kind = str_of(kind_ids[a->material->kind]),
		.spki = a->material->spki,
		.rsa1_5 = s->rsa1_5,
		.enabled = s->enabled,
		.created = a->now_ms / 1000,
		.updated = a->now_ms / 1000,
	};

	if (s->nbf != 0)
		REC_SET(version, &r, nbf, s->nbf);
	if (s->exp != 0)
		REC_SET(version, &r, exp, s->exp);
	SR_TRY(key_ops_names(s->ops, a->arena, &r.key_ops));
	SR_TRY(labels_of(s, a->arena, &r));
	SR_TRY(keys_rewrite(txn, a->uri, &r));
	return sealed_put(txn, path_str(&path), (struct sr_bytes){ a->material->private_key.p, a->material->private_key.n });
}

SR_RESULT keys_add(struct sealed_txn *txn, const struct key_addition *a)
{
	struct record_path vault = path_vault(a->uri), path = path_key(a->uri);
	struct key_record key = { .created = a->now_ms / 1000 };
	bool exists;
	enum sr_err err;

	SR_TRY(sealed_exists(txn, path_str(&vault), &exists));
	if (!exists)
		return SR_NOT_FOUND;
	err = record_get(txn, &path, &key_record_schema, &key, a->arena);
	if (err == SR_NOT_FOUND)
		key = (struct key_record){ .created = a->now_ms / 1000 };
	else
		SR_TRY(err);
	version_make(a->uri->version, key.latest, a->now_ms, a->random);
	key.latest = str_of(a->uri->version);
	SR_TRY(put_version(txn, a));
	return record_put(txn, &path, &key_record_schema, &key);
}

SR_RESULT keys_resolve(struct sealed_txn *txn, struct sr_uri *uri, struct arena *arena)
{
	struct record_path path = path_key(uri);
	struct key_record key;

	if (uri->version[0] != '\0')
		return SR_OK;
	SR_TRY(record_get(txn, &path, &key_record_schema, &key, arena));
	return str_copy(key.latest, uri->version, sizeof uri->version) ? SR_OK : SR_CORRUPT;
}

SR_RESULT keys_record(struct sealed_txn *txn, const struct sr_uri *uri, struct version_record *out, struct arena *arena)
{
	struct record_path path = path_version(uri);

	return record_get(txn, &path, &version_record_schema, out, arena);
}

void keys_changed(struct keys *keys, const struct sr_uri *uri)
{
	keycache_drop(keys->cache, uri);
}

/* ---- messages ---- */

static SR_RESULT kid_of(const struct sr_uri *uri, struct arena *arena, struct sr_str *out)
{
	char text[SR_URI_MAX + 1];
	size_t n = sr_uri_format(uri, text);

	*out = arena_str(arena, (struct sr_str){ text, n });
	return out->p == NULL ? SR_NOMEM : SR_OK;
}

static struct sr_key_attributes attributes_of(const struct version_record *r)
{
	struct sr_key_attributes a = { .enabled = r->enabled, .created = r->created, .updated = r->updated };

	if (REC_HAS(version, r, nbf))
		SR_SET(key_attributes, &a, nbf, r->nbf);
	if (REC_HAS(version, r, exp))
		SR_SET(key_attributes, &a, exp, r->exp);
	return a;
}

SR_RESULT key_item_of(const struct sr_uri *uri, const struct version_record *record, struct arena *arena, struct sr_key_item *out)
{
	enum key_kind kind;

	SR_TRY(key_kind_of_record(record, &kind));
	*out = (struct sr_key_item){ .kty = str_of(key_kinds[kind].kty), .size = key_kinds[kind].size,
		.attributes = attributes_of(record) };
	SR_TRY(kid_of(uri, arena, &out->kid));
	if (key_kinds[kind].crv[0] != '\0')
		SR_SET(key_item, out, crv, str_of(key_kinds[kind].crv));
	out->tags.n = record->tags.n;
	out->tags.v = arena_get(arena, record->tags.n * sizeof *out->tags.v);
	if (out->tags.v == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < record->tags.n; i++)
		out->tags.v[i] = (struct sr_tag){ .name = record->tags.v[i].name, .value = record->tags.v[i].value };
	return SR_OK;
}

SR_RESULT key_bundle_of(const struct sr_uri *uri, const struct version_record *record, struct arena *arena, struct sr_key_bundle *out)
{
	struct sr_key_item item;

	SR_TRY(key_item_of(uri, record, arena, &item));
	*out = (struct sr_key_bundle){ .kid = item.kid, .kty = item.kty, .size = item.size, .key_ops = record->key_ops,
		.spki = record->spki, .attributes = item.attributes };
	if (SR_HAS(key_item, &item, crv))
		SR_SET(key_bundle, out, crv, item.crv);
	if (record->rsa1_5)
		SR_SET(key_bundle, out, rsa1_5, true);
	out->tags.v = item.tags.v;
	out->tags.n = item.tags.n;
	return SR_OK;
}

/* ---- opening ---- */

struct opening {
	struct arena *arena;
	struct key_entry *entry;
	struct version_record record;
	struct sr_bytes material;
};

static enum sr_err read_version(struct sealed_txn *txn, void *arg)
{
	struct opening *o = arg;
	struct record_path path;

	SR_TRY(keys_resolve(txn, &o->entry->uri, o->arena));
	SR_TRY(keys_record(txn, &o->entry->uri, &o->record, o->arena));
	path = path_material(&o->entry->uri);
	return sealed_get(txn, path_str(&path), o->arena, &o->material);
}

static enum sr_err read_latest(struct sealed_txn *txn, void *arg)
{
	struct opening *o = arg;

	return keys_resolve(txn, &o->entry->uri, o->arena);
}

static SR_RESULT fill_entry(struct keys *keys, struct opening *o)
{
	struct key_entry *e = o->entry;
	const char *detail;

	SR_TRY(key_kind_of_record(&o->record, &e->kind));
	if (key_ops_parse(&o->record.key_ops, /* given= */ true, key_kinds[e->kind].kty, &e->ops, &detail) != SR_OK)
		return SR_CORRUPT;
	e->enabled = o->record.enabled;
	e->rsa1_5 = o->record.rsa1_5;
	e->nbf = REC_HAS(version, &o->record, nbf) ? o->record.nbf : 0;
	e->exp = REC_HAS(version, &o->record, exp) ? o->record.exp : 0;
	e->kid_len = sr_uri_format(&e->uri, e->kid);
	/* the plaintext stands in the arena, which is ours to write */
	return backend_key_open(keys->backend, e->kind,
		(struct sr_secret){ (uint8_t *)(uintptr_t)o->material.p, o->material.n }, &e->key, &e->cost);
}

static SR_RESULT open_version(struct keys *keys, const struct sr_uri *uri, struct arena *arena, struct key_entry **out)
{
	uint64_t generation = keycache_generation(keys->cache);
	struct opening o = { .arena = arena, .entry = calloc(1, sizeof *o.entry) };
	enum sr_err err;

	if (o.entry == NULL)
		return SR_NOMEM;
	o.entry->uri = *uri;
	atomic_init(&o.entry->refs, 1);
	err = sealed_view(keys->sealed, read_version, &o);
	if (err == SR_OK)
		err = fill_entry(keys, &o);
	if (err != SR_OK) {
		keycache_release(o.entry);
		return err;
	}
	keycache_add(keys->cache, o.entry, generation);
	*out = o.entry;
	return SR_OK;
}

SR_RESULT keys_open(struct keys *keys, const struct sr_uri *uri, struct arena *arena, struct key_entry **out)
{
	struct key_entry named = { .uri = *uri };
	struct opening o = { .arena = arena, .entry = &named };

	if (uri->version[0] == '\0')
		SR_TRY(sealed_view(keys->sealed, read_latest, &o));
	*out = keycache_get(keys->cache, &named.uri);
	return *out != NULL ? SR_OK : open_version(keys, &named.uri, arena, out);
}

SR_RESULT key_entry_check(const struct key_entry *entry, enum key_op op, uint64_t now)
{
	bool reads_old = op == KEY_OP_decrypt || op == KEY_OP_unwrap || op == KEY_OP_verify;

	if (!entry->enabled)
		return SR_DISABLED;
	if ((entry->ops >> op & 1) == 0)
		return SR_KEY_OP;
	if (entry->nbf != 0 && now < entry->nbf && !reads_old)
		return SR_NOT_YET_VALID;
	return entry->exp != 0 && now >= entry->exp && !reads_old ? SR_EXPIRED : SR_OK;
}
