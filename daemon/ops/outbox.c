/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ops/outbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/str.h"
#include "daemon/backend/locked.h"
#include "daemon/vault/records.h"

#define PREFIX "outbox/"

struct outbox_record {
	struct outbox_record *next;     /* outbox.first */
	char id[AUDIT_ID_LEN + 1];
	size_t n;
	char body[];
};

struct outbox {
	struct sealed *sealed;
	struct audit *audit;
	pthread_mutex_t lock;
	struct outbox_record *first, **last;    /* committed, not in the log; guarded by lock */
	atomic_uint_fast64_t waiting;
};

SR_RESULT outbox_new(struct sealed *sealed, struct audit *audit, struct outbox **out)
{
	struct outbox *o = calloc(1, sizeof *o);

	if (o == NULL)
		return SR_NOMEM;
	o->sealed = sealed;
	o->audit = audit;
	o->last = &o->first;
	pthread_mutex_init(&o->lock, NULL);
	*out = o;
	return SR_OK;
}

void outbox_free(struct outbox *outbox)
{
	if (outbox == NULL)
		return;
	while (outbox->first != NULL) {         /* still in the store: the next start finds them */
		struct outbox_record *next = outbox->first->next;

		free(outbox->first);
		outbox->first = next;
	}
	pthread_mutex_destroy(&outbox->lock);
	free(outbox);
}

SR_RESULT outbox_record_new(const char id[AUDIT_ID_LEN + 1], struct sr_str body, struct outbox_record **out)
{
	struct outbox_record *r = calloc(1, sizeof *r + body.n);

	if (r == NULL)
		return SR_NOMEM;
	memcpy(r->id, id, AUDIT_ID_LEN);
	memcpy(r->body, body.p, body.n);
	r->n = body.n;
	*out = r;
	return SR_OK;
}

void outbox_record_free(struct outbox_record *record)
{
	free(record);
}

static struct record_path path_of(const char *id)
{
	return path_printf(PREFIX "%.*s", AUDIT_ID_LEN, id);
}

SR_RESULT outbox_put(struct sealed_txn *txn, const struct outbox_record *record)
{
	struct record_path path = path_of(record->id);

	return sealed_put(txn, path_str(&path), (struct sr_bytes){ (const uint8_t *)record->body, record->n });
}

SR_RESULT outbox_remove(struct sealed_txn *txn, const char *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct record_path path = path_of(ids + i * AUDIT_ID_LEN);
		enum sr_err err = sealed_delete(txn, path_str(&path));

		if (err != SR_OK && err != SR_NOT_FOUND)
			return err;
	}
	return SR_OK;
}

/* ---- from the store to the log ---- */

bool outbox_blocked(struct outbox *outbox)
{
	return atomic_load(&outbox->waiting) > 0;
}

uint64_t outbox_waiting(struct outbox *outbox)
{
	return atomic_load(&outbox->waiting);
}

/* In order: a record waits behind those that wait already. */
bool outbox_drain(struct outbox *outbox)
{
	bool empty;

	pthread_mutex_lock(&outbox->lock);
	while (outbox->first != NULL) {
		struct outbox_record *r = outbox->first;

		if (audit_append(outbox->audit, (struct sr_str){ r->body, r->n }, r->id) != SR_OK)
			break;
		outbox->first = r->next;
		if (outbox->first == NULL)
			outbox->last = &outbox->first;
		atomic_fetch_sub(&outbox->waiting, 1);
		free(r);
	}
	empty = outbox->first == NULL;
	pthread_mutex_unlock(&outbox->lock);
	return empty;
}

static void queue(struct outbox *o, struct outbox_record *r)
{
	pthread_mutex_lock(&o->lock);
	r->next = NULL;
	*o->last = r;
	o->last = &r->next;
	atomic_fetch_add(&o->waiting, 1);
	pthread_mutex_unlock(&o->lock);
}

void outbox_settle(struct outbox *outbox, struct outbox_record *record)
{
	if (!outbox_blocked(outbox) &&
		audit_append(outbox->audit, (struct sr_str){ record->body, record->n }, record->id) == SR_OK) {
		free(record);
		return;
	}
	queue(outbox, record);
	(void)outbox_drain(outbox);
}

/* ---- start ---- */

struct recovery {
	struct outbox *outbox;
	struct arena arena;
	char after[STORE_PATH_MAX + 1];
	struct outbox_record *found;
	char in_log[AUDIT_ID_LEN + 1];
};

/* The next record that waits in the store. */
static enum sr_err find_next(struct sealed_txn *txn, void *arg)
{
	struct recovery *r = arg;
	struct sr_bytes body;
	struct sr_str path;

	r->arena.used = 0;
	outbox_record_free(r->found);
	r->found = NULL;
	SR_TRY(sealed_next(txn, SR_STR(PREFIX), str_of(r->after), &r->arena, &path, &body));
	if (path.n != sizeof PREFIX - 1 + AUDIT_ID_LEN)
		return SR_CORRUPT;
	(void)str_copy(path, r->after, sizeof r->after);
	return outbox_record_new(r->after + sizeof PREFIX - 1, (struct sr_str){ (const char *)body.p, body.n }, &r->found);
}

static enum sr_err remove_one(struct sealed_txn *txn, void *arg)
{
	struct recovery *r = arg;

	return outbox_remove(txn, r->in_log, 1);
}

/* Settles what find_next found. */
static SR_RESULT recover_one(struct outbox *o, struct recovery *r)
{
	struct outbox_record *found = SR_TAKE(r->found);

	if (!audit_has(o->audit, found->id)) {
		outbox_settle(o, found);
		return SR_OK;
	}
	/* audit_open has synced what it read, so the line is on the disk */
	memcpy(r->in_log, found->id, sizeof r->in_log);
	outbox_record_free(found);
	return sealed_update(o->sealed, remove_one, r);
}

SR_RESULT outbox_recover(struct outbox *outbox)
{
	struct recovery r = { .outbox = outbox, .arena = { locked_alloc(2 * AUDIT_LINE_MAX), 2 * AUDIT_LINE_MAX, 0 } };
	enum sr_err err = r.arena.base != NULL ? SR_OK : SR_NOMEM;

	while (err == SR_OK) {
		err = sealed_view(outbox->sealed, find_next, &r);
		if (err == SR_OK)
			err = recover_one(outbox, &r);
	}
	outbox_record_free(r.found);
	locked_free(r.arena.base);
	return err == SR_NOT_FOUND ? SR_OK : err;
}
