/* SPDX-License-Identifier: Apache-2.0 */
/* What daemon/store/sealed.h promises: only the key opens, nothing can be moved,
 * altered, put back or taken away unseen.  Over both stores. */
#include "daemon/store/sealed.h"

#include <pthread.h>
#include <string.h>

#include "base/str.h"
#include "locked_first.h"
#include "scratch.h"

static const uint8_t seal_key[SEALED_KEY_LEN] = "0123456789abcdef0123456789abcde";
static const uint8_t other_key[SEALED_KEY_LEN] = "0123456789abcdef0123456789abcdX";

struct fixture {
	struct scratch scratch;
	struct store *store;
	struct sealed *sealed;
};

typedef void promise_fn(struct fixture *f);

static void over_lmdb(promise_fn *promise)
{
	struct store_lmdb_options options = { .map_size = 1 << 20, .create = true };
	struct fixture f;

	scratch_make(&f.scratch);
	cr_assert_eq(store_lmdb_open(f.scratch.fd, "store", &options, &f.store), SR_OK);
	cr_assert_eq(sealed_create(f.store, seal_key), SR_OK);
	cr_assert_eq(sealed_open(f.store, seal_key, &f.sealed), SR_OK);
	promise(&f);
	sealed_close(f.sealed);
	store_close(f.store);
	scratch_remove(&f.scratch);
}

static void over_memory(promise_fn *promise)
{
	struct fixture f;

	cr_assert_eq(store_mem_open(3, &f.store), SR_OK);
	cr_assert_eq(sealed_create(f.store, seal_key), SR_OK);
	cr_assert_eq(sealed_open(f.store, seal_key, &f.sealed), SR_OK);
	promise(&f);
	sealed_close(f.sealed);
	store_close(f.store);
}

#define PROMISE(name) \
	static void name(struct fixture *f); \
	Test(sealed_lmdb, name) { over_lmdb(name); } \
	Test(sealed_memory, name) { over_memory(name); } \
	static void name(struct fixture *f)

/* --- one call each --- */

struct call {
	const char *path, *value;
	uint8_t block[8192];
	struct arena arena;
	struct sr_bytes found;
	struct sealed_head head;
	bool exists;
};

static struct sr_bytes bytes_of(const char *text)
{
	return (struct sr_bytes){ (const uint8_t *)text, strlen(text) };
}

static enum sr_err fn_put(struct sealed_txn *txn, void *arg)
{
	struct call *c = arg;

	return sealed_put(txn, str_of(c->path), bytes_of(c->value));
}

static enum sr_err put(struct fixture *f, const char *path, const char *value)
{
	struct call c = { .path = path, .value = value };

	return sealed_update(f->sealed, fn_put, &c);
}

static enum sr_err fn_delete(struct sealed_txn *txn, void *arg)
{
	struct call *c = arg;

	return sealed_delete(txn, str_of(c->path));
}

static enum sr_err delete(struct fixture *f, const char *path)
{
	struct call c = { .path = path };

	return sealed_update(f->sealed, fn_delete, &c);
}

static enum sr_err fn_get(struct sealed_txn *txn, void *arg)
{
	struct call *c = arg;

	SR_TRY(sealed_exists(txn, str_of(c->path), &c->exists));
	return sealed_get(txn, str_of(c->path), &c->arena, &c->found);
}

static enum sr_err get(struct fixture *f, struct call *c, const char *path)
{
	c->path = path;
	c->arena = (struct arena){ .base = c->block, .cap = sizeof c->block };
	return sealed_view(f->sealed, fn_get, c);
}

static void expect(struct fixture *f, const char *path, const char *value)
{
	struct call c;
	enum sr_err err = get(f, &c, path);

	cr_assert_eq(err, value == NULL ? SR_NOT_FOUND : SR_OK, "%s: error %d", path, err);
	cr_assert_eq(c.exists, value != NULL);
	if (value != NULL)
		cr_assert(c.found.n == strlen(value) && memcmp(c.found.p, value, c.found.n) == 0, "%s", path);
}

static enum sr_err fn_head(struct sealed_txn *txn, void *arg)
{
	struct call *c = arg;

	return sealed_head(txn, &c->head);
}

static struct sealed_head head_of(struct fixture *f)
{
	struct call c;

	cr_assert_eq(sealed_view(f->sealed, fn_head, &c), SR_OK);
	return c.head;
}

static enum sr_err fn_tenant(struct sealed_txn *txn, void *arg)
{
	return sealed_tenant_create(txn, str_of(arg));
}

static enum sr_err tenant(struct fixture *f, const char *name)
{
	char copy[64];

	(void)snprintf(copy, sizeof copy, "%s", name);
	return sealed_update(f->sealed, fn_tenant, copy);
}

/* --- what sealed_check says --- */

struct findings {
	int n;
	char path[64], what[128];
};

static void note_finding(struct sr_str path, const char *what, void *arg)
{
	struct findings *findings = arg;

	findings->n++;
	(void)str_copy(path, findings->path, sizeof findings->path);
	(void)snprintf(findings->what, sizeof findings->what, "%s", what);
}

static void expect_clean(struct fixture *f)
{
	struct findings findings = { .n = 0 };

	cr_assert_eq(sealed_check(f->sealed, note_finding, &findings), SR_OK, "%s: %s", findings.path, findings.what);
	cr_assert_eq(findings.n, 0);
}

static void expect_finding(struct fixture *f, const char *path, const char *word)
{
	struct findings findings = { .n = 0 };

	cr_assert_eq(sealed_check(f->sealed, note_finding, &findings), SR_CORRUPT);
	cr_assert_eq(findings.n, 1, "%d, the last: %s: %s", findings.n, findings.path, findings.what);
	cr_assert_str_eq(findings.path, path);
	cr_assert_not_null(strstr(findings.what, word), "%s", findings.what);
}

/* --- by hand, below the seal --- */

struct raw {
	const char *path;
	uint8_t buf[1024];
	size_t n;
};

static enum sr_err fn_raw_get(struct store_txn *txn, void *arg)
{
	struct raw *raw = arg;
	struct sr_bytes value;

	SR_TRY(store_get(txn, str_of(raw->path), &value));
	cr_assert_leq(value.n, sizeof raw->buf);
	memcpy(raw->buf, value.p, value.n);
	raw->n = value.n;
	return SR_OK;
}

static struct raw raw_get(struct fixture *f, const char *path)
{
	struct raw raw = { .path = path };

	cr_assert_eq(store_view(f->store, fn_raw_get, &raw), SR_OK, "%s", path);
	return raw;
}

static enum sr_err fn_raw_put(struct store_txn *txn, void *arg)
{
	struct raw *raw = arg;

	return store_put(txn, str_of(raw->path), (struct sr_bytes){ raw->buf, raw->n });
}

static void raw_put(struct fixture *f, const char *path, struct raw raw)
{
	raw.path = path;
	cr_assert_eq(store_update(f->store, fn_raw_put, &raw), SR_OK);
}

static enum sr_err fn_raw_delete(struct store_txn *txn, void *arg)
{
	return store_delete(txn, str_of(((struct raw *)arg)->path));
}

static void raw_delete(struct fixture *f, const char *path)
{
	struct raw raw = { .path = path };

	cr_assert_eq(store_update(f->store, fn_raw_delete, &raw), SR_OK);
}

/* --- promises --- */

PROMISE(what_was_put_comes_back)
{
	expect(f, "a", NULL);
	cr_assert_eq(put(f, "a", "one"), SR_OK);
	cr_assert_eq(put(f, "tenant/default/a", "two"), SR_OK);
	cr_assert_eq(put(f, "empty", ""), SR_OK);
	expect(f, "a", "one");
	expect(f, "tenant/default/a", "two");
	expect(f, "empty", "");
	cr_assert_eq(put(f, "a", "another"), SR_OK);
	expect(f, "a", "another");
	cr_assert_eq(delete(f, "a"), SR_OK);
	expect(f, "a", NULL);
	cr_assert_eq(delete(f, "a"), SR_NOT_FOUND);
	expect_clean(f);
}

PROMISE(records_are_there_when_opened_again)
{
	uint8_t id[SEALED_ID_LEN];

	memcpy(id, sealed_id(f->sealed), sizeof id);
	cr_assert_eq(put(f, "a", "one"), SR_OK);
	cr_assert_eq(put(f, "tenant/default/a", "two"), SR_OK);
	sealed_close(f->sealed);
	cr_assert_eq(sealed_open(f->store, seal_key, &f->sealed), SR_OK);
	cr_assert_eq(memcmp(id, sealed_id(f->sealed), sizeof id), 0);
	expect(f, "a", "one");
	expect(f, "tenant/default/a", "two");
	expect_clean(f);
}

PROMISE(another_key_does_not_open_it)
{
	struct sealed *again = NULL;

	cr_assert_eq(sealed_open(f->store, other_key, &again), SR_BAD_SEAL);
	cr_assert_null(again);
}

PROMISE(it_is_never_made_over_what_is_there)
{
	cr_assert_eq(sealed_create(f->store, seal_key), SR_CONFLICT);
	expect_clean(f);
}

Test(sealed, an_empty_store_is_not_a_sealed_one)
{
	struct store *store = NULL;
	struct sealed *sealed = NULL;

	cr_assert_eq(store_mem_open(1, &store), SR_OK);
	cr_assert_eq(sealed_open(store, seal_key, &sealed), SR_NOT_FOUND);
	store_close(store);
}

PROMISE(any_altered_part_of_its_own_records_is_noticed_at_open)
{
	static const char *const parts[] = { "s/id", "s/root", "s/head" };

	for (size_t i = 0; i < SR_COUNT(parts); i++) {
		struct raw good = raw_get(f, parts[i]), bad = good;
		struct sealed *again = NULL;
		enum sr_err err;

		for (size_t at = 0; at < good.n; at += 7) {
			bad = good;
			bad.buf[at] ^= 0x40;
			raw_put(f, parts[i], bad);
			err = sealed_open(f->store, seal_key, &again);
			cr_assert(err == SR_BAD_SEAL || err == SR_CORRUPT, "%s, byte %zu: error %d", parts[i], at, err);
		}
		bad.n--;
		raw_put(f, parts[i], bad);
		cr_assert_eq(sealed_open(f->store, seal_key, &again), SR_CORRUPT);
		raw_delete(f, parts[i]);
		cr_assert_eq(sealed_open(f->store, seal_key, &again), SR_CORRUPT);
		raw_put(f, parts[i], good);
		cr_assert_null(again);
	}
	expect_clean(f);
}

PROMISE(any_flipped_bit_of_a_record_is_noticed)
{
	static const char *const paths[] = { "r/a", "r/tenant/default/a" };
	struct raw good, bad;
	struct call c;

	cr_assert_eq(put(f, "a", "a value"), SR_OK);
	cr_assert_eq(put(f, "tenant/default/a", "a value"), SR_OK);
	for (size_t i = 0; i < SR_COUNT(paths); i++) {
		good = raw_get(f, paths[i]);
		cr_assert_eq(good.n, strlen("a value") + SEALED_OVERHEAD);
		for (size_t bit = 0; bit < good.n * 8; bit++) {
			bad = good;
			bad.buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
			raw_put(f, paths[i], bad);
			cr_assert_eq(get(f, &c, paths[i] + 2), SR_CORRUPT, "bit %zu", bit);
		}
		expect_finding(f, paths[i], "altered");
		for (size_t n = 0; n < good.n; n++) {
			bad = good;
			bad.n = n;
			raw_put(f, paths[i], bad);
			cr_assert_eq(get(f, &c, paths[i] + 2), SR_CORRUPT, "%zu bytes", n);
		}
		expect_finding(f, paths[i], "altered");
		bad.n = 0;
		raw_put(f, paths[i], bad);
		expect_finding(f, paths[i], "form");
		raw_put(f, paths[i], good);
		expect_clean(f);
	}
}

PROMISE(swapped_records_are_noticed)
{
	struct raw a, b;
	struct call c;

	cr_assert_eq(put(f, "a", "one"), SR_OK);
	cr_assert_eq(put(f, "b", "two"), SR_OK);
	a = raw_get(f, "r/a");
	b = raw_get(f, "r/b");
	raw_put(f, "r/b", a);
	cr_assert_eq(get(f, &c, "b"), SR_CORRUPT);
	expect_finding(f, "r/b", "another's place");
	raw_put(f, "r/b", b);
	expect_clean(f);
	raw_put(f, "r/c", a);
	cr_assert_eq(get(f, &c, "c"), SR_CORRUPT);
}

PROMISE(a_record_of_another_store_is_noticed)
{
	struct store *other = NULL;
	struct sealed *sealed = NULL;
	struct fixture g;
	struct call c;

	cr_assert_eq(store_mem_open(1, &other), SR_OK);
	cr_assert_eq(sealed_create(other, seal_key), SR_OK);
	cr_assert_eq(sealed_open(other, seal_key, &sealed), SR_OK);
	g = (struct fixture){ .store = other, .sealed = sealed };
	cr_assert_eq(put(f, "a", "one"), SR_OK);
	cr_assert_eq(put(&g, "a", "two"), SR_OK);
	raw_put(f, "r/a", raw_get(&g, "r/a"));
	cr_assert_eq(get(f, &c, "a"), SR_CORRUPT);
	/* nor do its keys open here, though the seal is the same */
	raw_put(f, "s/root", raw_get(&g, "s/root"));
	sealed_close(sealed);
	sealed = NULL;
	cr_assert_eq(sealed_open(f->store, seal_key, &sealed), SR_BAD_SEAL);
	store_close(other);
}

PROMISE(a_record_that_was_rolled_back_is_found)
{
	struct raw old, now;

	cr_assert_eq(put(f, "a", "old"), SR_OK);
	cr_assert_eq(put(f, "b", "beside"), SR_OK);
	old = raw_get(f, "r/a");
	cr_assert_eq(put(f, "a", "new"), SR_OK);
	now = raw_get(f, "r/a");
	expect_clean(f);
	raw_put(f, "r/a", old);
	expect_finding(f, "", "older revision");
	raw_put(f, "r/a", now);
	expect_clean(f);
}

PROMISE(a_record_of_the_same_revision_from_a_lost_commit_is_found)
{
	struct raw head, kept, lost;

	head = raw_get(f, "s/head");
	cr_assert_eq(put(f, "a", "lost"), SR_OK);
	lost = raw_get(f, "r/a");
	raw_delete(f, "r/a");
	raw_put(f, "s/head", head);
	cr_assert_eq(put(f, "a", "kept"), SR_OK);
	kept = raw_get(f, "r/a");
	cr_assert_eq(memcmp(kept.buf, lost.buf, 9), 0, "the same revision");
	expect_clean(f);
	raw_put(f, "r/a", lost);
	expect_finding(f, "", "older revision");
}

PROMISE(a_record_that_was_removed_or_put_back_by_hand_is_found)
{
	struct raw a;

	cr_assert_eq(put(f, "a", "one"), SR_OK);
	cr_assert_eq(put(f, "b", "two"), SR_OK);
	a = raw_get(f, "r/a");
	raw_delete(f, "r/a");
	expect_finding(f, "", "removed");
	raw_put(f, "r/a", a);
	expect_clean(f);
	cr_assert_eq(delete(f, "a"), SR_OK);
	expect_clean(f);
	raw_put(f, "r/a", a);
	expect_finding(f, "", "put back");
}

PROMISE(an_older_head_is_found)
{
	struct raw head = raw_get(f, "s/head");

	cr_assert_eq(put(f, "a", "one"), SR_OK);
	raw_put(f, "s/head", head);
	expect_finding(f, "", "head is older");
	cr_assert_eq(put(f, "b", "two"), SR_OK);
	cr_assert_eq(put(f, "b", "two"), SR_OK);
	expect_finding(f, "", "put back");
}

PROMISE(what_does_not_belong_is_found)
{
	struct raw raw = { .n = 60 };

	raw_put(f, "x/y", raw);
	expect_finding(f, "x/y", "belong");
	raw_delete(f, "x/y");
	raw_put(f, "r/y", raw);
	{
		struct findings findings = { .n = 0 };

		cr_assert_eq(sealed_check(f->sealed, note_finding, &findings), SR_CORRUPT);
		cr_assert_geq(findings.n, 1);
	}
}

PROMISE(a_damaged_head_stops_changes_but_not_reading)
{
	struct raw head = raw_get(f, "s/head"), bad = head;

	cr_assert_eq(put(f, "a", "one"), SR_OK);
	bad.buf[40] ^= 1;
	raw_put(f, "s/head", bad);
	cr_assert_eq(put(f, "a", "two"), SR_CORRUPT);
	cr_assert_eq(delete(f, "a"), SR_CORRUPT);
	expect(f, "a", "one");
	expect_finding(f, "s/head", "altered");
}

PROMISE(the_head_counts_and_every_change_moves_it_on)
{
	struct sealed_head first = head_of(f), now;

	cr_assert_eq(first.count, 1, "the default tenant's key");
	cr_assert_eq(put(f, "a", "one"), SR_OK);
	now = head_of(f);
	cr_assert_eq(now.count, first.count + 1);
	cr_assert_eq(now.revision, first.revision + 1);
	cr_assert_neq(memcmp(now.hash, first.hash, sizeof now.hash), 0);
	cr_assert_eq(put(f, "a", "two"), SR_OK);
	now = head_of(f);
	cr_assert_eq(now.count, first.count + 1);
	cr_assert_eq(now.revision, first.revision + 2);
	cr_assert_eq(delete(f, "a"), SR_OK);
	now = head_of(f);
	cr_assert_eq(now.count, first.count);
	cr_assert_eq(now.revision, first.revision + 3);
	cr_assert_eq(memcmp(now.hash, first.hash, sizeof now.hash), 0);
}

static enum sr_err fn_put_then_fail(struct sealed_txn *txn, void *arg)
{
	(void)arg;
	SR_TRY(sealed_put(txn, SR_STR("a"), bytes_of("changed")));
	SR_TRY(sealed_put(txn, SR_STR("b"), bytes_of("new")));
	SR_TRY(sealed_tenant_create(txn, SR_STR("brief")));
	SR_TRY(sealed_put(txn, SR_STR("tenant/brief/x"), bytes_of("new")));
	return SR_EXPIRED;
}

PROMISE(a_failing_change_leaves_record_and_head_as_they_were)
{
	struct sealed_head before, after;

	cr_assert_eq(put(f, "a", "one"), SR_OK);
	before = head_of(f);
	cr_assert_eq(sealed_update(f->sealed, fn_put_then_fail, NULL), SR_EXPIRED);
	after = head_of(f);
	cr_assert_eq(memcmp(&before, &after, sizeof before), 0);
	expect(f, "a", "one");
	expect(f, "b", NULL);
	cr_assert_eq(put(f, "tenant/brief/x", "x"), SR_NOT_FOUND);
	expect_clean(f);
}

PROMISE(a_view_changes_nothing)
{
	struct call c = { .path = "a", .value = "two" };

	cr_assert_eq(put(f, "a", "one"), SR_OK);
	cr_assert_eq(sealed_view(f->sealed, fn_put, &c), SR_BAD_PARAMETER);
	cr_assert_eq(sealed_view(f->sealed, fn_delete, &c), SR_BAD_PARAMETER);
	expect(f, "a", "one");
	expect_clean(f);
}

/* --- tenants --- */

PROMISE(tenants_have_keys_of_their_own)
{
	struct call c;
	struct raw key;

	cr_assert_eq(put(f, "tenant/acme/x", "one"), SR_NOT_FOUND);
	cr_assert_eq(tenant(f, "acme"), SR_OK);
	cr_assert_eq(tenant(f, "acme"), SR_CONFLICT);
	cr_assert_eq(tenant(f, "default"), SR_CONFLICT);
	cr_assert_eq(tenant(f, ""), SR_BAD_PARAMETER);
	cr_assert_eq(tenant(f, "a/b"), SR_BAD_PARAMETER);
	cr_assert_eq(put(f, "tenant/acme/x", "one"), SR_OK);
	cr_assert_eq(put(f, "tenant/default/x", "two"), SR_OK);
	cr_assert_eq(put(f, "tenant/acme", "of the root key"), SR_OK);
	cr_assert_eq(put(f, "tenants/acme/x", "of the root key"), SR_OK);
	expect_clean(f);

	key = raw_get(f, "k/acme");
	raw_delete(f, "k/acme");
	cr_assert_eq(get(f, &c, "tenant/acme/x"), SR_CORRUPT);
	expect(f, "tenant/acme", "of the root key");
	expect(f, "tenants/acme/x", "of the root key");
	expect(f, "tenant/default/x", "two");
	raw_put(f, "k/acme", raw_get(f, "k/default"));
	cr_assert_eq(get(f, &c, "tenant/acme/x"), SR_CORRUPT);
	raw_put(f, "k/acme", key);
	expect(f, "tenant/acme/x", "one");
	expect_clean(f);
}

static enum sr_err fn_two_tenants(struct sealed_txn *txn, void *arg)
{
	struct call *c = arg;

	c->arena = (struct arena){ .base = c->block, .cap = sizeof c->block };
	SR_TRY(sealed_tenant_create(txn, SR_STR("one")));
	SR_TRY(sealed_put(txn, SR_STR("tenant/one/x"), bytes_of("1")));
	SR_TRY(sealed_tenant_create(txn, SR_STR("two")));
	SR_TRY(sealed_put(txn, SR_STR("tenant/two/x"), bytes_of("2")));
	SR_TRY(sealed_get(txn, SR_STR("tenant/one/x"), &c->arena, &c->found));
	return c->found.n == 1 && c->found.p[0] == '1' ? SR_OK : SR_INTERNAL;
}

PROMISE(one_change_can_make_tenants_and_use_them)
{
	struct call c;

	cr_assert_eq(sealed_update(f->sealed, fn_two_tenants, &c), SR_OK);
	expect(f, "tenant/one/x", "1");
	expect(f, "tenant/two/x", "2");
	expect_clean(f);
}

/* --- order and limits --- */

static enum sr_err fn_walk(struct sealed_txn *txn, void *arg)
{
	struct call *c = arg;
	struct sr_str path = { NULL, 0 };
	struct sr_bytes value;

	c->arena = (struct arena){ .base = c->block, .cap = sizeof c->block };
	SR_TRY(sealed_next(txn, SR_STR("v/"), SR_STR(""), &c->arena, &path, &value));
	cr_assert(str_is(path, "v/1") && value.n == 3 && memcmp(value.p, "one", 3) == 0);
	SR_TRY(sealed_next(txn, SR_STR("v/"), path, &c->arena, &path, NULL));
	cr_assert(str_is(path, "v/2"));
	cr_assert_eq(sealed_next(txn, SR_STR("v/"), path, &c->arena, &path, &value), SR_NOT_FOUND);
	SR_TRY(sealed_previous(txn, SR_STR("v/"), SR_STR(""), &c->arena, &path, &value));
	cr_assert(str_is(path, "v/2") && value.n == 3 && memcmp(value.p, "two", 3) == 0);
	SR_TRY(sealed_previous(txn, SR_STR(""), path, &c->arena, &path, NULL));
	cr_assert(str_is(path, "v/1"));
	/* the ends are the records' ends: what else the store holds is not seen */
	SR_TRY(sealed_next(txn, SR_STR(""), SR_STR(""), &c->arena, &path, NULL));
	cr_assert(str_is(path, "a"));
	cr_assert_eq(sealed_previous(txn, SR_STR(""), SR_STR("a"), &c->arena, &path, NULL), SR_NOT_FOUND);
	SR_TRY(sealed_previous(txn, SR_STR(""), SR_STR(""), &c->arena, &path, NULL));
	cr_assert(str_is(path, "z"));
	cr_assert_eq(sealed_next(txn, SR_STR(""), SR_STR("z"), &c->arena, &path, NULL), SR_NOT_FOUND);
	return SR_OK;
}

PROMISE(records_are_walked_in_order_both_ways)
{
	struct call c;

	cr_assert_eq(put(f, "v/2", "two"), SR_OK);
	cr_assert_eq(put(f, "v/1", "one"), SR_OK);
	cr_assert_eq(put(f, "a", "first"), SR_OK);
	cr_assert_eq(put(f, "z", "last"), SR_OK);
	cr_assert_eq(sealed_view(f->sealed, fn_walk, &c), SR_OK);
}

static enum sr_err fn_limits(struct sealed_txn *txn, void *arg)
{
	static const uint8_t big[SEALED_VALUE_MAX + 1];
	static char path[SEALED_PATH_MAX + 1];
	uint8_t little[16];
	struct arena arena = { .base = little, .cap = sizeof little };
	struct sr_bytes out;

	(void)arg;
	memset(path, 'p', sizeof path);
	cr_assert_eq(sealed_put(txn, (struct sr_str){ path, 0 }, bytes_of("x")), SR_BAD_PARAMETER);
	cr_assert_eq(sealed_put(txn, (struct sr_str){ path, sizeof path }, bytes_of("x")), SR_BAD_PARAMETER);
	SR_TRY(sealed_put(txn, (struct sr_str){ path, SEALED_PATH_MAX }, bytes_of("x")));
	cr_assert_eq(sealed_put(txn, SR_STR("big"), (struct sr_bytes){ big, sizeof big }), SR_TOO_LARGE);
	SR_TRY(sealed_put(txn, SR_STR("big"), (struct sr_bytes){ big, SEALED_VALUE_MAX }));
	cr_assert_eq(sealed_get(txn, SR_STR("big"), &arena, &out), SR_NOMEM);
	return sealed_get(txn, (struct sr_str){ path, SEALED_PATH_MAX }, &arena, &out);
}

PROMISE(paths_values_and_arenas_have_their_limits)
{
	cr_assert_eq(sealed_update(f->sealed, fn_limits, NULL), SR_OK);
	expect_clean(f);
}

/* --- many at once --- */

struct worker {
	struct fixture *f;
	int index;
	pthread_t thread;
};

static void *write_and_fail(void *arg)
{
	struct worker *w = arg;
	char path[32];

	for (int i = 0; i < 30; i++) {
		(void)snprintf(path, sizeof path, "%s/%d/%d", i % 2 ? "w" : "tenant/default", w->index, i % 10);
		cr_assert_eq(put(w->f, path, "value"), SR_OK);
		cr_assert_eq(sealed_update(w->f->sealed, fn_put_then_fail, NULL), SR_EXPIRED);
		if (i % 3 == 0)
			cr_assert_eq(delete(w->f, path), SR_OK);
	}
	return NULL;
}

PROMISE(the_head_is_right_after_many_writers_that_share_commits)
{
	struct worker workers[8];

	for (int i = 0; i < 8; i++) {
		workers[i] = (struct worker){ .f = f, .index = i };
		cr_assert_eq(pthread_create(&workers[i].thread, NULL, write_and_fail, &workers[i]), 0);
	}
	for (int i = 0; i < 8; i++)
		cr_assert_eq(pthread_join(workers[i].thread, NULL), 0);
	expect_clean(f);
	cr_assert_eq(head_of(f).revision, 1 + 8 * (30 + 10));
}

/* --- where secrets are --- */

PROMISE(no_plaintext_reaches_the_store)
{
	static const char secret[] = "a secret that is long enough to be looked for";
	struct raw raw;

	cr_assert_eq(put(f, "a", secret), SR_OK);
	cr_assert_eq(put(f, "tenant/default/a", secret), SR_OK);
	raw = raw_get(f, "r/a");
	cr_assert_null(memmem(raw.buf, raw.n, secret, 8));
	raw = raw_get(f, "r/tenant/default/a");
	cr_assert_null(memmem(raw.buf, raw.n, secret, 8));
}

PROMISE(keys_are_in_locked_memory_and_given_back)
{
	size_t before, after, size;
	struct sealed *again = NULL;

	locked_usage(&before, &size);
	cr_assert_eq(put(f, "tenant/default/a", "one"), SR_OK);
	expect(f, "tenant/default/a", "one");
	locked_usage(&after, &size);
	cr_assert_eq(before, after);
	cr_assert_eq(sealed_open(f->store, seal_key, &again), SR_OK);
	locked_usage(&after, &size);
	cr_assert_geq(after, before + 2 * SEALED_KEY_LEN);
	sealed_close(again);
	locked_usage(&after, &size);
	cr_assert_eq(before, after);
}
