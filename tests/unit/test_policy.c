/* SPDX-License-Identifier: Apache-2.0 */
/* Rights: deny is the default, and a grant gives just what it says. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "daemon/policy/policy.h"

static struct sr_uri uri(const char *text)
{
	struct sr_uri u;

	cr_assert_eq(sr_uri_parse(str_of(text), &u), SR_OK, "%s", text);
	return u;
}

static struct grant grant(const char *scope, enum principal_kind kind, uint32_t id, uint64_t permissions)
{
	struct grant g = { .kind = kind, .resolved = id, .permissions = permissions, .scope = uri(scope) };

	return g;
}

#define BIT(p) (UINT64_C(1) << PERM_##p)

Test(policy, covers_what_lies_below_a_scope_and_nothing_beside_it)
{
	static const struct { const char *outer, *inner; bool covers; } cases[] = {
		{ "strongroom://web",          "strongroom://web",          true },
		{ "strongroom://web",          "strongroom://web/keys/tls", true },
		{ "strongroom://web",          "strongroom://web/*/tls",    true },
		{ "strongroom://web",          "strongroom://app",          false },
		{ "strongroom://web",          "strongroom://web.acme",     false },
		{ "strongroom://web.acme",     "strongroom://web",          false },
		{ "strongroom://web/keys/tls", "strongroom://web/keys/tls", true },
		{ "strongroom://web/keys/tls", "strongroom://web/keys/tls/0123456789abcdef0123456789abcdef", true },
		{ "strongroom://web/keys/tls", "strongroom://web",          false },
		{ "strongroom://web/keys/tls", "strongroom://web/keys/tls2", false },
		{ "strongroom://web/keys/tls", "strongroom://web/secrets/tls", false },
		{ "strongroom://web/keys/tls", "strongroom://web/*/tls",    false },
		{ "strongroom://web/*/tls",    "strongroom://web/keys/tls", true },
		{ "strongroom://web/*/tls",    "strongroom://web/secrets/tls", true },
		{ "strongroom://web/*/tls",    "strongroom://web/keys/other", false },
		{ "strongroom://web/*/tls",    "strongroom://web",          false },
	};

	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct sr_uri outer = uri(cases[i].outer), inner = uri(cases[i].inner);

		cr_assert_eq(scope_covers(&outer, &inner), cases[i].covers, "%s over %s", cases[i].outer, cases[i].inner);
	}
}

Test(policy, gives_the_permissions_granted_and_no_other)
{
	const struct identity who = { .uid = 33, .gid = 33 };
	const struct grant g = grant("strongroom://web", PRINCIPAL_UID, 33, BIT(keys_sign));
	struct sr_uri key = uri("strongroom://web/keys/tls");

	for (int p = 0; p < PERM_COUNT; p++)
		cr_assert_eq(grant_allows(&g, &who, (enum permission)p, &key), p == PERM_keys_sign);
	cr_assert(!grant_allows(&g, &who, PERM_operator, &key), "what is not granted cannot be had by a grant");
	cr_assert(!grant_allows(&g, &who, PERM_any, &key));
}

Test(policy, tells_principals_apart)
{
	gid_t groups[] = { 4, 27 };
	const struct identity who = { .uid = 33, .gid = 50, .groups = groups, .groups_n = 2, .unit = "nginx.service" };
	struct grant unit = grant("strongroom://web", PRINCIPAL_UNIT, 0, 1);
	const struct { enum principal_kind kind; uint32_t id; bool is; } cases[] = {
		{ PRINCIPAL_UID, 33, true }, { PRINCIPAL_UID, 50, false }, { PRINCIPAL_UID, 0, false },
		{ PRINCIPAL_GID, 50, true }, { PRINCIPAL_GID, 27, true }, { PRINCIPAL_GID, 4, true }, { PRINCIPAL_GID, 33, false },
	};

	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		const struct grant g = grant("strongroom://web", cases[i].kind, cases[i].id, 1);

		cr_assert_eq(grant_names(&g, &who), cases[i].is, "case %zu", i);
	}
	strcpy(unit.principal, "unit:nginx.service");
	cr_assert(grant_names(&unit, &who));
	strcpy(unit.principal, "unit:apache2.service");
	cr_assert(!grant_names(&unit, &who));
	strcpy(unit.principal, "unit:");
	cr_assert(!grant_names(&unit, &(struct identity){ .unit = "" }), "who is in no unit is in none");
}

Test(policy, knows_roles_by_their_azure_names_in_any_case)
{
	const char *proper;
	uint64_t officer, user;

	cr_assert_eq(role_find(SR_STR("key vault CRYPTO officer"), &proper, &officer), SR_OK);
	cr_assert_str_eq(proper, "Crypto Officer");
	cr_assert_eq(role_find(SR_STR("Crypto User"), &proper, &user), SR_OK);
	cr_assert_eq(user & ~officer, 0, "an officer may all that a user may");
	cr_assert_eq(user & BIT(keys_create), 0);
	cr_assert_eq(officer & BIT(grants_write), 0, "keys and grants are different powers");
	cr_assert_eq(role_find(SR_STR("Key Vault "), &proper, &user), SR_NOT_FOUND);
	cr_assert_eq(role_find(SR_STR("Owner"), &proper, &user), SR_NOT_FOUND);
}
