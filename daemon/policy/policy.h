/* SPDX-License-Identifier: Apache-2.0 */
/* May this identity do this to that?  Pure: no sockets, no store, no clock.
 *
 * A grant gives a principal a set of permissions at a scope.  Deny is the
 * default; grants only ever add. */
#ifndef SR_DAEMON_POLICY_H
#define SR_DAEMON_POLICY_H

#include <strongroom/strongroom.h>

#include "daemon/net/identity.h"
#include "protocol/messages.h"

enum principal_kind { PRINCIPAL_UID, PRINCIPAL_GID, PRINCIPAL_UNIT };

#define PRINCIPAL_MAX 255
#define ROLE_MAX      64
#define GRANT_ID_LEN  32

struct grant {
	char id[GRANT_ID_LEN + 1];
	enum principal_kind kind;
	uint32_t resolved;                      /* uid or gid */
	char principal[PRINCIPAL_MAX + 1];      /* as given: user:NAME uid:N group:NAME gid:N unit:NAME */
	char role[ROLE_MAX + 1];                /* "custom" for a hand-picked set */
	uint64_t permissions;                   /* bit 1 << PERM_x */
	struct sr_uri scope;                    /* a vault, or an object of one kind or of every kind */
	uint64_t created;
	struct grant *next;                     /* grants.buckets */
};

/* The permission of that name ("keys/sign"), and the name of one. */
SR_RESULT permission_find(struct sr_str name, enum permission *out);
const char *permission_name(enum permission permission);

/* The built-in role of that name, with or without "Key Vault" before it, in any
 * case: its proper name and its permissions.  Errors: NOT_FOUND. */
SR_RESULT role_find(struct sr_str name, const char **proper, uint64_t *permissions);

/* Does the grant speak of this caller? */
bool grant_names(const struct grant *grant, const struct identity *who);
/* Does the grant's scope hold this one: the same, or one below it?  Versions do not count. */
bool scope_covers(const struct sr_uri *outer, const struct sr_uri *inner);
bool scope_same(const struct sr_uri *a, const struct sr_uri *b);

/* Does this grant, by itself, allow the caller that? */
bool grant_allows(const struct grant *grant, const struct identity *who, enum permission permission, const struct sr_uri *scope);

#endif
