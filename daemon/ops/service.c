/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing what requests work on, in an order that a crash at any
 * point does not break: the audit log against its mark, then the outbox, then
 * the rest; and what has to be done now and then. */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/ops/call.h"
#include "daemon/vault/records.h"

static const struct record_path seed_path = { "audit/seed", 10 };
static const struct record_path mark_path = { "audit/mark", 10 };

#define ARENA_SIZE 16384
#define ORIGIN     "strongroom/"

struct opening {
	struct dispatch *d;
	struct arena *arena;
	uint8_t *seed;          /* AUDIT_SEED_LEN bytes, locked */
	struct audit_mark mark;
};

static enum sr_err read_mark(struct sealed_txn *txn, void *arg)
{
	struct opening *o = arg;
	struct mark_record r;
	enum sr_err err = record_get(txn, &mark_path, &mark_record_schema, &r, o->arena);

	if (err == SR_NOT_FOUND)
		return SR_OK;           /* no checkpoint yet */
	SR_TRY(err);
	if (r.root.n != AUDIT_HASH_LEN)
		return SR_CORRUPT;
	o->mark.size = r.size;
	memcpy(o->mark.root, r.root.p, AUDIT_HASH_LEN);
	return SR_OK;
}

static enum sr_err read_seed(struct sealed_txn *txn, void *arg)
{
	struct opening *o = arg;
	struct sr_bytes bytes;

	SR_TRY(sealed_get(txn, path_str(&seed_path), o->arena, &bytes));
	if (bytes.n != AUDIT_SEED_LEN)
		return SR_CORRUPT;
	memcpy(o->seed, bytes.p, bytes.n);
	return SR_OK;
}

static enum sr_err write_seed(struct sealed_txn *txn, void *arg)
{
	struct opening *o = arg;

	return sealed_put(txn, path_str(&seed_path), (struct sr_bytes){ o->seed, AUDIT_SEED_LEN });
}

/* Only a store that has no mark may lack the seed: a lost one must not be replaced unseen. */
static SR_RESULT load_seed(struct opening *o)
{
	enum sr_err err = sealed_view(o->d->sealed, read_seed, o);

	if (err != SR_NOT_FOUND)
		return err;
	if (o->mark.size > 0)
		return SR_CORRUPT;
	randombytes_buf(o->seed, AUDIT_SEED_LEN);
	return sealed_update(o->d->sealed, write_seed, o);
}

/* ---- the audit log's keep() ---- */

struct keeping {
	const struct audit_mark *mark;
	const char *ids;
	size_t n;
};

static enum sr_err keep_fn(struct sealed_txn *txn, void *arg)
{
	struct keeping *k = arg;
	struct mark_record r = { .size = k->mark->size, .root = { k->mark->root, AUDIT_HASH_LEN } };

	SR_TRY(record_put(txn, &mark_path, &mark_record_schema, &r));
	return outbox_remove(txn, k->ids, k->n);
}

static enum sr_err keep(void *arg, const struct audit_mark *mark, const char *ids, size_t n)
{
	struct dispatch *d = arg;
	struct keeping keeping = { mark, ids, n };

	return sealed_update(d->sealed, keep_fn, &keeping);
}

/* ---- open ---- */

static SR_RESULT open_audit(struct dispatch *d, struct arena *arena)
{
	struct opening o = { .d = d, .arena = arena, .seed = locked_alloc(AUDIT_SEED_LEN) };
	struct audit_options options = d->options.audit;
	char origin[sizeof ORIGIN + 2 * SEALED_ID_LEN] = ORIGIN;
	enum sr_err err;

	if (o.seed == NULL)
		return SR_NOMEM;
	hex_encode((struct sr_bytes){ sealed_id(d->sealed), SEALED_ID_LEN }, origin + sizeof ORIGIN - 1);
	err = sealed_view(d->sealed, read_mark, &o);
	if (err == SR_OK)
		err = load_seed(&o);
	if (err == SR_OK) {
		options.origin = origin;
		options.seed = o.seed;
		options.mark = o.mark;
		options.keep = keep;
		options.arg = d;
		err = audit_open(&options, &d->audit);
	}
	locked_free(o.seed);
	return err;
}

static SR_RESULT open_parts(struct dispatch *d, struct arena *arena, char problem[static 512])
{
	const struct dispatch_options *o = &d->options;
	char words[256] = "";
	enum sr_err err = open_audit(d, arena);

	if (err != SR_OK) {
		(void)snprintf(problem, 512, "the audit log cannot be opened: %s", sr_strerror(err));
		return err;
	}
	audit_problem(d->audit, words, sizeof words);
	if (words[0] != '\0')
		log_error("the audit log: %s; status and audit are answered, all else is refused", words);
	(void)snprintf(problem, 512, "grants or the outbox cannot be read from the store");
	SR_TRY(outbox_new(d->sealed, d->audit, &d->outbox));
	SR_TRY(outbox_recover(d->outbox));
	SR_TRY(grants_load(d->sealed, &d->grants));
	SR_TRY(refusals_new(o->refusals, &d->refusals));
	return keys_new(d->sealed, d->backend, o->key_cache, &d->keys);
}

static SR_RESULT copy_options(const struct dispatch_options *from, struct dispatch_options *to)
{
	size_t n = 0;
	const char **warnings;

	*to = *from;
	to->data = to->seal = NULL;
	to->warnings = NULL;
	while (from->warnings != NULL && from->warnings[n] != NULL)
		n++;
	to->data = strdup(from->data);
	to->seal = strdup(from->seal);
	to->warnings = warnings = calloc(n + 1, sizeof *warnings);
	if (to->data == NULL || to->seal == NULL || warnings == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < n; i++)
		if ((warnings[i] = strdup(from->warnings[i])) == NULL)
			return SR_NOMEM;
	return SR_OK;
}

static void free_text(const char *text)
{
	free((void *)(uintptr_t)text);
}

static void free_options(struct dispatch_options *o)
{
	for (size_t i = 0; o->warnings != NULL && o->warnings[i] != NULL; i++)
		free_text(o->warnings[i]);
	free((void *)(uintptr_t)o->warnings);
	free_text(o->data);
	free_text(o->seal);
}

void dispatch_close(struct dispatch *dispatch)
{
	if (dispatch == NULL)
		return;
	keys_free(dispatch->keys);
	if (dispatch->refusals != NULL && dispatch->outbox != NULL)
		dispatch_tick(dispatch);
	audit_close(dispatch->audit);
	outbox_free(dispatch->outbox);
	grants_free(dispatch->grants);
	refusals_free(dispatch->refusals);
	free_options(&dispatch->options);
	free(dispatch);
}
SR_DEFINE_AUTO(dispatch, dispatch_close)

SR_RESULT dispatch_open(const struct dispatch_options *options, struct dispatch **out, char problem[static 512])
{
	SR_AUTO(dispatch) d = calloc(1, sizeof *d);
	struct arena arena = { locked_alloc(ARENA_SIZE), ARENA_SIZE, 0 };
	enum sr_err err;

	(void)snprintf(problem, 512, "out of memory");
	if (d == NULL || arena.base == NULL) {
		locked_free(arena.base);
		return SR_NOMEM;
	}
	d->sealed = options->sealed;
	d->backend = options->backend;
	d->started = (uint64_t)time(NULL);
	err = copy_options(options, &d->options);
	if (err == SR_OK)
		err = open_parts(d, &arena, problem);
	locked_free(arena.base);
	if (err != SR_OK)
		return err;
	problem[0] = '\0';
	*out = SR_TAKE(d);
	return SR_OK;
}

bool dispatch_knows(struct dispatch *dispatch, const struct identity *who)
{
	return who->is_operator || grants_name(dispatch->grants, who);
}

/* ---- now and then ---- */

static bool write_sum(uid_t uid, uint64_t count, void *arg)
{
	struct dispatch *d = arg;
	const struct identity who = { .uid = uid };
	char id[AUDIT_ID_LEN + 1];
	struct line_facts facts = { .operation = "RefusalsSummed", .err = SR_BUSY, .id = id, .who = &who, .count = count,
		.description = SR_STR("failures, and lists of nothing, of this uid beyond audit_refusals a second; uid 4294967295: of several") };
	struct line line;

	line_new_id(id);
	line_write(&line, &facts);
	return audit_append(d->audit, line_str(&line), /* id= */ NULL) == SR_OK;
}

void dispatch_tick(struct dispatch *dispatch)
{
	if (outbox_blocked(dispatch->outbox))
		(void)outbox_drain(dispatch->outbox);
	refusals_flush(dispatch->refusals, write_sum, dispatch);
}
