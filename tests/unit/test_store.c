/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of daemon/store/store.h, over every store there is, and then what
 * only LMDB can promise: that it lasts, and that it grows. */
#include "daemon/store/store.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/str.h"
#include "scratch.h"

struct fixture {
	struct scratch scratch;
	struct store *store;
};

typedef void contract_fn(struct store *store);

static struct store *open_lmdb(int dirfd, size_t map_size, bool create)
{
	struct store_lmdb_options options = { .map_size = map_size, .create = create };
	struct store *store = NULL;

	cr_assert_eq(store_lmdb_open(dirfd, "store", &options, &store), SR_OK);
	return store;
}

static void over_lmdb(contract_fn *contract)
{
	struct fixture f;

	scratch_make(&f.scratch);
	f.store = open_lmdb(f.scratch.fd, 1 << 20, true);
	contract(f.store);
	store_close(f.store);
	scratch_remove(&f.scratch);
}

static void over_memory(contract_fn *contract)
{
	for (unsigned seed = 0; seed < 4; seed++) {
		struct store *store = NULL;

		cr_assert_eq(store_mem_open(seed, &store), SR_OK);
		contract(store);
		store_close(store);
	}
}

#define CONTRACT(promise) \
	static void promise(struct store *store); \
	Test(store_lmdb, promise) { over_lmdb(promise); } \
	Test(store_memory, promise) { over_memory(promise); } \
	static void promise(struct store *store)

/* --- one call each, in a transaction of its own --- */

struct call {
	struct sr_str path, prefix;
	struct sr_bytes value;
	char found[STORE_PATH_MAX + 1];
	uint8_t buf[4096];
	size_t n;
};

static struct sr_bytes bytes_of(const char *text)
{
	return (struct sr_bytes){ (const uint8_t *)text, strlen(text) };
}

static enum sr_err fn_put(struct store_txn *txn, void *arg)
{
	struct call *c = arg;

	return store_put(txn, c->path, c->value);
}

static enum sr_err put(struct store *store, const char *path, const char *value)
{
	struct call c = { .path = str_of(path), .value = bytes_of(value) };

	return store_update(store, fn_put, &c);
}

static enum sr_err fn_get(struct store_txn *txn, void *arg)
{
	struct call *c = arg;
	struct sr_bytes value;

	SR_TRY(store_get(txn, c->path, &value));
	cr_assert_leq(value.n, sizeof c->buf);
	memcpy(c->buf, value.p, value.n);
	c->n = value.n;
	return SR_OK;
}

/* Compares with the value; NULL: it must not be there. */
static void expect(struct store *store, const char *path, const char *value)
{
	struct call c = { .path = str_of(path) };
	enum sr_err err = store_view(store, fn_get, &c);

	if (value == NULL) {
		cr_assert_eq(err, SR_NOT_FOUND, "%s is there", path);
		return;
	}
	cr_assert_eq(err, SR_OK, "%s: error %d", path, err);
	cr_assert(c.n == strlen(value) && memcmp(c.buf, value, c.n) == 0, "%s is %.*s", path, (int)c.n, (char *)c.buf);
}

static enum sr_err fn_delete(struct store_txn *txn, void *arg)
{
	struct call *c = arg;

	return store_delete(txn, c->path);
}

static enum sr_err delete(struct store *store, const char *path)
{
	struct call c = { .path = str_of(path) };

	return store_update(store, fn_delete, &c);
}

static enum sr_err fn_next(struct store_txn *txn, void *arg)
{
	struct call *c = arg;
	struct sr_str path;
	struct sr_bytes value;

	SR_TRY(store_next(txn, c->prefix, c->path, &path, &value));
	cr_assert(str_copy(path, c->found, sizeof c->found));
	return SR_OK;
}

static enum sr_err fn_previous(struct store_txn *txn, void *arg)
{
	struct call *c = arg;
	struct sr_str path;
	struct sr_bytes value;

	SR_TRY(store_previous(txn, c->prefix, c->path, &path, &value));
	cr_assert(str_copy(path, c->found, sizeof c->found));
	return SR_OK;
}

/* Expects one step from `from` to lead to `to`; NULL: nowhere. */
static void expect_step(struct store *store, store_fn *step, const char *prefix, const char *from, const char *to)
{
	struct call c = { .prefix = str_of(prefix), .path = str_of(from) };
	enum sr_err err = store_view(store, step, &c);

	cr_assert_eq(err, to == NULL ? SR_NOT_FOUND : SR_OK, "%s from \"%s\": error %d", prefix, from, err);
	if (to != NULL)
		cr_assert_str_eq(c.found, to, "%s from \"%s\": %s, not %s", prefix, from, c.found, to);
}

static void fill(struct store *store, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(put(store, paths[i], paths[i]), SR_OK);
}

/* --- the contract --- */

CONTRACT(what_was_put_is_there_until_it_is_replaced_or_deleted)
{
	expect(store, "a", NULL);
	cr_assert_eq(put(store, "a", "one"), SR_OK);
	expect(store, "a", "one");
	cr_assert_eq(put(store, "a", "another, and longer"), SR_OK);
	expect(store, "a", "another, and longer");
	cr_assert_eq(put(store, "a", ""), SR_OK);
	expect(store, "a", "");
	cr_assert_eq(delete(store, "a"), SR_OK);
	expect(store, "a", NULL);
	cr_assert_eq(delete(store, "a"), SR_NOT_FOUND);
}

CONTRACT(paths_and_values_have_their_limits)
{
	static uint8_t big[STORE_VALUE_MAX + 1];
	static char path[STORE_PATH_MAX + 1];
	struct call c = { .path = { path, 0 }, .value = { big, 1 } };

	memset(path, 'p', sizeof path);
	cr_assert_eq(store_update(store, fn_put, &c), SR_BAD_PARAMETER);
	cr_assert_eq(store_view(store, fn_get, &c), SR_BAD_PARAMETER);
	c.path.n = STORE_PATH_MAX + 1;
	cr_assert_eq(store_update(store, fn_put, &c), SR_BAD_PARAMETER);
	cr_assert_eq(store_update(store, fn_delete, &c), SR_BAD_PARAMETER);
	cr_assert_eq(store_view(store, fn_get, &c), SR_BAD_PARAMETER);
	cr_assert_eq(store_view(store, fn_next, &c), SR_BAD_PARAMETER);
	cr_assert_eq(store_view(store, fn_previous, &c), SR_BAD_PARAMETER);
	c.path.n = STORE_PATH_MAX;
	cr_assert_eq(store_update(store, fn_put, &c), SR_OK);
	cr_assert_eq(store_view(store, fn_get, &c), SR_OK);
	c.value.n = sizeof big;
	cr_assert_eq(store_update(store, fn_put, &c), SR_TOO_LARGE);
	c.value.n = STORE_VALUE_MAX;
	cr_assert_eq(store_update(store, fn_put, &c), SR_OK);
}

static enum sr_err fn_big_is_whole(struct store_txn *txn, void *arg)
{
	struct call *c = arg;
	struct sr_bytes value;

	SR_TRY(store_get(txn, c->path, &value));
	return value.n == c->value.n && memcmp(value.p, c->value.p, value.n) == 0 ? SR_OK : SR_CORRUPT;
}

CONTRACT(a_value_of_the_largest_size_comes_back_whole)
{
	static uint8_t big[STORE_VALUE_MAX];
	struct call c = { .path = SR_STR("big"), .value = { big, sizeof big } };

	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 2654435761u >> 13);
	cr_assert_eq(store_update(store, fn_put, &c), SR_OK);
	cr_assert_eq(store_view(store, fn_big_is_whole, &c), SR_OK);
}

CONTRACT(next_goes_in_byte_order_within_the_prefix)
{
	static const char *const paths[] = { "b/2", "a", "b/10", "b/", "b", "c", "b/\xff", "b0" };

	fill(store, paths, SR_COUNT(paths));
	expect_step(store, fn_next, "", "", "a");
	expect_step(store, fn_next, "", "a", "b");
	expect_step(store, fn_next, "b/", "", "b/");
	expect_step(store, fn_next, "b/", "b/", "b/10");
	expect_step(store, fn_next, "b/", "b/10", "b/2");
	expect_step(store, fn_next, "b/", "b/1", "b/10");
	expect_step(store, fn_next, "b/", "b/2", "b/\xff");
	expect_step(store, fn_next, "b/", "b/\xff", NULL);
	expect_step(store, fn_next, "b/", "a", "b/");
	expect_step(store, fn_next, "b/", "c", NULL);
	expect_step(store, fn_next, "", "c", NULL);
	expect_step(store, fn_next, "x", "", NULL);
}

CONTRACT(previous_goes_back_in_byte_order_within_the_prefix)
{
	static const char *const paths[] = { "b/2", "a", "b/10", "b/", "b", "c", "b/\xff\xff", "b0", "\xff\xff" };

	fill(store, paths, SR_COUNT(paths));
	expect_step(store, fn_previous, "", "", "\xff\xff");
	expect_step(store, fn_previous, "", "\xff\xff", "c");
	expect_step(store, fn_previous, "\xff", "", "\xff\xff");
	expect_step(store, fn_previous, "b/", "", "b/\xff\xff");
	expect_step(store, fn_previous, "b/\xff", "", "b/\xff\xff");
	expect_step(store, fn_previous, "b/", "b/\xff\xff", "b/2");
	expect_step(store, fn_previous, "b/", "b/2", "b/10");
	expect_step(store, fn_previous, "b/", "b/10", "b/");
	expect_step(store, fn_previous, "b/", "b/", NULL);
	expect_step(store, fn_previous, "b/", "c", "b/\xff\xff");
	expect_step(store, fn_previous, "b/", "a", NULL);
	expect_step(store, fn_previous, "", "a", NULL);
	expect_step(store, fn_previous, "x", "", NULL);
}

CONTRACT(an_empty_store_has_no_next_and_no_previous)
{
	expect_step(store, fn_next, "", "", NULL);
	expect_step(store, fn_next, "a", "b", NULL);
	expect_step(store, fn_previous, "", "", NULL);
	expect_step(store, fn_previous, "a", "b", NULL);
}

static enum sr_err fn_put_in_view(struct store_txn *txn, void *arg)
{
	(void)arg;
	cr_assert_eq(store_put(txn, SR_STR("a"), bytes_of("changed")), SR_BAD_PARAMETER);
	cr_assert_eq(store_delete(txn, SR_STR("a")), SR_BAD_PARAMETER);
	return SR_OK;
}

CONTRACT(a_view_changes_nothing)
{
	cr_assert_eq(put(store, "a", "one"), SR_OK);
	cr_assert_eq(store_view(store, fn_put_in_view, NULL), SR_OK);
	expect(store, "a", "one");
}

static enum sr_err fn_change_much_then_fail(struct store_txn *txn, void *arg)
{
	static const uint8_t big[100000];

	SR_TRY(store_put(txn, SR_STR("a"), bytes_of("changed")));
	SR_TRY(store_put(txn, SR_STR("b"), (struct sr_bytes){ big, sizeof big }));
	SR_TRY(store_delete(txn, SR_STR("c")));
	return *(enum sr_err *)arg;
}

CONTRACT(a_failing_change_leaves_nothing_and_tells_its_error)
{
	enum sr_err err = SR_KEY_OP;

	cr_assert_eq(put(store, "a", "one"), SR_OK);
	cr_assert_eq(put(store, "c", "three"), SR_OK);
	cr_assert_eq(store_update(store, fn_change_much_then_fail, &err), SR_KEY_OP);
	expect(store, "a", "one");
	expect(store, "b", NULL);
	expect(store, "c", "three");
	err = SR_OK;
	cr_assert_eq(store_update(store, fn_change_much_then_fail, &err), SR_OK);
	expect(store, "a", "changed");
	expect(store, "c", NULL);
}

static enum sr_err fn_sees_its_own(struct store_txn *txn, void *arg)
{
	struct sr_str path;
	struct sr_bytes value;

	(void)arg;
	SR_TRY(store_put(txn, SR_STR("k/1"), bytes_of("x")));
	SR_TRY(store_put(txn, SR_STR("k/3"), bytes_of("z")));
	SR_TRY(store_next(txn, SR_STR("k/"), SR_STR("k/1"), &path, &value));
	cr_assert(str_is(path, "k/3"));
	SR_TRY(store_put(txn, SR_STR("k/2"), bytes_of("y")));
	SR_TRY(store_next(txn, SR_STR("k/"), SR_STR("k/1"), &path, &value));
	cr_assert(str_is(path, "k/2") && value.n == 1 && value.p[0] == 'y');
	SR_TRY(store_delete(txn, SR_STR("k/3")));
	SR_TRY(store_previous(txn, SR_STR("k/"), SR_STR(""), &path, &value));
	cr_assert(str_is(path, "k/2"));
	cr_assert_eq(store_get(txn, SR_STR("k/3"), &value), SR_NOT_FOUND);
	return SR_OK;
}

CONTRACT(a_change_sees_what_it_did_itself)
{
	cr_assert_eq(store_update(store, fn_sees_its_own, NULL), SR_OK);
	expect(store, "k/2", "y");
	expect(store, "k/3", NULL);
}

/* --- many at once --- */

#define WRITERS 16
#define ROUNDS  40

struct worker {
	struct store *store;
	int index;
	atomic_bool *stop;
	pthread_t thread;
};

static void start_workers(struct worker *workers, size_t n, struct store *store, atomic_bool *stop, void *(*fn)(void *))
{
	for (size_t i = 0; i < n; i++) {
		workers[i] = (struct worker){ .store = store, .index = (int)i, .stop = stop };
		cr_assert_eq(pthread_create(&workers[i].thread, NULL, fn, &workers[i]), 0);
	}
}

static void join_workers(struct worker *workers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(pthread_join(workers[i].thread, NULL), 0);
}

static enum sr_err fn_count_up(struct store_txn *txn, void *arg)
{
	struct sr_bytes value;
	uint64_t count = 0;
	enum sr_err err = store_get(txn, SR_STR("count"), &value);

	(void)arg;
	if (err == SR_OK)
		memcpy(&count, value.p, sizeof count);
	else if (err != SR_NOT_FOUND)
		return err;
	count++;
	return store_put(txn, SR_STR("count"), (struct sr_bytes){ (uint8_t *)&count, sizeof count });
}

static void *count_up(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++)
		cr_assert_eq(store_update(w->store, fn_count_up, NULL), SR_OK);
	return NULL;
}

CONTRACT(no_change_of_many_writers_is_lost)
{
	struct worker workers[WRITERS];
	struct call c = { .path = SR_STR("count") };
	uint64_t count;

	start_workers(workers, WRITERS, store, NULL, count_up);
	join_workers(workers, WRITERS);
	cr_assert_eq(store_view(store, fn_get, &c), SR_OK);
	memcpy(&count, c.buf, sizeof count);
	cr_assert_eq(count, WRITERS * ROUNDS);
}

struct mixed {
	char path[32];
	bool fail;
};

static enum sr_err fn_count_and_perhaps_fail(struct store_txn *txn, void *arg)
{
	struct mixed *m = arg;

	SR_TRY(fn_count_up(txn, NULL));
	SR_TRY(store_put(txn, str_of(m->path), bytes_of("here")));
	return m->fail ? SR_CONFLICT : SR_OK;
}

static void *change_and_fail_by_turns(void *arg)
{
	struct worker *w = arg;
	struct mixed m;

	for (int i = 0; i < ROUNDS; i++) {
		m.fail = (i + w->index) % 2 == 1;
		(void)snprintf(m.path, sizeof m.path, "p/%d/%d", w->index, i);
		cr_assert_eq(store_update(w->store, fn_count_and_perhaps_fail, &m), m.fail ? SR_CONFLICT : SR_OK);
	}
	return NULL;
}

CONTRACT(changes_that_fail_do_not_hurt_those_beside_them)
{
	struct worker workers[WRITERS];
	struct call c = { .path = SR_STR("count") };
	char path[32];
	uint64_t count;

	start_workers(workers, WRITERS, store, NULL, change_and_fail_by_turns);
	join_workers(workers, WRITERS);
	cr_assert_eq(store_view(store, fn_get, &c), SR_OK);
	memcpy(&count, c.buf, sizeof count);
	cr_assert_eq(count, WRITERS * ROUNDS / 2);
	for (int w = 0; w < WRITERS; w++)
		for (int i = 0; i < ROUNDS; i++) {
			(void)snprintf(path, sizeof path, "p/%d/%d", w, i);
			expect(store, path, (i + w) % 2 == 1 ? NULL : "here");
		}
}

/* Two records that every change keeps equal. */
static enum sr_err fn_write_pair(struct store_txn *txn, void *arg)
{
	struct sr_bytes value = { arg, sizeof(uint64_t) };

	SR_TRY(store_put(txn, SR_STR("left"), value));
	return store_put(txn, SR_STR("right"), value);
}

static enum sr_err fn_pair_is_equal(struct store_txn *txn, void *arg)
{
	struct sr_bytes left, right;
	uint64_t first, again;

	(void)arg;
	SR_TRY(store_get(txn, SR_STR("left"), &left));
	memcpy(&first, left.p, sizeof first);
	for (int i = 0; i < 20; i++) {
		(void)sched_yield();
		SR_TRY(store_get(txn, SR_STR("right"), &right));
		memcpy(&again, right.p, sizeof again);
		if (again != first)
			return SR_CORRUPT;
	}
	return SR_OK;
}

static void *watch_pair(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(w->stop))
		cr_assert_eq(store_view(w->store, fn_pair_is_equal, NULL), SR_OK);
	return NULL;
}

CONTRACT(a_view_sees_one_state_while_others_write)
{
	struct worker workers[4];
	atomic_bool stop = false;
	uint64_t n = 0;

	cr_assert_eq(store_update(store, fn_write_pair, &n), SR_OK);
	start_workers(workers, SR_COUNT(workers), store, &stop, watch_pair);
	for (n = 1; n < 200; n++)
		cr_assert_eq(store_update(store, fn_write_pair, &n), SR_OK);
	atomic_store(&stop, true);
	join_workers(workers, SR_COUNT(workers));
}

struct meeting {
	struct store *store;
	pthread_barrier_t inside;
	atomic_int seen;
};

static enum sr_err fn_meet(struct store_txn *txn, void *arg)
{
	struct meeting *m = arg;
	struct sr_bytes value;

	(void)pthread_barrier_wait(&m->inside);
	return store_get(txn, SR_STR("a"), &value);
}

static void *view_and_meet(void *arg)
{
	struct meeting *m = arg;

	if (store_view(m->store, fn_meet, m) == SR_OK)
		atomic_fetch_add(&m->seen, 1);
	return NULL;
}

CONTRACT(two_hundred_views_can_be_under_way_at_once)
{
	struct meeting m = { .store = store };
	pthread_t threads[200];

	cr_assert_eq(put(store, "a", "one"), SR_OK);
	(void)pthread_barrier_init(&m.inside, NULL, SR_COUNT(threads));
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, view_and_meet, &m), 0);
	for (size_t i = 0; i < SR_COUNT(threads); i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_eq(atomic_load(&m.seen), SR_COUNT(threads));
	(void)pthread_barrier_destroy(&m.inside);
}

static enum sr_err fn_start_another(struct store_txn *txn, void *arg)
{
	(void)txn;
	return store_view(arg, fn_put_in_view, NULL);
}

Test(store_memory, a_transaction_within_a_transaction_is_our_mistake, .signal = SIGABRT)
{
	struct store *store = NULL;

	cr_assert_eq(store_mem_open(1, &store), SR_OK);
	cr_assert_eq(store_update(store, fn_start_another, store), SR_OK);
}

/* --- the twin is stricter, and agrees --- */

static enum sr_err fn_count_runs(struct store_txn *txn, void *arg)
{
	++*(int *)arg;
	return store_put(txn, SR_STR("a"), bytes_of("one"));
}

Test(store_memory, every_change_runs_twice_and_some_more_often)
{
	int most = 0;

	for (unsigned seed = 0; seed < 32; seed++) {
		struct store *store = NULL;
		int runs = 0;

		cr_assert_eq(store_mem_open(seed, &store), SR_OK);
		cr_assert_eq(store_update(store, fn_count_runs, &runs), SR_OK);
		cr_assert_geq(runs, 2);
		if (runs > most)
			most = runs;
		store_close(store);
	}
	cr_assert_gt(most, 2);
}

struct step {
	int kind;
	char path[16], prefix[4];
	uint8_t value[64];
	size_t value_len;
	char found[16];
	uint8_t got[64];
	size_t got_len;
};

static enum sr_err fn_step(struct store_txn *txn, void *arg)
{
	struct step *s = arg;
	struct sr_str path = SR_STR("");
	struct sr_bytes value = { NULL, 0 };
	enum sr_err err = SR_OK;

	switch (s->kind) {
	case 0:
	case 1:
		return store_put(txn, str_of(s->path), (struct sr_bytes){ s->value, s->value_len });
	case 2:
		return store_delete(txn, str_of(s->path));
	case 3:
		err = store_next(txn, str_of(s->prefix), str_of(s->path), &path, &value);
		break;
	case 4:
		err = store_previous(txn, str_of(s->prefix), str_of(s->path), &path, &value);
		break;
	default:
		err = store_get(txn, str_of(s->path), &value);
		break;
	}
	s->got_len = value.n;
	if (value.n > 0)
		memcpy(s->got, value.p, value.n);
	cr_assert(str_copy(path, s->found, sizeof s->found));
	return err;
}

static void random_word(char *out, size_t max)
{
	size_t n = (size_t)random() % (max + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = "abc\xff"[random() % 4];
	out[n] = '\0';
}

Test(store, lmdb_and_its_twin_agree_on_every_step)
{
	struct scratch scratch;
	struct store *lmdb, *twin = NULL;

	scratch_make(&scratch);
	lmdb = open_lmdb(scratch.fd, 1 << 20, true);
	cr_assert_eq(store_mem_open(7, &twin), SR_OK);
	srandom(42);
	for (int i = 0; i < 4000; i++) {
		struct step a = { .kind = (int)(random() % 6) }, b;

		random_word(a.path, 5);
		random_word(a.prefix, 2);
		a.value_len = (size_t)random() % sizeof a.value;
		memset(a.value, i, sizeof a.value);
		b = a;
		cr_assert_eq(store_update(lmdb, fn_step, &a), store_update(twin, fn_step, &b), "step %d", i);
		cr_assert_eq(memcmp(&a, &b, sizeof a), 0, "step %d", i);
	}
	store_close(lmdb);
	store_close(twin);
	scratch_remove(&scratch);
}

/* --- LMDB: it lasts --- */

Test(store_lmdb, what_was_stored_is_there_when_opened_again)
{
	struct scratch scratch;
	struct store *store;

	scratch_make(&scratch);
	store = open_lmdb(scratch.fd, 1 << 20, true);
	cr_assert_eq(put(store, "a", "one"), SR_OK);
	store_close(store);
	store = open_lmdb(scratch.fd, 1 << 20, false);
	expect(store, "a", "one");
	store_close(store);
	scratch_remove(&scratch);
}

Test(store_lmdb, opening_never_makes_a_new_store_by_mistake)
{
	struct store_lmdb_options options = { .map_size = 1 << 20, .create = false };
	struct scratch scratch;
	struct store *store = NULL;

	scratch_make(&scratch);
	cr_assert_eq(store_lmdb_open(scratch.fd, "store", &options, &store), SR_NOT_FOUND);
	cr_assert_eq(mkdirat(scratch.fd, "store", 0700), 0);
	cr_assert_eq(store_lmdb_open(scratch.fd, "store", &options, &store), SR_NOT_FOUND);
	cr_assert_eq(close(openat(scratch.fd, "store/data.mdb", O_WRONLY | O_CREAT, 0600)), 0);
	cr_assert_eq(store_lmdb_open(scratch.fd, "store", &options, &store), SR_CORRUPT);
	options.create = true;
	cr_assert_eq(store_lmdb_open(scratch.fd, "store", &options, &store), SR_CONFLICT);
	cr_assert_null(store);
	scratch_remove(&scratch);
}

Test(store_lmdb, a_damaged_file_is_refused)
{
	struct store_lmdb_options options = { .map_size = 1 << 20, .create = false };
	static const off_t lengths[] = { 1, 4095, 4096, 8191, 8192, 12288 };
	struct scratch scratch;
	struct store *store;
	uint8_t zeros[8192] = { 0 };
	int fd;

	scratch_make(&scratch);
	store = open_lmdb(scratch.fd, 1 << 20, true);
	for (int i = 0; i < 100; i++) {
		char path[16];

		(void)snprintf(path, sizeof path, "p%d", i);
		cr_assert_eq(put(store, path, "some value that takes a little room of its own"), SR_OK);
	}
	store_close(store);
	fd = openat(scratch.fd, "store/data.mdb", O_RDWR);
	for (size_t i = SR_COUNT(lengths); i-- > 0; ) {
		cr_assert_eq(ftruncate(fd, lengths[i]), 0);
		cr_assert_eq(store_lmdb_open(scratch.fd, "store", &options, &store), SR_CORRUPT, "%d bytes", (int)lengths[i]);
	}
	cr_assert_eq(pwrite(fd, zeros, sizeof zeros, 0), sizeof zeros);
	cr_assert_eq(store_lmdb_open(scratch.fd, "store", &options, &store), SR_CORRUPT);
	(void)close(fd);
	scratch_remove(&scratch);
}

Test(store_lmdb, files_are_for_the_owner_alone_and_closed_on_exec)
{
	struct scratch scratch;
	struct store *store;
	struct stat st;

	scratch_make(&scratch);
	(void)umask(0);
	store = open_lmdb(scratch.fd, 1 << 20, true);
	cr_assert_eq(fstatat(scratch.fd, "store", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0700);
	cr_assert_eq(fstatat(scratch.fd, "store/data.mdb", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_eq(fstatat(scratch.fd, "store/lock.mdb", &st, 0), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	for (int fd = 3; fd < 256; fd++) {
		char link[64], target[256];
		ssize_t n;

		(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof target - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strstr(target, ".mdb") != NULL)
			cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%d is %s", fd, target);
	}
	store_close(store);
	scratch_remove(&scratch);
}

/* Writes numbered records on several threads, and each number to the pipe once
 * its commit was acknowledged. */
struct loader {
	struct store *store;
	int index, pipe;
};

static void *load(void *arg)
{
	struct loader *l = arg;

	for (uint32_t i = 0; ; i++) {
		uint32_t number = (uint32_t)l->index << 24 | i;
		char path[32], value[600];

		(void)snprintf(path, sizeof path, "n/%08x", number);
		memset(value, 'v', sizeof value - 1);
		value[sizeof value - 1] = '\0';
		if (put(l->store, path, value) != SR_OK || write(l->pipe, &number, sizeof number) != sizeof number)
			_exit(1);
	}
	return NULL;
}

static void load_until_killed(struct scratch *scratch, int pipe)
{
	struct loader loaders[4];
	pthread_t threads[4];
	struct store *store = open_lmdb(scratch->fd, 1 << 17, false);

	for (int i = 0; i < 4; i++) {
		loaders[i] = (struct loader){ .store = store, .index = i, .pipe = pipe };
		if (pthread_create(&threads[i], NULL, load, &loaders[i]) != 0)
			_exit(1);
	}
	(void)pthread_join(threads[0], NULL);
	_exit(1);
}

Test(store_lmdb, kill_9_under_load_loses_no_acknowledged_commit)
{
	struct scratch scratch;
	size_t acknowledged = 0;

	scratch_make(&scratch);
	store_close(open_lmdb(scratch.fd, 1 << 17, true));
	srandom((unsigned)getpid());
	for (int round = 0; round < 25; round++) {
		struct store *store;
		uint32_t number;
		int ends[2], status;
		pid_t child;

		cr_assert_eq(pipe(ends), 0);
		child = fork();
		cr_assert_geq(child, 0);
		if (child == 0)
			load_until_killed(&scratch, ends[1]);
		(void)close(ends[1]);
		cr_assert_eq(poll(&(struct pollfd){ .fd = ends[0], .events = POLLIN }, 1, 20000), 1);
		(void)usleep((useconds_t)(random() % 40000));
		cr_assert_eq(kill(child, SIGKILL), 0);
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFSIGNALED(status), "the child gave up by itself");

		store = open_lmdb(scratch.fd, 1 << 17, false);
		while (read(ends[0], &number, sizeof number) == sizeof number) {
			struct call c;
			char path[32];

			(void)snprintf(path, sizeof path, "n/%08x", number);
			c.path = str_of(path);
			cr_assert_eq(store_view(store, fn_get, &c), SR_OK, "round %d: %s is gone", round, path);
			cr_assert_eq(c.n, 599);
			acknowledged++;
		}
		store_close(store);
		(void)close(ends[0]);
	}
	cr_assert_gt(acknowledged, 100);
	scratch_remove(&scratch);
}

/* --- LMDB: it grows --- */

static enum sr_err fn_put_many(struct store_txn *txn, void *arg)
{
	static const uint8_t value[100000];
	char path[32];

	for (int i = 0; i < 50; i++) {
		(void)snprintf(path, sizeof path, "many/%d/%d", *(int *)arg, i);
		SR_TRY(store_put(txn, str_of(path), (struct sr_bytes){ value, sizeof value }));
	}
	return SR_OK;
}

static void *put_many(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 3; i++) {
		int number = w->index * 10 + i;

		cr_assert_eq(store_update(w->store, fn_put_many, &number), SR_OK);
	}
	return NULL;
}

Test(store_lmdb, the_map_grows_while_views_and_changes_are_under_way)
{
	struct worker writers[4], viewers[4];
	atomic_bool stop = false;
	struct scratch scratch;
	struct store *store;
	uint64_t n = 0;

	scratch_make(&scratch);
	store = open_lmdb(scratch.fd, 1, true);
	cr_assert_eq(store_update(store, fn_write_pair, &n), SR_OK);
	start_workers(viewers, SR_COUNT(viewers), store, &stop, watch_pair);
	start_workers(writers, SR_COUNT(writers), store, NULL, put_many);
	for (n = 1; n < 100; n++)
		cr_assert_eq(store_update(store, fn_write_pair, &n), SR_OK);
	join_workers(writers, SR_COUNT(writers));
	atomic_store(&stop, true);
	join_workers(viewers, SR_COUNT(viewers));
	store_close(store);

	store = open_lmdb(scratch.fd, 1, false);
	for (int w = 0; w < 4; w++)
		for (int i = 0; i < 3; i++) {
			struct call c = { .path = { c.found, 0 } };

			(void)snprintf(c.found, sizeof c.found, "many/%d/49", w * 10 + i);
			c.path.n = strlen(c.found);
			c.value = (struct sr_bytes){ (const uint8_t[100000]){ 0 }, 100000 };
			cr_assert_eq(store_view(store, fn_big_is_whole, &c), SR_OK);
		}
	cr_assert_eq(put(store, "and", "more"), SR_OK);
	store_close(store);
	scratch_remove(&scratch);
}

static enum sr_err fn_ignore_failure(struct store_txn *txn, void *arg)
{
	return fn_put_many(txn, arg) == SR_OK ? SR_OK : SR_OK;
}

static void *keep_small(void *arg)
{
	struct worker *w = arg;
	char path[16];

	(void)snprintf(path, sizeof path, "s/%d", w->index);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(put(w->store, path, "small"), SR_OK);
	return NULL;
}

static void *fail_big(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 5; i++) {
		enum sr_err err = store_update(w->store, w->index == 0 ? fn_put_many : fn_ignore_failure, &w->index);

		cr_assert_eq(err, SR_NO_ROOM, "error %d", err);
	}
	return NULL;
}

Test(store_lmdb, a_change_with_no_room_fails_alone_and_the_store_goes_on)
{
	struct worker small[6], big[2];
	struct rlimit limit = { .rlim_cur = 2 << 20, .rlim_max = RLIM_INFINITY };
	struct scratch scratch;
	struct store *store;
	int number = 1;

	scratch_make(&scratch);
	store = open_lmdb(scratch.fd, 1, true);
	(void)signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	start_workers(big, SR_COUNT(big), store, NULL, fail_big);
	start_workers(small, SR_COUNT(small), store, NULL, keep_small);
	join_workers(small, SR_COUNT(small));
	join_workers(big, SR_COUNT(big));
	expect(store, "s/5", "small");
	limit.rlim_cur = RLIM_INFINITY;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(store_update(store, fn_put_many, &number), SR_OK);
	store_close(store);
	scratch_remove(&scratch);
}

static size_t address_space_in_use(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	cr_assert_not_null(statm);
	cr_assert_eq(fscanf(statm, "%lu", &pages), 1);
	(void)fclose(statm);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

Test(store_lmdb, without_address_space_the_map_stays_as_it_is)
{
	struct rlimit limit;
	struct scratch scratch;
	struct store *store;
	int number = 1;

	if (SCRATCH_SANITIZED)
		cr_skip_test("the sanitizer needs what is taken away here");
	scratch_make(&scratch);
	store = open_lmdb(scratch.fd, 16 << 20, true);
	cr_assert_eq(put(store, "a", "one"), SR_OK);
	for (; number <= 3; number++)
		cr_assert_eq(store_update(store, fn_put_many, &number), SR_OK);
	cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
	/* room for the change itself; but not for a map of twice the size, even once the old one is gone */
	limit.rlim_cur = address_space_in_use() + (14 << 20);
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	cr_assert_eq(store_update(store, fn_put_many, &number), SR_NO_ROOM);
	expect(store, "a", "one");
	cr_assert_eq(put(store, "a", "two"), SR_OK);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
	cr_assert_eq(store_update(store, fn_put_many, &number), SR_OK);
	expect(store, "a", "two");
	store_close(store);
	scratch_remove(&scratch);
}
