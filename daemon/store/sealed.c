/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/sealed.h"

#include <sodium.h>
#include <string.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/store/sealed_txn.h"

#define HEAD_LEN (8 + 8 + SEALED_HASH_LEN)

/* prefix (of 2 bytes) and path, in buf. */
static SR_RESULT join(const char *prefix, struct sr_str path, char buf[STORE_PATH_MAX], struct sr_str *out)
{
	if (path.n == 0 || path.n > SEALED_PATH_MAX)
		return SR_BAD_PARAMETER;
	memcpy(buf, prefix, 2);
	memcpy(buf + 2, path.p, path.n);
	*out = (struct sr_str){ buf, 2 + path.n };
	return SR_OK;
}

/* --- the head --- */

static SR_RESULT head_load(struct sealed_txn *t)
{
	struct sealed_record record;
	struct sr_bytes stored;
	uint8_t plain[HEAD_LEN];
	enum sr_err err;

	if (t->head_known)
		return SR_OK;
	err = store_get(t->txn, SR_STR(SEALED_HEAD_PATH), &stored);
	if (err == SR_NOT_FOUND)
		return SR_CORRUPT;
	SR_TRY(err);
	if (stored.n != HEAD_LEN + SEALED_OVERHEAD)
		return SR_CORRUPT;
	SR_TRY(sealed_record_parse(stored, &record));
	SR_TRY(sealed_record_open(t->sealed->keys->root, t->sealed->id, SR_STR(SEALED_HEAD_PATH), &record, plain));
	t->head.revision = sealed_get64(plain);
	t->head.count = sealed_get64(plain + 8);
	memcpy(t->head.hash, plain + 16, SEALED_HASH_LEN);
	t->head_known = true;
	return SR_OK;
}

static SR_RESULT head_store(struct sealed_txn *t)
{
	uint8_t plain[HEAD_LEN], stored[HEAD_LEN + SEALED_OVERHEAD];

	sealed_put64(plain, t->head.revision);
	sealed_put64(plain + 8, t->head.count);
	memcpy(plain + 16, t->head.hash, SEALED_HASH_LEN);
	sealed_record_seal(t->sealed->keys->root, t->sealed->id, SR_STR(SEALED_HEAD_PATH), t->head.revision,
		(struct sr_bytes){ plain, sizeof plain }, stored);
	return store_put(t->txn, SR_STR(SEALED_HEAD_PATH), (struct sr_bytes){ stored, sizeof stored });
}

/* The head without the record that stands at this path.  Errors: NOT_FOUND, CORRUPT, the store's. */
static SR_RESULT head_without(struct sealed_txn *t, struct sr_str at, struct sealed_head *head)
{
	struct sealed_record record;
	struct sr_bytes stored;

	SR_TRY(store_get(t->txn, at, &stored));
	SR_TRY(sealed_record_parse(stored, &record));
	sealed_record_hash(t->sealed->keys->hash, at, record.revision, record.nonce, head->hash);
	head->count--;
	return SR_OK;
}

/* --- tenants' keys --- */

/* The name in tenant/NAME/...; n == 0: not such a path. */
static struct sr_str tenant_of(struct sr_str path)
{
	static const struct sr_str prefix = { "tenant/", 7 };
	struct sr_str name = { NULL, 0 };
	const char *slash;

	if (path.n <= prefix.n || memcmp(path.p, prefix.p, prefix.n) != 0)
		return name;
	name.p = path.p + prefix.n;
	slash = memchr(name.p, '/', path.n - prefix.n);
	if (slash != NULL)
		name.n = (size_t)(slash - name.p);
	return name;
}

static SR_RESULT tenant_key_room(struct sealed_txn *t)
{
	if (t->tenant_key == NULL)
		t->tenant_key = locked_alloc(SEALED_KEY_LEN);
	return t->tenant_key == NULL ? SR_NOMEM : SR_OK;
}

static SR_RESULT tenant_key_load(struct sealed_txn *t, struct sr_str tenant)
{
	char buf[STORE_PATH_MAX];
	struct sealed_record record;
	struct sr_bytes stored;
	struct sr_str at;

	SR_TRY(join(SEALED_TENANT_PREFIX, tenant, buf, &at));
	SR_TRY(store_get(t->txn, at, &stored));
	if (stored.n != SEALED_KEY_LEN + SEALED_OVERHEAD)
		return SR_CORRUPT;
	SR_TRY(sealed_record_parse(stored, &record));
	if (t->tenant_known && memcmp(t->tenant_nonce, record.nonce, SEALED_NONCE_LEN) == 0)
		return SR_OK;
	SR_TRY(tenant_key_room(t));
	t->tenant_known = false;
	SR_TRY(sealed_record_open(t->sealed->keys->root, t->sealed->id, at, &record, t->tenant_key));
	memcpy(t->tenant_nonce, record.nonce, SEALED_NONCE_LEN);
	t->tenant_known = true;
	return SR_OK;
}

SR_RESULT sealed_txn_key(struct sealed_txn *txn, struct sr_str path, const uint8_t **out)
{
	struct sr_str tenant = tenant_of(path);

	if (tenant.n == 0) {
		*out = txn->sealed->keys->root;
		return SR_OK;
	}
	SR_TRY(tenant_key_load(txn, tenant));
	*out = txn->tenant_key;
	return SR_OK;
}

/* --- records --- */

static SR_RESULT put_at(struct sealed_txn *t, struct sr_str at, const uint8_t *key, struct sr_bytes plaintext)
{
	size_t n = plaintext.n + SEALED_OVERHEAD;
	SR_AUTO_FREE uint8_t *stored = NULL;
	struct sealed_record record;
	struct sealed_head head;
	enum sr_err err;

	if (plaintext.n > SEALED_VALUE_MAX)
		return SR_TOO_LARGE;
	SR_TRY(head_load(t));
	head = t->head;
	err = head_without(t, at, &head);
	if (err != SR_OK && err != SR_NOT_FOUND)
		return err;
	stored = malloc(n);
	if (stored == NULL)
		return SR_NOMEM;
	head.revision++;
	head.count++;
	sealed_record_seal(key, t->sealed->id, at, head.revision, plaintext, stored);
	SR_TRY(sealed_record_parse((struct sr_bytes){ stored, n }, &record));
	sealed_record_hash(t->sealed->keys->hash, at, record.revision, record.nonce, head.hash);
	SR_TRY(store_put(t->txn, at, (struct sr_bytes){ stored, n }));
	t->head = head;
	t->head_changed = true;
	return SR_OK;
}

SR_RESULT sealed_put(struct sealed_txn *txn, struct sr_str path, struct sr_bytes plaintext)
{
	char buf[STORE_PATH_MAX];
	const uint8_t *key;
	struct sr_str at;

	SR_TRY(join(SEALED_RECORD_PREFIX, path, buf, &at));
	SR_TRY(sealed_txn_key(txn, path, &key));
	return put_at(txn, at, key, plaintext);
}

SR_RESULT sealed_delete(struct sealed_txn *txn, struct sr_str path)
{
	char buf[STORE_PATH_MAX];
	struct sealed_head head;
	struct sr_str at;

	SR_TRY(join(SEALED_RECORD_PREFIX, path, buf, &at));
	SR_TRY(head_load(txn));
	head = txn->head;
	SR_TRY(head_without(txn, at, &head));
	head.revision++;
	SR_TRY(store_delete(txn->txn, at));
	txn->head = head;
	txn->head_changed = true;
	return SR_OK;
}

/* Opens what stands at r/path into the arena. */
static SR_RESULT open_into(struct sealed_txn *t, struct sr_str at, struct sr_bytes stored,
	struct arena *arena, struct sr_bytes *out)
{
	struct sealed_record record;
	const uint8_t *key;
	uint8_t *plaintext;
	enum sr_err err;

	SR_TRY(sealed_record_parse(stored, &record));
	err = sealed_txn_key(t, (struct sr_str){ at.p + 2, at.n - 2 }, &key);
	if (err == SR_NOT_FOUND)
		return SR_CORRUPT;      /* a record, but its tenant's key is gone */
	SR_TRY(err);
	plaintext = arena_get(arena, stored.n - SEALED_OVERHEAD);
	if (plaintext == NULL)
		return SR_NOMEM;
	SR_TRY(sealed_record_open(key, t->sealed->id, at, &record, plaintext));
	*out = (struct sr_bytes){ plaintext, stored.n - SEALED_OVERHEAD };
	return SR_OK;
}

SR_RESULT sealed_get(struct sealed_txn *txn, struct sr_str path, struct arena *arena, struct sr_bytes *out)
{
	char buf[STORE_PATH_MAX];
	struct sr_bytes stored;
	struct sr_str at;

	SR_TRY(join(SEALED_RECORD_PREFIX, path, buf, &at));
	SR_TRY(store_get(txn->txn, at, &stored));
	return open_into(txn, at, stored, arena, out);
}

SR_RESULT sealed_exists(struct sealed_txn *txn, struct sr_str path, bool *out)
{
	char buf[STORE_PATH_MAX];
	struct sr_bytes stored;
	struct sr_str at;
	enum sr_err err;

	SR_TRY(join(SEALED_RECORD_PREFIX, path, buf, &at));
	err = store_get(txn->txn, at, &stored);
	if (err != SR_OK && err != SR_NOT_FOUND)
		return err;
	*out = err == SR_OK;
	return SR_OK;
}

typedef enum sr_err step_fn(struct store_txn *txn, struct sr_str prefix, struct sr_str from,
	struct sr_str *path, struct sr_bytes *value);

static SR_RESULT step(struct sealed_txn *t, step_fn *store_step, struct sr_str prefix, struct sr_str from,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value)
{
	char prefix_buf[STORE_PATH_MAX], from_buf[STORE_PATH_MAX];
	struct sr_str at_prefix = SR_STR(SEALED_RECORD_PREFIX), at_from = { NULL, 0 }, at, copy;
	struct sr_bytes stored;

	if (prefix.n > 0)
		SR_TRY(join(SEALED_RECORD_PREFIX, prefix, prefix_buf, &at_prefix));
	if (from.n > 0)
		SR_TRY(join(SEALED_RECORD_PREFIX, from, from_buf, &at_from));
	SR_TRY(store_step(t->txn, at_prefix, at_from, &at, &stored));
	copy = arena_str(arena, (struct sr_str){ at.p + 2, at.n - 2 });
	if (copy.p == NULL)
		return SR_NOMEM;
	if (value != NULL)
		SR_TRY(open_into(t, at, stored, arena, value));
	*path = copy;
	return SR_OK;
}

SR_RESULT sealed_next(struct sealed_txn *txn, struct sr_str prefix, struct sr_str after,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value)
{
	return step(txn, store_next, prefix, after, arena, path, value);
}

SR_RESULT sealed_previous(struct sealed_txn *txn, struct sr_str prefix, struct sr_str before,
	struct arena *arena, struct sr_str *path, struct sr_bytes *value)
{
	return step(txn, store_previous, prefix, before, arena, path, value);
}

SR_RESULT sealed_head(struct sealed_txn *txn, struct sealed_head *out)
{
	SR_TRY(head_load(txn));
	*out = txn->head;
	return SR_OK;
}

SR_RESULT sealed_tenant_create(struct sealed_txn *txn, struct sr_str tenant)
{
	char buf[STORE_PATH_MAX];
	struct sr_bytes stored;
	struct sr_str at;
	enum sr_err err;

	SR_TRY(join(SEALED_TENANT_PREFIX, tenant, buf, &at));
	if (memchr(tenant.p, '/', tenant.n) != NULL)
		return SR_BAD_PARAMETER;
	err = store_get(txn->txn, at, &stored);
	if (err != SR_NOT_FOUND)
		return err == SR_OK ? SR_CONFLICT : err;
	SR_TRY(tenant_key_room(txn));
	txn->tenant_known = false;
	randombytes_buf(txn->tenant_key, SEALED_KEY_LEN);
	return put_at(txn, at, txn->sealed->keys->root, (struct sr_bytes){ txn->tenant_key, SEALED_KEY_LEN });
}

/* --- transactions --- */

struct run {
	const struct sealed *sealed;
	sealed_fn *fn;
	void *arg;
};

static enum sr_err run(struct store_txn *txn, void *arg)
{
	const struct run *r = arg;
	struct sealed_txn t = { .sealed = r->sealed, .txn = txn };
	enum sr_err err = r->fn(&t, r->arg);

	if (err == SR_OK && t.head_changed)
		err = head_store(&t);
	locked_free(t.tenant_key);
	return err;
}

SR_RESULT sealed_view(struct sealed *sealed, sealed_fn *fn, void *arg)
{
	struct run r = { .sealed = sealed, .fn = fn, .arg = arg };

	return store_view(sealed->store, run, &r);
}

SR_RESULT sealed_update(struct sealed *sealed, sealed_fn *fn, void *arg)
{
	struct run r = { .sealed = sealed, .fn = fn, .arg = arg };

	return store_update(sealed->store, run, &r);
}

/* --- create, open, close --- */

static SR_RESULT sealed_new(struct store *store, struct sealed **out)
{
	SR_AUTO(sealed) sealed = NULL;

	if (sodium_init() < 0)
		return SR_INTERNAL;
	sealed = calloc(1, sizeof *sealed);
	if (sealed == NULL)
		return SR_NOMEM;
	sealed->store = store;
	sealed->keys = locked_alloc(sizeof *sealed->keys);
	if (sealed->keys == NULL)
		return SR_NOMEM;
	*out = SR_TAKE(sealed);
	return SR_OK;
}

void sealed_close(struct sealed *sealed)
{
	if (sealed == NULL)
		return;
	locked_free(sealed->keys);
	free(sealed);
}

const uint8_t *sealed_id(const struct sealed *sealed)
{
	return sealed->id;
}

/* An empty store, or not.  Errors: the store's. */
static SR_RESULT is_empty(struct store_txn *txn, bool *out)
{
	struct sr_str path;
	struct sr_bytes value;
	enum sr_err err = store_next(txn, SR_STR(""), SR_STR(""), &path, &value);

	if (err != SR_OK && err != SR_NOT_FOUND)
		return err;
	*out = err == SR_NOT_FOUND;
	return SR_OK;
}

struct creation {
	const struct sealed *sealed;
	const uint8_t *seal_key;
};

static enum sr_err create(struct store_txn *txn, void *arg)
{
	const struct creation *c = arg;
	const struct sealed *sealed = c->sealed;
	struct sealed_txn t = { .sealed = sealed, .txn = txn, .head_known = true };
	uint8_t root[sizeof *sealed->keys + SEALED_OVERHEAD];
	enum sr_err err;
	bool empty;

	SR_TRY(is_empty(txn, &empty));
	if (!empty)
		return SR_CONFLICT;
	sealed_record_seal(c->seal_key, sealed->id, SR_STR(SEALED_ROOT_PATH), /* revision= */ 0,
		(struct sr_bytes){ (const uint8_t *)sealed->keys, sizeof *sealed->keys }, root);
	SR_TRY(store_put(txn, SR_STR(SEALED_ID_PATH), (struct sr_bytes){ sealed->id, SEALED_ID_LEN }));
	SR_TRY(store_put(txn, SR_STR(SEALED_ROOT_PATH), (struct sr_bytes){ root, sizeof root }));
	err = sealed_tenant_create(&t, SR_STR("default"));
	if (err == SR_OK)
		err = head_store(&t);
	locked_free(t.tenant_key);
	return err;
}

SR_RESULT sealed_create(struct store *store, const uint8_t *seal_key)
{
	SR_AUTO(sealed) sealed = NULL;
	struct creation c = { .seal_key = seal_key };

	SR_TRY(sealed_new(store, &sealed));
	randombytes_buf(sealed->id, sizeof sealed->id);
	randombytes_buf(sealed->keys, sizeof *sealed->keys);
	c.sealed = sealed;
	return store_update(store, create, &c);
}

/* What must be there, once there is an id. */
static SR_RESULT get_part(struct store_txn *txn, struct sr_str path, size_t n, struct sr_bytes *out)
{
	enum sr_err err = store_get(txn, path, out);

	if (err == SR_NOT_FOUND)
		return SR_CORRUPT;
	SR_TRY(err);
	return out->n == n ? SR_OK : SR_CORRUPT;
}

struct opening {
	struct sealed *sealed;
	const uint8_t *seal_key;
};

static enum sr_err open_keys(struct store_txn *txn, void *arg)
{
	const struct opening *o = arg;
	struct sealed *sealed = o->sealed;
	struct sealed_txn t = { .sealed = sealed, .txn = txn };
	struct sealed_record record;
	struct sr_bytes stored;
	bool empty;

	SR_TRY(is_empty(txn, &empty));
	if (empty)
		return SR_NOT_FOUND;
	SR_TRY(get_part(txn, SR_STR(SEALED_ID_PATH), SEALED_ID_LEN, &stored));
	memcpy(sealed->id, stored.p, SEALED_ID_LEN);
	SR_TRY(get_part(txn, SR_STR(SEALED_ROOT_PATH), sizeof *sealed->keys + SEALED_OVERHEAD, &stored));
	SR_TRY(sealed_record_parse(stored, &record));
	if (sealed_record_open(o->seal_key, sealed->id, SR_STR(SEALED_ROOT_PATH), &record, (uint8_t *)sealed->keys) != SR_OK)
		return SR_BAD_SEAL;
	return head_load(&t);
}

SR_RESULT sealed_open(struct store *store, const uint8_t *seal_key, struct sealed **out)
{
	SR_AUTO(sealed) sealed = NULL;
	struct opening o = { .seal_key = seal_key };

	SR_TRY(sealed_new(store, &sealed));
	o.sealed = sealed;
	SR_TRY(store_view(store, open_keys, &o));
	*out = SR_TAKE(sealed);
	return SR_OK;
}
