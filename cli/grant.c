/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom grant ... */
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

#define PERMISSIONS_MAX 64

/* What --on names, without version.  On failure it has said why. */
static SR_RESULT read_scope(const struct cli *cli, const struct args *args, struct sr_uri *scope)
{
	const char *text = ARGS_VALUE(args, on);
	struct sr_uri key;

	if (sr_uri_parse_short(str_of(text), SR_URI_ANY, scope) == SR_OK && scope->version[0] == '\0')
		return SR_OK;
	/* what is the name of a key's version would be a scope without it */
	if (sr_uri_parse_short(str_of(text), SR_URI_KEYS, &key) == SR_OK)
		(void)fail(cli, SR_BAD_PARAMETER, "\"%.255s\" names one version; a grant is for all of them: leave it out", text);
	else
		(void)fail(cli, SR_BAD_PARAMETER, "\"%.255s\" is no scope: VAULT, VAULT/NAME, VAULT/keys/NAME or a URI", text);
	return SR_BAD_PARAMETER;
}

static json_t *grant_json(const struct sr_grant_info *grant)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "id", json_text(grant->id));
	(void)json_object_set_new(json, "principal", json_text(grant->principal));
	if (SR_HAS(grant_info, grant, resolved))
		(void)json_object_set_new(json, "resolved", json_u64(grant->resolved));
	(void)json_object_set_new(json, "role", json_text(grant->role));
	(void)json_object_set_new(json, "scope", json_text(grant->scope));
	(void)json_object_set_new(json, "permissions", json_texts(grant->permissions));
	(void)json_object_set_new(json, "created", json_u64(grant->created));
	return json;
}

static void grant_row(struct table *table, const struct sr_grant_info *grant)
{
	char name[SR_URI_MAX + 1];
	struct sr_uri uri;

	table_cell(table, grant->id);
	table_cell(table, grant->principal);
	table_cell(table, grant->role);
	if (sr_uri_parse(grant->scope, &uri) == SR_OK)
		table_cellf(table, "%s", uri_short(&uri, name));
	else
		table_cell(table, grant->scope);
}

static int grant_print(const struct cli *cli, const struct sr_grant_info *grant)
{
	SR_AUTO(table) table = NULL;
	char text[TIME_TEXT_MAX];

	if (cli->json)
		return json_print(grant_json(grant));
	table = table_new(NULL);
	table_pair(table, "Grant", grant->id);
	if (SR_HAS(grant_info, grant, resolved))
		table_pairf(table, "To", "%.*s (id %llu)", (int)grant->principal.n, grant->principal.p, (unsigned long long)grant->resolved);
	else
		table_pair(table, "To", grant->principal);
	table_pair(table, "Role", grant->role);
	table_pair(table, "On", grant->scope);
	for (size_t i = 0; i < grant->permissions.n; i++)
		table_pair(table, i == 0 ? "Allows" : "", grant->permissions.v[i]);
	table_pairf(table, "Created", "%s", time_text(grant->created, text));
	table_print(table);
	return 0;
}

/* ---- add ---- */

static SR_RESULT read_permissions(const struct cli *cli, const char *text, struct sr_str out[static PERMISSIONS_MAX], size_t *out_n)
{
	size_t count = 0;

	for (const char *at = text; at != NULL; ) {
		const char *end = strchr(at, ',');
		size_t n = end == NULL ? strlen(at) : (size_t)(end - at);

		if (n == 0 || count == PERMISSIONS_MAX) {
			(void)fail(cli, SR_BAD_PARAMETER, "--allow takes permissions separated by commas, such as keys/sign,keys/get, not \"%.64s\"", text);
			return SR_BAD_PARAMETER;
		}
		out[count++] = (struct sr_str){ at, n };
		at = end == NULL ? NULL : end + 1;
	}
	*out_n = count;
	return SR_OK;
}

int cmd_grant_add(struct cli *cli, const struct args *args)
{
	struct sr_str permissions[PERMISSIONS_MAX];
	struct sr_grant_add_req q = { 0 };
	struct sr_grant_add_rep r;
	struct sr_uri scope;
	size_t n;
	enum sr_err err;

	if (ARGS_HAS(args, role) == ARGS_HAS(args, allow))
		return fail(cli, SR_BAD_PARAMETER, "give either --role ROLE or --allow PERM,PERM");
	err = read_scope(cli, args, &scope);
	if (err == SR_OK)
		err = read_permissions(cli, ARGS_VALUE(args, allow), permissions, &n);
	if (err != SR_OK)
		return sr_error_exit(err);
	q.scope = URI_TEXT(&scope);
	q.principal = str_of(ARGS_VALUE(args, to));
	if (ARGS_HAS(args, role))
		SR_SET(grant_add_req, &q, role, str_of(ARGS_VALUE(args, role)));
	else
		SR_SET(grant_add_req, &q, permissions, ((struct sr_strs){ permissions, n }));
	err = sr_grant_add(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_grant_add, "add a grant on", &scope);
	return grant_print(cli, &r.grant);
}

/* ---- list ---- */

int cmd_grant_list(struct cli *cli, const struct args *args)
{
	SR_AUTO(table) table = table_new("ID|TO|ROLE|ON");
	SR_AUTO(json_t) list = json_array();
	struct sr_grant_list_req q = { 0 };
	struct sr_grant_list_rep r;
	char after[SR_URI_MAX + 1];
	struct sr_uri scope;
	enum sr_err err = read_scope(cli, args, &scope);

	if (err != SR_OK)
		return sr_error_exit(err);
	q.scope = URI_TEXT(&scope);
	do {
		err = sr_grant_list(cli->client, cli->call, &q, &r);
		if (err != SR_OK)
			return fail_call(cli, err, CLI_OP_grant_list, "list the grants on", &scope);
		for (size_t i = 0; i < r.grants.n; i++) {
			grant_row(table, &r.grants.v[i]);
			(void)json_array_append_new(list, grant_json(&r.grants.v[i]));
		}
		if (!page_next(SR_HAS(grant_list_rep, &r, next), r.next, after))
			break;
		SR_SET(grant_list_req, &q, after, str_of(after));
	} while (true);
	return list_print(cli, table, SR_TAKE(list));
}

/* ---- remove ---- */

int cmd_grant_remove(struct cli *cli, const struct args *args)
{
	struct sr_grant_remove_req q = { 0 };
	struct sr_grant_remove_rep r;
	struct sr_uri scope;
	bool by_id = args->operands_n > 0;
	enum sr_err err;

	if (by_id == (ARGS_HAS(args, to) || ARGS_HAS(args, role)) || (!by_id && !ARGS_HAS(args, to)))
		return fail(cli, SR_BAD_PARAMETER, "give either the grant's ID or --to PRINCIPAL [--role ROLE]");
	err = read_scope(cli, args, &scope);
	if (err != SR_OK)
		return sr_error_exit(err);
	q.scope = URI_TEXT(&scope);
	if (by_id)
		SR_SET(grant_remove_req, &q, id, str_of(args->operand[0]));
	if (ARGS_HAS(args, to))
		SR_SET(grant_remove_req, &q, principal, str_of(ARGS_VALUE(args, to)));
	if (ARGS_HAS(args, role))
		SR_SET(grant_remove_req, &q, role, str_of(ARGS_VALUE(args, role)));
	err = sr_grant_remove(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_grant_remove, "remove a grant on", &scope);
	if (r.removed == 0)
		return fail(cli, SR_NOT_FOUND, "there is no such grant on %.255s", ARGS_VALUE(args, on));
	if (cli->json)
		return json_print(json_pack("{s:I}", "removed", (json_int_t)r.removed));
	printf("%llu removed\n", (unsigned long long)r.removed);
	return 0;
}
