/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom key list, versions, show, public, pem: what is read of keys. */
#include <string.h>

#include "cli/bundle.h"
#include "cli/cli.h"
#include "cli/crypto.h"
#include "cli/file.h"
#include "cli/output.h"

int cmd_key_list(struct cli *cli, const struct args *args)
{
	SR_AUTO(table) table = table_new(ITEM_HEADINGS_KEYS);
	SR_AUTO(json_t) list = json_array();
	struct sr_key_list_req q = { 0 };
	struct sr_key_list_rep r;
	char after[SR_URI_MAX + 1];
	struct sr_uri uri;
	enum sr_err err = operand_vault(cli, args->operand[0], &uri);

	if (err != SR_OK)
		return sr_error_exit(err);
	q.vault = URI_TEXT(&uri);
	do {
		err = sr_key_list(cli->client, cli->call, &q, &r);
		if (err != SR_OK)
			return fail_call(cli, err, CLI_OP_key_list, "list the keys of", &uri);
		for (size_t i = 0; i < r.keys.n; i++) {
			item_row(table, &r.keys.v[i], /* versions= */ false);
			(void)json_array_append_new(list, item_json(&r.keys.v[i]));
		}
		if (!page_next(SR_HAS(key_list_rep, &r, next), r.next, after))
			break;
		SR_SET(key_list_req, &q, after, str_of(after));
	} while (true);
	return list_print(cli, table, SR_TAKE(list));
}

int cmd_key_versions(struct cli *cli, const struct args *args)
{
	SR_AUTO(table) table = table_new(ITEM_HEADINGS_VERSIONS);
	SR_AUTO(json_t) list = json_array();
	struct sr_key_versions_req q = { 0 };
	struct sr_key_versions_rep r;
	char after[SR_URI_MAX + 1];
	struct sr_uri uri;
	enum sr_err err = operand_key(cli, args->operand[0], /* version= */ false, &uri);

	if (err != SR_OK)
		return sr_error_exit(err);
	q.key = URI_TEXT(&uri);
	do {
		err = sr_key_versions(cli->client, cli->call, &q, &r);
		if (err != SR_OK)
			return fail_call(cli, err, CLI_OP_key_versions, "list the versions of", &uri);
		for (size_t i = 0; i < r.keys.n; i++) {
			item_row(table, &r.keys.v[i], /* versions= */ true);
			(void)json_array_append_new(list, item_json(&r.keys.v[i]));
		}
		if (!page_next(SR_HAS(key_versions_rep, &r, next), r.next, after))
			break;
		SR_SET(key_versions_req, &q, after, str_of(after));
	} while (true);
	return list_print(cli, table, SR_TAKE(list));
}

/* Asks for the key that the first operand names; *status: what to end with where
 * it fails. */
static SR_RESULT get(const struct cli *cli, const struct args *args, const char *doing, struct sr_key_get_rep *r, int *status)
{
	struct sr_key_get_req q = { 0 };
	struct sr_uri uri;
	enum sr_err err = operand_key(cli, args->operand[0], /* version= */ true, &uri);

	if (err != SR_OK) {
		*status = sr_error_exit(err);
		return err;
	}
	q.key = URI_TEXT(&uri);
	err = sr_key_get(cli->client, cli->call, &q, r);
	if (err != SR_OK)
		*status = fail_call(cli, err, CLI_OP_key_get, doing, &uri);
	return err;
}

int cmd_key_show(struct cli *cli, const struct args *args)
{
	struct sr_key_get_rep r;
	int status;

	return get(cli, args, "show", &r, &status) == SR_OK ? bundle_print(cli, &r.key) : status;
}

/* ---- public ---- */

static int public_jwk(const struct cli *cli, const char *out, const struct sr_key_bundle *bundle)
{
	json_t *jwk = bundle_jwk(bundle);

	if (jwk == NULL)
		return fail(cli, SR_CRYPTO, "the daemon sent a public key that cannot be read");
	return file_write_json(cli, out, jwk);
}

static int public_pem(const struct cli *cli, const char *out, struct sr_bytes spki)
{
	SR_AUTO_FREE char *text = NULL;

	if (crypto_pem("PUBLIC KEY", spki, &text) != SR_OK)
		return fail(cli, SR_NOMEM, "out of memory");
	return file_write(cli, out, FILE_PUBLIC, text, strlen(text));
}

int cmd_key_public(struct cli *cli, const struct args *args)
{
	const char *format = ARGS_VALUE(args, format), *out = ARGS_VALUE(args, out);
	struct sr_key_get_rep r;
	int status;

	if (format == NULL)
		format = cli->json ? "jwk" : "pem";
	if (strcmp(format, "pem") != 0 && strcmp(format, "der") != 0 && strcmp(format, "jwk") != 0)
		return fail(cli, SR_BAD_PARAMETER, "--format takes pem, der or jwk here, not \"%.32s\"", format);
	if (cli->json && strcmp(format, "jwk") != 0)
		return fail(cli, SR_BAD_PARAMETER, "-o json and --format %s exclude each other", format);
	if (get(cli, args, "show the public key of", &r, &status) != SR_OK)
		return status;
	if (strcmp(format, "jwk") == 0)
		return public_jwk(cli, out, &r.key);
	if (strcmp(format, "der") == 0)
		return file_write(cli, out, FILE_PUBLIC, r.key.spki.p, r.key.spki.n);
	return public_pem(cli, out, r.key.spki);
}

/* ---- pem ---- */

int cmd_key_pem(struct cli *cli, const struct args *args)
{
	const char *format = ARGS_VALUE(args, format), *out = ARGS_VALUE(args, out);
	struct sr_reference reference = { 0 };
	SR_AUTO_FREE char *text = NULL;
	struct sr_key_get_rep r;
	bool own = format != NULL && strcmp(format, "own") == 0;
	enum sr_err err;
	int status;

	if (format != NULL && !own && strcmp(format, "pkcs8") != 0)
		return fail(cli, SR_BAD_PARAMETER, "--format takes pkcs8 or own here, not \"%.32s\"", format);
	if (get(cli, args, "make a reference to", &r, &status) != SR_OK)
		return status;
	reference.spki = r.key.spki;
	if (!str_copy(r.key.kid, reference.uri, sizeof reference.uri))
		return fail(cli, SR_BAD_MESSAGE, "the daemon sent a key's URI that is too long");
	err = sr_reference_pem(&reference, own, &text);
	if (err != SR_OK)
		return fail(cli, err, "cannot make a reference to %.255s: %s", args->operand[0], sr_strerror(err));
	if (cli->json)
		return file_write_json(cli, out, json_pack("{s:o, s:s}", "kid", json_text(r.key.kid), "value", text));
	return file_write(cli, out, FILE_PUBLIC, text, strlen(text));
}
