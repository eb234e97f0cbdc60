/* SPDX-License-Identifier: Apache-2.0 */
/* All grants, in memory beside the store, so that the hot path asks nobody.  The
 * store is changed first, then, before the reply, the memory: what was revoked
 * is refused in every call received after that reply.  Any thread. */
#ifndef SR_DAEMON_GRANTS_H
#define SR_DAEMON_GRANTS_H

#include "base/arena.h"
#include "daemon/policy/policy.h"
#include "daemon/store/sealed.h"

struct grants;

/* Reads all grants from the store.  Errors: the store's, NOMEM, CORRUPT. */
SR_RESULT grants_load(struct sealed *sealed, struct grants **out);
void grants_free(struct grants *grants);

/* Does any grant allow it? */
bool grants_allow(struct grants *grants, const struct identity *who, enum permission permission, const struct sr_uri *scope);
/* Has the caller any right in this vault? */
bool grants_touch(struct grants *grants, const struct identity *who, const struct sr_uri *vault);
/* Has the caller any right anywhere?  Looks at all grants. */
bool grants_name(struct grants *grants, const struct identity *who);
/* Is nobody left who could give grants in this vault: no grant of grants/write to
 * a unit, or to a user or group that the host still knows?  Asks the name service: not
 * for the hot path. */
bool grants_orphaned(struct grants *grants, const struct sr_uri *vault);

/* Calls fn for each grant of the vault, in order of id, until it answers false. */
void grants_each(struct grants *grants, const struct sr_uri *vault,
	bool (*fn)(const struct grant *grant, void *arg), void *arg);

/* Within a change: stores or removes the record. */
SR_RESULT grants_store(struct sealed_txn *txn, const struct grant *grant);
SR_RESULT grants_unstore(struct sealed_txn *txn, const struct grant *grant);
/* After its commit: the same in memory, which cannot fail.  insert takes a grant
 * from malloc and keeps it; remove frees the one with this id. */
void grants_insert(struct grants *grants, struct grant *grant);
void grants_remove(struct grants *grants, const struct grant *grant);

/* Takes apart user:NAME, uid:N, group:NAME, gid:N or unit:NAME.service and looks
 * names up: fills kind, resolved and principal.  *detail, static text, says
 * what is wrong.  Errors: BAD_PARAMETER, NOT_FOUND (no such user or group). */
SR_RESULT grant_principal(struct sr_str text, struct grant *out, const char **detail);

#endif
