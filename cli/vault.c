/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom vault ... */
#include "cli/cli.h"
#include "cli/output.h"

static json_t *vault_json(const struct sr_vault_info *vault)
{
	json_t *json = json_object();
	struct sr_uri uri;

	(void)json_object_set_new(json, "id", json_text(vault->id));
	if (sr_uri_parse(vault->id, &uri) == SR_OK) {
		(void)json_object_set_new(json, "name", json_text(str_of(uri.vault)));
		(void)json_object_set_new(json, "tenant", json_text(str_of(uri.tenant)));
	}
	(void)json_object_set_new(json, "owner", json_text(vault->owner));
	(void)json_object_set_new(json, "created", json_u64(vault->created));
	return json;
}

static int vault_print(const struct cli *cli, const struct sr_vault_info *vault)
{
	SR_AUTO(table) table = NULL;
	char text[TIME_TEXT_MAX];

	if (cli->json)
		return json_print(vault_json(vault));
	table = table_new(NULL);
	table_pair(table, "Vault", vault->id);
	table_pair(table, "Owner", vault->owner);
	table_pairf(table, "Created", "%s", time_text(vault->created, text));
	table_print(table);
	return 0;
}

int cmd_vault_create(struct cli *cli, const struct args *args)
{
	struct sr_vault_create_req q = { 0 };
	struct sr_vault_create_rep r;
	struct sr_uri uri;
	enum sr_err err = operand_vault(cli, args->operand[0], &uri);

	if (err != SR_OK)
		return sr_error_exit(err);
	q.vault = URI_TEXT(&uri);
	err = sr_vault_create(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_vault_create, "create vault", &uri);
	return vault_print(cli, &r.vault);
}

int cmd_vault_show(struct cli *cli, const struct args *args)
{
	struct sr_vault_get_req q = { 0 };
	struct sr_vault_get_rep r;
	struct sr_uri uri;
	enum sr_err err = operand_vault(cli, args->operand[0], &uri);

	if (err != SR_OK)
		return sr_error_exit(err);
	q.vault = URI_TEXT(&uri);
	err = sr_vault_get(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_vault_get, "show vault", &uri);
	return vault_print(cli, &r.vault);
}

static void vault_row(struct table *table, const struct sr_vault_info *vault)
{
	char text[TIME_TEXT_MAX], name[SR_URI_MAX + 1];
	struct sr_uri uri;

	if (sr_uri_parse(vault->id, &uri) == SR_OK)
		table_cellf(table, "%s", uri_short(&uri, name));
	else
		table_cell(table, vault->id);
	table_cell(table, vault->owner);
	table_cellf(table, "%s", time_text(vault->created, text));
}

int cmd_vault_list(struct cli *cli, const struct args *args)
{
	SR_AUTO(table) table = table_new("NAME|OWNER|CREATED");
	SR_AUTO(json_t) list = json_array();
	struct sr_vault_list_req q = { 0 };
	struct sr_vault_list_rep r;
	char after[SR_URI_MAX + 1];

	(void)args;
	do {
		enum sr_err err = sr_vault_list(cli->client, cli->call, &q, &r);

		if (err != SR_OK)
			return fail_call(cli, err, CLI_OP_vault_list, "list vaults", NULL);
		for (size_t i = 0; i < r.vaults.n; i++) {
			vault_row(table, &r.vaults.v[i]);
			(void)json_array_append_new(list, vault_json(&r.vaults.v[i]));
		}
		if (!page_next(SR_HAS(vault_list_rep, &r, next), r.next, after))
			break;
		SR_SET(vault_list_req, &q, after, str_of(after));
	} while (true);
	return list_print(cli, table, SR_TAKE(list));
}
