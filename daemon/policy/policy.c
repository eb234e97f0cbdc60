/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/policy/policy.h"

#include <string.h>

#include "base/str.h"

static const char *const permission_names[PERM_COUNT] = {
#define PERMISSION(id, name, summary) [PERM_##id] = name,
#include <strongroom/permissions.def>
#undef PERMISSION
};

_Static_assert(PERM_COUNT <= 64, "a grant's permissions are bits of one word");

static const struct {
	const char *name;
	uint64_t permissions;
} roles[] = {
#define P(permission) (UINT64_C(1) << PERM_##permission)
#define ROLE(id, name, permissions, summary) { name, permissions },
#include <strongroom/roles.def>
#undef ROLE
#undef P
};

SR_RESULT permission_find(struct sr_str name, enum permission *out)
{
	for (int i = 0; i < PERM_COUNT; i++)
		if (str_is(name, permission_names[i])) {
			*out = (enum permission)i;
			return SR_OK;
		}
	return SR_NOT_FOUND;
}

const char *permission_name(enum permission permission)
{
	return permission < PERM_COUNT ? permission_names[permission] :
		permission == PERM_operator ? "operator" : permission == PERM_tenant ? "tenant owner" : "";
}

SR_RESULT role_find(struct sr_str name, const char **proper, uint64_t *permissions)
{
	const struct sr_str prefix = SR_STR("Key Vault ");

	if (name.n > prefix.n && str_eq_nocase((struct sr_str){ name.p, prefix.n }, prefix))
		name = (struct sr_str){ name.p + prefix.n, name.n - prefix.n };
	for (size_t i = 0; i < SR_COUNT(roles); i++)
		if (str_eq_nocase(name, str_of(roles[i].name))) {
			*proper = roles[i].name;
			*permissions = roles[i].permissions;
			return SR_OK;
		}
	return SR_NOT_FOUND;
}

static bool in_group(const struct identity *who, gid_t gid)
{
	if (who->gid == gid)
		return true;
	for (size_t i = 0; i < who->groups_n; i++)
		if (who->groups[i] == gid)
			return true;
	return false;
}

bool grant_names(const struct grant *grant, const struct identity *who)
{
	switch (grant->kind) {
	case PRINCIPAL_UID:
		return who->uid == grant->resolved;
	case PRINCIPAL_GID:
		return in_group(who, grant->resolved);
	case PRINCIPAL_UNIT:
		return who->unit[0] != '\0' && strcmp(who->unit, grant->principal + strlen("unit:")) == 0;
	}
	return false;
}

static bool same_vault(const struct sr_uri *a, const struct sr_uri *b)
{
	return strcmp(a->tenant, b->tenant) == 0 && strcmp(a->vault, b->vault) == 0;
}

bool scope_same(const struct sr_uri *a, const struct sr_uri *b)
{
	return same_vault(a, b) && a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

bool scope_covers(const struct sr_uri *outer, const struct sr_uri *inner)
{
	if (!same_vault(outer, inner))
		return false;
	if (outer->kind == SR_URI_VAULT)
		return true;
	return strcmp(outer->name, inner->name) == 0 && inner->kind != SR_URI_VAULT &&
		(outer->kind == SR_URI_ANY || outer->kind == inner->kind);
}

bool grant_allows(const struct grant *grant, const struct identity *who, enum permission permission, const struct sr_uri *scope)
{
	return permission < PERM_COUNT && (grant->permissions >> permission & 1) != 0 &&
		scope_covers(&grant->scope, scope) && grant_names(grant, who);
}
