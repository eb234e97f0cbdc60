/* SPDX-License-Identifier: Apache-2.0 */
/* The twin: a store in memory for tests, as unforgiving as the contract allows.
 *
 * State is a sorted list of records that never changes; a change works on a copy
 * and replaces it if nobody else did meanwhile, as on a store of many machines.
 * Every change is run twice at least, and some more often as if there had been a
 * conflict.  Spans handed out are copies that die exactly when the contract
 * says, so that ASan sees who uses one later. */
#include "daemon/store/store_kind.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/str.h"

struct record {
	atomic_uint refs;
	size_t path_len, value_len;
	uint8_t data[];                 /* the path, then the value */
};

struct state {
	atomic_uint refs;
	size_t n, room;
	struct record **v;              /* by path */
};

struct mem_store {
	struct store base;
	pthread_mutex_t lock;
	struct state *state;            /* guarded by lock */
	unsigned random;                /* guarded by lock */
};

struct loan {
	struct loan *next;
	uint8_t data[];
};

struct mem_txn {
	struct store_txn base;
	struct state *state;            /* a view's is shared, a change's its own */
	struct loan *loans;
	bool nomem;
};

/* --- records and states --- */

static struct sr_str record_path(const struct record *record)
{
	return (struct sr_str){ (const char *)record->data, record->path_len };
}

static struct record *record_new(struct sr_str path, struct sr_bytes value)
{
	struct record *record = malloc(sizeof *record + path.n + value.n);

	if (record == NULL)
		return NULL;
	record->refs = 1;
	record->path_len = path.n;
	record->value_len = value.n;
	memcpy(record->data, path.p, path.n);
	if (value.n > 0)
		memcpy(record->data + path.n, value.p, value.n);
	return record;
}

static void record_unref(struct record *record)
{
	if (record != NULL && atomic_fetch_sub(&record->refs, 1) == 1)
		free(record);
}

static struct state *state_ref(struct state *state)
{
	atomic_fetch_add(&state->refs, 1);
	return state;
}

static void state_unref(struct state *state)
{
	if (state == NULL || atomic_fetch_sub(&state->refs, 1) != 1)
		return;
	for (size_t i = 0; i < state->n; i++)
		record_unref(state->v[i]);
	free(state->v);
	free(state);
}
SR_DEFINE_AUTO(state, state_unref)

static struct state *state_copy(const struct state *from)
{
	struct state *state = calloc(1, sizeof *state);

	if (state == NULL)
		return NULL;
	state->refs = 1;
	state->room = from->n + 8;
	state->v = calloc(state->room, sizeof *state->v);
	if (state->v == NULL) {
		free(state);
		return NULL;
	}
	for (; state->n < from->n; state->n++) {
		state->v[state->n] = from->v[state->n];
		atomic_fetch_add(&state->v[state->n]->refs, 1);
	}
	return state;
}

/* The index of the first record not before path. */
static size_t state_find(const struct state *state, struct sr_str path, bool *exact)
{
	size_t low = 0, high = state->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (store_path_compare(record_path(state->v[middle]), path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*exact = low < state->n && store_path_compare(record_path(state->v[low]), path) == 0;
	return low;
}

static bool state_make_room(struct state *state)
{
	struct record **v;

	if (state->n < state->room)
		return true;
	v = realloc(state->v, 2 * state->room * sizeof *v);
	if (v == NULL)
		return false;
	state->v = v;
	state->room *= 2;
	return true;
}

/* --- within a transaction --- */

static struct mem_txn *mem_txn_of(struct store_txn *txn)
{
	return (struct mem_txn *)txn;
}

/* What was handed out is no longer to be used. */
static void loans_end(struct mem_txn *t)
{
	while (t->loans != NULL) {
		struct loan *loan = t->loans;

		t->loans = loan->next;
		free(loan);
	}
}

static SR_RESULT lend(struct mem_txn *t, const struct record *record, struct sr_str *path, struct sr_bytes *value)
{
	size_t n = record->path_len + record->value_len;
	struct loan *loan = malloc(sizeof *loan + n);

	if (loan == NULL)
		return SR_NOMEM;
	memcpy(loan->data, record->data, n);
	loan->next = t->loans;
	t->loans = loan;
	*path = (struct sr_str){ (const char *)loan->data, record->path_len };
	*value = (struct sr_bytes){ loan->data + record->path_len, record->value_len };
	return SR_OK;
}

static enum sr_err mem_get(struct store_txn *txn, struct sr_str path, struct sr_bytes *out)
{
	struct mem_txn *t = mem_txn_of(txn);
	struct sr_str ignored;
	bool exact;
	size_t i = state_find(t->state, path, &exact);

	return exact ? lend(t, t->state->v[i], &ignored, out) : SR_NOT_FOUND;
}

static enum sr_err mem_put(struct store_txn *txn, struct sr_str path, struct sr_bytes value)
{
	struct mem_txn *t = mem_txn_of(txn);
	struct state *state = t->state;
	struct record *record;
	bool exact;
	size_t i;

	loans_end(t);   /* first: nor may path and value be what was handed out */
	record = record_new(path, value);
	if (record == NULL || !state_make_room(state)) {
		record_unref(record);
		t->nomem = true;
		return SR_NOMEM;
	}
	i = state_find(state, path, &exact);
	if (exact) {
		record_unref(state->v[i]);
	} else {
		memmove(&state->v[i + 1], &state->v[i], (state->n - i) * sizeof *state->v);
		state->n++;
	}
	state->v[i] = record;
	return SR_OK;
}

static enum sr_err mem_remove(struct store_txn *txn, struct sr_str path)
{
	struct mem_txn *t = mem_txn_of(txn);
	struct state *state = t->state;
	bool exact;
	size_t i;

	loans_end(t);
	i = state_find(state, path, &exact);
	if (!exact)
		return SR_NOT_FOUND;
	record_unref(state->v[i]);
	state->n--;
	memmove(&state->v[i], &state->v[i + 1], (state->n - i) * sizeof *state->v);
	return SR_OK;
}

static enum sr_err mem_first(struct store_txn *txn, struct sr_str from, bool behind,
	struct sr_str *path, struct sr_bytes *value)
{
	struct mem_txn *t = mem_txn_of(txn);
	bool exact;
	size_t i = state_find(t->state, from, &exact);

	if (behind && exact)
		i++;
	return i < t->state->n ? lend(t, t->state->v[i], path, value) : SR_NOT_FOUND;
}

static enum sr_err mem_last(struct store_txn *txn, struct sr_str bound,
	struct sr_str *path, struct sr_bytes *value)
{
	struct mem_txn *t = mem_txn_of(txn);
	bool exact;
	size_t i = bound.n == 0 ? t->state->n : state_find(t->state, bound, &exact);

	return i > 0 ? lend(t, t->state->v[i - 1], path, value) : SR_NOT_FOUND;
}

/* --- transactions --- */

static const struct store_kind store_mem;

static struct mem_store *mem_of(struct store *store)
{
	return (struct mem_store *)store;
}

static struct state *state_now(struct mem_store *store)
{
	struct state *state;

	(void)pthread_mutex_lock(&store->lock);
	state = state_ref(store->state);
	(void)pthread_mutex_unlock(&store->lock);
	return state;
}

static enum sr_err run(struct state *state, bool writable, store_fn *fn, void *arg)
{
	struct mem_txn t = { .base = { .kind = &store_mem, .writable = writable }, .state = state };
	enum sr_err err = fn(&t.base, arg);

	loans_end(&t);
	return err == SR_OK && t.nomem ? SR_NOMEM : err;
}

static enum sr_err mem_view(struct store *base, store_fn *fn, void *arg)
{
	SR_AUTO(state) state = state_now(mem_of(base));

	return run(state, /* writable= */ false, fn, arg);
}

static bool conflict_by_chance(struct mem_store *store)
{
	/* any generator does; this one repeats by seed on every libc */
	store->random = store->random * 1664525u + 1013904223u;
	return (store->random >> 24) % 4 == 0;
}

/* Puts after in the place of before, unless that is no longer the state. */
static bool replace(struct mem_store *store, const struct state *before, struct state *after)
{
	struct state *old = NULL;

	(void)pthread_mutex_lock(&store->lock);
	if (store->state == before && !conflict_by_chance(store)) {
		old = store->state;
		store->state = state_ref(after);
	}
	(void)pthread_mutex_unlock(&store->lock);
	state_unref(old);
	return old != NULL;
}

static enum sr_err mem_update(struct store *base, store_fn *fn, void *arg)
{
	struct mem_store *store = mem_of(base);

	for (int attempt = 0; ; attempt++) {
		SR_AUTO(state) before = state_now(store);
		SR_AUTO(state) after = state_copy(before);
		enum sr_err err;

		if (after == NULL)
			return SR_NOMEM;
		err = run(after, /* writable= */ true, fn, arg);
		if (attempt == 0)
			continue;
		if (err != SR_OK || replace(store, before, after))
			return err;
	}
}

/* --- open and close --- */

static void mem_close(struct store *base)
{
	struct mem_store *store = mem_of(base);

	state_unref(store->state);
	(void)pthread_mutex_destroy(&store->lock);
	free(store);
}

static const struct store_kind store_mem = {
	.close = mem_close,
	.view = mem_view,
	.update = mem_update,
	.get = mem_get,
	.put = mem_put,
	.remove = mem_remove,
	.first = mem_first,
	.last = mem_last,
};

SR_RESULT store_mem_open(unsigned seed, struct store **out)
{
	static const struct state nothing;
	struct mem_store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return SR_NOMEM;
	store->state = state_copy(&nothing);
	if (store->state == NULL) {
		free(store);
		return SR_NOMEM;
	}
	store->base.kind = &store_mem;
	store->random = seed;
	SR_ASSERT(pthread_mutex_init(&store->lock, /* attr= */ NULL) == 0);
	*out = &store->base;
	return SR_OK;
}
