/* SPDX-License-Identifier: Apache-2.0 */
/* The half of a store that is the same for every kind: arguments held against
 * the contract, prefixes turned into bounds, and transactions kept from nesting. */
#include "daemon/store/store_kind.h"

#include "base/str.h"

/* The store whose transaction this thread runs: another one of the same store
 * inside it would wait for itself. */
static _Thread_local const struct store *running;

int store_path_compare(struct sr_str a, struct sr_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

static bool begins_with(struct sr_str path, struct sr_str prefix)
{
	return path.n >= prefix.n && (prefix.n == 0 || memcmp(path.p, prefix.p, prefix.n) == 0);
}

void store_close(struct store *store)
{
	if (store != NULL)
		store->kind->close(store);
}

SR_RESULT store_view(struct store *store, store_fn *fn, void *arg)
{
	const struct store *outer = running;
	enum sr_err err;

	SR_ASSERT(outer != store);
	running = store;
	err = store->kind->view(store, fn, arg);
	running = outer;
	return err;
}

SR_RESULT store_update(struct store *store, store_fn *fn, void *arg)
{
	const struct store *outer = running;
	enum sr_err err;

	SR_ASSERT(outer != store);
	running = store;
	err = store->kind->update(store, fn, arg);
	running = outer;
	return err;
}

static bool valid_path(struct sr_str path)
{
	return path.n >= 1 && path.n <= STORE_PATH_MAX;
}

SR_RESULT store_get(struct store_txn *txn, struct sr_str path, struct sr_bytes *out)
{
	if (!valid_path(path))
		return SR_BAD_PARAMETER;
	return txn->kind->get(txn, path, out);
}

SR_RESULT store_put(struct store_txn *txn, struct sr_str path, struct sr_bytes value)
{
	if (!txn->writable || !valid_path(path))
		return SR_BAD_PARAMETER;
	if (value.n > STORE_VALUE_MAX)
		return SR_TOO_LARGE;
	return txn->kind->put(txn, path, value);
}

SR_RESULT store_delete(struct store_txn *txn, struct sr_str path)
{
	if (!txn->writable || !valid_path(path))
		return SR_BAD_PARAMETER;
	return txn->kind->remove(txn, path);
}

SR_RESULT store_next(struct store_txn *txn, struct sr_str prefix, struct sr_str after,
	struct sr_str *path, struct sr_bytes *value)
{
	bool behind = after.n > 0 && store_path_compare(after, prefix) >= 0;
	struct sr_str found;
	struct sr_bytes found_value;

	if (prefix.n > STORE_PATH_MAX || after.n > STORE_PATH_MAX)
		return SR_BAD_PARAMETER;
	SR_TRY(txn->kind->first(txn, behind ? after : prefix, behind, &found, &found_value));
	if (!begins_with(found, prefix))
		return SR_NOT_FOUND;
	*path = found;
	*value = found_value;
	return SR_OK;
}

/* The first path behind all that begin with prefix, in buf; n == 0: there is
 * none, since the prefix is empty or all 0xff. */
static struct sr_str prefix_end(struct sr_str prefix, char buf[STORE_PATH_MAX])
{
	size_t n = prefix.n;

	while (n > 0 && (unsigned char)prefix.p[n - 1] == 0xff)
		n--;
	if (n == 0)
		return (struct sr_str){ NULL, 0 };
	memcpy(buf, prefix.p, n);
	buf[n - 1] = (char)((unsigned char)buf[n - 1] + 1);
	return (struct sr_str){ buf, n };
}

SR_RESULT store_previous(struct store_txn *txn, struct sr_str prefix, struct sr_str before,
	struct sr_str *path, struct sr_bytes *value)
{
	char buf[STORE_PATH_MAX];
	struct sr_str bound, found;
	struct sr_bytes found_value;

	if (prefix.n > STORE_PATH_MAX || before.n > STORE_PATH_MAX)
		return SR_BAD_PARAMETER;
	bound = prefix_end(prefix, buf);
	if (before.n > 0 && (bound.n == 0 || store_path_compare(before, bound) < 0))
		bound = before;
	SR_TRY(txn->kind->last(txn, bound, &found, &found_value));
	if (!begins_with(found, prefix))
		return SR_NOT_FOUND;
	*path = found;
	*value = found_value;
	return SR_OK;
}
