/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom key create, import, update: what changes keys. */
#include <string.h>
#include <time.h>

#include "cli/bundle.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/secret.h"
#include "cli/when.h"

#define OPS_MAX        16
#define MATERIAL_MAX   65536    /* as key_import_req has it */
#define PASSPHRASE_MAX 1024

/* ---- what create, import and update have in common ---- */

/* The options on attributes, read; pointers are into argv. */
struct attributes {
	struct sr_str ops[OPS_MAX];
	size_t ops_n;
	struct sr_tag tags[ARGS_TAGS_MAX];
	size_t tags_n;
	uint64_t nbf, exp;
};

static SR_RESULT read_ops(const struct cli *cli, const char *text, struct attributes *out)
{
	for (const char *at = text; at != NULL; ) {
		const char *end = strchr(at, ',');
		size_t n = end == NULL ? strlen(at) : (size_t)(end - at);

		if (n == 0 || out->ops_n == OPS_MAX) {
			(void)fail(cli, SR_BAD_PARAMETER, "--ops takes operations separated by commas, such as sign,verify, not \"%.64s\"", text);
			return SR_BAD_PARAMETER;
		}
		out->ops[out->ops_n++] = (struct sr_str){ at, n };
		at = end == NULL ? NULL : end + 1;
	}
	return SR_OK;
}

static SR_RESULT read_tags(const struct cli *cli, const struct args *args, struct attributes *out)
{
	for (size_t i = 0; i < args->tags_n; i++) {
		const char *tag = args->tag[i], *equals = strchr(tag, '=');

		if (equals == NULL || equals == tag) {
			(void)fail(cli, SR_BAD_PARAMETER, "--tag takes NAME=VALUE, not \"%.64s\"", tag);
			return SR_BAD_PARAMETER;
		}
		out->tags[i] = (struct sr_tag){ .name = { tag, (size_t)(equals - tag) }, .value = str_of(equals + 1) };
	}
	out->tags_n = args->tags_n;
	return SR_OK;
}

/* none: the word that stands for no limit, or NULL where there is none. */
static SR_RESULT read_time(const struct cli *cli, const char *option, const char *text, const char *none, uint64_t *out)
{
	*out = 0;
	if (text == NULL || (none != NULL && strcmp(text, none) == 0) || when_parse(text, (uint64_t)time(NULL), out))
		return SR_OK;
	(void)fail(cli, SR_BAD_PARAMETER, "--%s takes " WHEN_FORMS "%s%s, not \"%.64s\"", option,
		none == NULL ? "" : ", or ", none == NULL ? "" : none, text);
	return SR_BAD_PARAMETER;
}

static SR_RESULT read_attributes(const struct cli *cli, const struct args *args, bool update, struct attributes *out)
{
	*out = (struct attributes){ 0 };
	SR_TRY(read_ops(cli, ARGS_VALUE(args, ops), out));
	SR_TRY(read_tags(cli, args, out));
	SR_TRY(read_time(cli, "not-before", ARGS_VALUE(args, not_before), update ? "always" : NULL, &out->nbf));
	return read_time(cli, "expires", ARGS_VALUE(args, expires), update ? "never" : NULL, &out->exp);
}

/* Fills the fields that the requests have in common. */
#define SET_ATTRIBUTES(m, q, args, a) \
	do { \
		if (ARGS_HAS(args, ops)) \
			SR_SET(m, q, key_ops, ((struct sr_strs){ (a)->ops, (a)->ops_n })); \
		if (ARGS_HAS(args, allow_rsa1_5)) \
			SR_SET(m, q, rsa1_5, true); \
		if (ARGS_HAS(args, disabled)) \
			SR_SET(m, q, enabled, false); \
		(q)->tags.v = (a)->tags; \
		(q)->tags.n = (a)->tags_n; \
	} while (0)

static int refuse_hsm(const struct cli *cli)
{
	return fail(cli, SR_BAD_PARAMETER, "this version does not have keys in an HSM; leave --hsm out for a software key");
}

/* ---- create ---- */

static SR_RESULT read_kind(const struct cli *cli, const struct args *args, struct sr_key_create_req *q)
{
	const char *size = ARGS_VALUE(args, size), *curve = ARGS_VALUE(args, curve);
	uint64_t bits;

	q->kty = str_of(ARGS_VALUE(args, kty));
	if (curve != NULL)
		SR_SET(key_create_req, q, crv, str_of(curve));
	if (size == NULL)
		return SR_OK;
	if (!args_number(size, 65536, &bits)) {
		(void)fail(cli, SR_BAD_PARAMETER, "--size takes a number of bits, such as 3072, not \"%.32s\"", size);
		return SR_BAD_PARAMETER;
	}
	SR_SET(key_create_req, q, size, bits);
	return SR_OK;
}

int cmd_key_create(struct cli *cli, const struct args *args)
{
	struct sr_key_create_req q = { 0 };
	struct sr_key_create_rep r;
	struct attributes attributes;
	struct sr_uri uri;
	enum sr_err err = operand_key(cli, args->operand[0], /* version= */ false, &uri);

	if (err != SR_OK)
		return sr_error_exit(err);
	if (ARGS_HAS(args, hsm))
		return refuse_hsm(cli);
	err = read_kind(cli, args, &q);
	if (err == SR_OK)
		err = read_attributes(cli, args, /* update= */ false, &attributes);
	if (err != SR_OK)
		return sr_error_exit(err);
	q.key = URI_TEXT(&uri);
	SET_ATTRIBUTES(key_create_req, &q, args, &attributes);
	if (ARGS_HAS(args, not_before))
		SR_SET(key_create_req, &q, nbf, attributes.nbf);
	if (ARGS_HAS(args, expires))
		SR_SET(key_create_req, &q, exp, attributes.exp);
	err = sr_key_create(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_key_create, "create", &uri);
	return bundle_print(cli, &r.key);
}

/* ---- import ---- */

/* Does the file say of itself that it is encrypted?  Only to know whether to ask
 * for a passphrase: the daemon reads the key. */
static bool looks_encrypted(const struct secret *file)
{
	static const char *const marks[] = { "-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED" };
	size_t at;

	for (size_t i = 0; i < SR_COUNT(marks); i++)
		if (memmem(file->p, file->n, marks[i], strlen(marks[i])) != NULL)
			return true;
	/* DER: what comes first in the outer SEQUENCE is a version in every plain
	 * form, and an algorithm, which is a SEQUENCE, in EncryptedPrivateKeyInfo */
	if (file->n < 4 || file->p[0] != 0x30)
		return false;
	at = file->p[1] < 0x80 ? 2 : 2 + (file->p[1] & 0x7Fu);
	return at < file->n && at <= 6 && file->p[at] == 0x30;
}

static SR_RESULT read_secret_file(const struct cli *cli, const char *path, size_t max, struct secret *out)
{
	const char *name = path == NULL || strcmp(path, "-") == 0 ? "standard input" : path;
	SR_AUTO_FD fd = -1;
	enum sr_err err = file_open_in(cli, path, &fd);

	if (err != SR_OK)
		return err;
	err = secret_read(fd, max, out);
	if (err == SR_OK)
		return SR_OK;
	if (err == SR_TOO_LARGE)
		(void)fail(cli, err, "%s is larger than %zu bytes", name, max);
	else if (err == SR_LIMIT)
		(void)fail(cli, err, "cannot lock memory for %s: raise the limit (ulimit -l)", name);
	else
		(void)fail(cli, err, "cannot read %s: %s", name, sr_strerror(err));
	return err;
}

/* The first line of the file is the passphrase. */
static SR_RESULT read_passphrase_file(const struct cli *cli, const char *path, struct secret *out)
{
	uint8_t *end;

	SR_TRY(read_secret_file(cli, path, PASSPHRASE_MAX, out));
	end = memchr(out->p, '\n', out->n);
	if (end != NULL)
		out->n = (size_t)(end - out->p);
	if (out->n > 0 && out->p[out->n - 1] == '\r')
		out->n--;
	return SR_OK;
}

static SR_RESULT prompt_passphrase(const struct cli *cli, struct secret *out)
{
	enum sr_err err = secret_prompt("Passphrase of the key", PASSPHRASE_MAX, out);

	if (err != SR_OK)
		(void)fail(cli, err, "no passphrase was given");
	return err;
}

static SR_RESULT find_passphrase(const struct cli *cli, const struct args *args, const struct secret *file, struct secret *out)
{
	if (ARGS_HAS(args, passphrase_file))
		return read_passphrase_file(cli, ARGS_VALUE(args, passphrase_file), out);
	if (!looks_encrypted(file))
		return SR_OK;
	if (isatty(STDIN_FILENO))
		return prompt_passphrase(cli, out);
	(void)fail(cli, SR_BAD_PARAMETER, "the key is encrypted: give --passphrase-file FILE");
	return SR_BAD_PARAMETER;
}

static SR_RESULT import_check(const struct cli *cli, const struct args *args)
{
	const char *in = ARGS_VALUE(args, in), *passphrase = ARGS_VALUE(args, passphrase_file);
	bool both = (in == NULL || strcmp(in, "-") == 0) && passphrase != NULL && strcmp(passphrase, "-") == 0;

	if (both)
		(void)fail(cli, SR_BAD_PARAMETER, "the key and its passphrase cannot both come from standard input");
	else if (ARGS_HAS(args, hsm))
		(void)refuse_hsm(cli);
	return both || ARGS_HAS(args, hsm) ? SR_BAD_PARAMETER : SR_OK;
}

int cmd_key_import(struct cli *cli, const struct args *args)
{
	SR_AUTO_SECRET file = { 0 };
	SR_AUTO_SECRET passphrase = { 0 };
	struct sr_key_import_req q = { 0 };
	struct sr_key_import_rep r;
	struct attributes attributes;
	struct sr_uri uri;
	enum sr_err err = operand_key(cli, args->operand[0], /* version= */ false, &uri);

	if (err == SR_OK)
		err = import_check(cli, args);
	if (err == SR_OK)
		err = read_attributes(cli, args, /* update= */ false, &attributes);
	if (err == SR_OK)
		err = read_secret_file(cli, ARGS_VALUE(args, in), MATERIAL_MAX, &file);
	if (err == SR_OK)
		err = find_passphrase(cli, args, &file, &passphrase);
	if (err != SR_OK)
		return sr_error_exit(err);
	q.key = URI_TEXT(&uri);
	q.material = (struct sr_secret){ file.p, file.n };
	if (passphrase.p != NULL)
		SR_SET(key_import_req, &q, passphrase, ((struct sr_secret){ passphrase.p, passphrase.n }));
	SET_ATTRIBUTES(key_import_req, &q, args, &attributes);
	if (ARGS_HAS(args, not_before))
		SR_SET(key_import_req, &q, nbf, attributes.nbf);
	if (ARGS_HAS(args, expires))
		SR_SET(key_import_req, &q, exp, attributes.exp);
	err = sr_key_import(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_key_import, "import", &uri);
	return bundle_print(cli, &r.key);
}

/* ---- update ---- */

static const char *update_contradiction(const struct args *args)
{
	if (ARGS_HAS(args, enabled) && ARGS_HAS(args, disabled))
		return "--enabled and --disabled exclude each other";
	if (ARGS_HAS(args, allow_rsa1_5) && ARGS_HAS(args, deny_rsa1_5))
		return "--allow-rsa1_5 and --deny-rsa1_5 exclude each other";
	if (ARGS_HAS(args, tag) && ARGS_HAS(args, no_tags))
		return "--tag and --no-tags exclude each other";
	if ((args->given & (args->command->takes | args->command->needs)) == 0)
		return "nothing to update: say what (strongroom help key update)";
	return NULL;
}

/* The fields in which an update differs from a creation. */
static void update_fill(const struct args *args, struct attributes *a, struct sr_key_update_req *q)
{
	SET_ATTRIBUTES(key_update_req, q, args, a);
	if (ARGS_HAS(args, enabled))
		SR_SET(key_update_req, q, enabled, true);
	if (ARGS_HAS(args, deny_rsa1_5))
		SR_SET(key_update_req, q, rsa1_5, false);
	if (ARGS_HAS(args, tag) || ARGS_HAS(args, no_tags))
		SR_SET(key_update_req, q, set_tags, true);
	if (ARGS_HAS(args, not_before) && strcmp(ARGS_VALUE(args, not_before), "always") == 0)
		SR_SET(key_update_req, q, no_nbf, true);
	else if (ARGS_HAS(args, not_before))
		SR_SET(key_update_req, q, nbf, a->nbf);
	if (ARGS_HAS(args, expires) && strcmp(ARGS_VALUE(args, expires), "never") == 0)
		SR_SET(key_update_req, q, no_exp, true);
	else if (ARGS_HAS(args, expires))
		SR_SET(key_update_req, q, exp, a->exp);
}

int cmd_key_update(struct cli *cli, const struct args *args)
{
	const char *contradiction = update_contradiction(args);
	struct sr_key_update_req q = { 0 };
	struct sr_key_update_rep r;
	struct attributes attributes;
	struct sr_uri uri;
	enum sr_err err = operand_key(cli, args->operand[0], /* version= */ true, &uri);

	if (err != SR_OK)
		return sr_error_exit(err);
	if (contradiction != NULL)
		return fail(cli, SR_BAD_PARAMETER, "%s", contradiction);
	err = read_attributes(cli, args, /* update= */ true, &attributes);
	if (err != SR_OK)
		return sr_error_exit(err);
	q.key = URI_TEXT(&uri);
	update_fill(args, &attributes, &q);
	err = sr_key_update(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_key_update, "update", &uri);
	return bundle_print(cli, &r.key);
}
