/* SPDX-License-Identifier: Apache-2.0 */
/* Holds every record against its seal, and all together against the head. */
#include <string.h>

#include "base/str.h"
#include "daemon/store/sealed_txn.h"

struct check {
	void (*report)(struct sr_str path, const char *what, void *arg);
	void *arg;
	uint64_t newest;                /* the highest revision of a record */
	uint64_t count;
	uint8_t hash[SEALED_HASH_LEN];
	bool found, altered;
};

static void tell(struct check *c, struct sr_str path, const char *what)
{
	c->found = true;
	c->report(path, what, c->arg);
}

static bool begins(struct sr_str path, const char *prefix)
{
	return path.n > strlen(prefix) && memcmp(path.p, prefix, strlen(prefix)) == 0;
}

/* What the record is sealed with. */
static SR_RESULT key_of(struct sealed_txn *t, struct sr_str at, const uint8_t **out)
{
	if (begins(at, SEALED_RECORD_PREFIX))
		return sealed_txn_key(t, (struct sr_str){ at.p + 2, at.n - 2 }, out);
	*out = t->sealed->keys->root;
	return SR_OK;
}

static SR_RESULT check_record(struct check *c, struct sealed_txn *t, struct sr_str at, struct sr_bytes stored)
{
	struct sealed_record record;
	const uint8_t *key;
	enum sr_err err;

	c->count++;
	if (sealed_record_parse(stored, &record) != SR_OK) {
		c->altered = true;
		tell(c, at, "it is not in the form of a record");
		return SR_OK;
	}
	sealed_record_hash(t->sealed->keys->hash, at, record.revision, record.nonce, c->hash);
	err = key_of(t, at, &key);
	if (err == SR_NOT_FOUND || err == SR_CORRUPT) {
		tell(c, at, "the key of its tenant is gone or altered");
		return SR_OK;
	}
	SR_TRY(err);
	if (sealed_record_open(key, t->sealed->id, at, &record, /* plaintext= */ NULL) != SR_OK) {
		c->altered = true;
		tell(c, at, "it was altered, or put in another's place");
	} else if (record.revision > c->newest) {
		c->newest = record.revision;
	}
	return SR_OK;
}

static SR_RESULT check_path(struct check *c, struct sealed_txn *t, struct sr_str at, struct sr_bytes stored)
{
	if (begins(at, SEALED_RECORD_PREFIX) || begins(at, SEALED_TENANT_PREFIX))
		return check_record(c, t, at, stored);
	/* of our own three, the head was opened just now and the others at start */
	if (!str_is(at, SEALED_ID_PATH) && !str_is(at, SEALED_ROOT_PATH) && !str_is(at, SEALED_HEAD_PATH))
		tell(c, at, "it does not belong here");
	return SR_OK;
}

static void check_head(struct check *c, const struct sealed_head *head)
{
	if (c->newest > head->revision)
		tell(c, SR_STR(""), "the head is older than the records: an older one was put back");
	else if (c->count < head->count)
		tell(c, SR_STR(""), "a record was removed by hand");
	else if (c->count > head->count)
		tell(c, SR_STR(""), "a record that had been deleted was put back by hand");
	else if (!c->altered && memcmp(c->hash, head->hash, SEALED_HASH_LEN) != 0)
		tell(c, SR_STR(""), "an older revision of a record was put back by hand");
}

static enum sr_err check_all(struct sealed_txn *t, void *arg)
{
	struct check *c = arg;
	struct sr_str at = { NULL, 0 };
	struct sealed_head head;
	struct sr_bytes stored;
	enum sr_err err;

	err = sealed_head(t, &head);
	if (err == SR_CORRUPT)
		tell(c, SR_STR(SEALED_HEAD_PATH), "it is gone or was altered");
	SR_TRY(err);
	while ((err = store_next(t->txn, SR_STR(""), at, &at, &stored)) == SR_OK)
		SR_TRY(check_path(c, t, at, stored));
	if (err != SR_NOT_FOUND)
		return err;
	check_head(c, &head);
	return c->found ? SR_CORRUPT : SR_OK;
}

SR_RESULT sealed_check(struct sealed *sealed, void (*report)(struct sr_str path, const char *what, void *arg), void *arg)
{
	struct check c = { .report = report, .arg = arg };

	return sealed_view(sealed, check_all, &c);
}
