/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom key sign, decrypt: what uses the private half. */
#include <sodium.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/crypto.h"
#include "cli/file.h"
#include "cli/output.h"
#include "cli/secret.h"

#define DIGEST_MAX     512                      /* as key_sign_req has it */
#define MESSAGE_MAX    (1024 * 1024 - 4096)     /* with all that is around it, it fits into one frame */
#define CIPHERTEXT_MAX 1024

enum padding { PADDING_PKCS1, PADDING_PKCS1_RAW, PADDING_PSS, PADDING_NONE, PADDING_MESSAGE };

static const struct sign_alg {
	const char *name;
	enum padding padding;
	const char *hash;
} sign_algs[] = {
#define SIGN(id, name, kty, padding, hash, digest_len) { name, PADDING_##padding, hash },
#include <strongroom/algorithms.def>
#undef SIGN
};

static const char *const sign_names[] = {
#define SIGN(id, name, kty, padding, hash, digest_len) name,
#include <strongroom/algorithms.def>
#undef SIGN
};

static const char *const decrypt_names[] = {
#define DECRYPT(id, name, padding, hash) name,
#include <strongroom/algorithms.def>
#undef DECRYPT
};

/* Its index in names, by any case, or -1 after saying what there is. */
static int find_algorithm(const struct cli *cli, const char *given, const char *const *names, size_t names_n)
{
	char all[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < names_n; i++)
		if (str_eq_nocase(str_of(given), str_of(names[i])))
			return (int)i;
	for (size_t i = 0; i < names_n && n < sizeof all; i++)
		n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i == 0 ? "" : ", ", names[i]);
	(void)fail(cli, SR_BAD_PARAMETER, "there is no algorithm \"%.32s\"; there are %s", given, all);
	return -1;
}

/* ---- sign ---- */

/* What is to be signed: the digest, or for EdDSA the message. */
struct input {
	uint8_t digest[CRYPTO_DIGEST_MAX];
	uint8_t *data;          /* malloc'ed; NULL: digest holds it */
	size_t n;
};

static int read_failed(const struct cli *cli, enum sr_err err, const struct sign_alg *alg, bool digest)
{
	if (err == SR_TOO_LARGE && digest)
		return fail(cli, err, "the input is longer than any digest; without --digest it is taken as the message");
	if (err == SR_TOO_LARGE)
		return fail(cli, err, "%s signs the whole message, not its digest, and strongroomd takes at most %d bytes of it",
			alg->name, MESSAGE_MAX);
	return fail(cli, err, "cannot read the input: %s", sr_strerror(err));
}

/* Returns 0, or the exit status after saying why. */
static int read_input(const struct cli *cli, const struct args *args, const struct sign_alg *alg, struct input *out)
{
	bool digest = ARGS_HAS(args, digest), whole = digest || alg->padding == PADDING_MESSAGE;
	SR_AUTO_FD fd = -1;
	enum sr_err err;

	if (digest && alg->padding == PADDING_MESSAGE)
		return fail(cli, SR_BAD_PARAMETER, "%s signs the message itself: leave --digest out", alg->name);
	if (!whole && alg->hash[0] == '\0')
		return fail(cli, SR_BAD_PARAMETER, "%s does not say how to hash: give the digest, with --digest", alg->name);
	err = file_open_in(cli, ARGS_VALUE(args, in), &fd);
	if (err != SR_OK)
		return sr_error_exit(err);
	if (whole)
		err = file_read(fd, digest ? DIGEST_MAX : MESSAGE_MAX, &out->data, &out->n);
	else
		err = crypto_hash_file(alg->hash, fd, out->digest, &out->n);
	return err == SR_OK ? 0 : read_failed(cli, err, alg, digest);
}

/* Bytes of r and of s for the algorithm; 0: the key says. */
static size_t half_of(const char *alg)
{
	static const struct { const char *alg; size_t half; } halves[] = {
		{ "ES256", 32 }, { "ES256K", 32 }, { "ES384", 48 }, { "ES512", 66 },
	};

	for (size_t i = 0; i < SR_COUNT(halves); i++)
		if (strcmp(alg, halves[i].alg) == 0)
			return halves[i].half;
	return 0;
}

/* Asks for the key that made the signature, since only its curve tells the length. */
static SR_RESULT half_of_key(const struct cli *cli, struct sr_str kid, size_t *half)
{
	struct sr_key_get_req q = { 0 };
	struct sr_key_get_rep r;
	struct sr_call *call;
	enum sr_err err = sr_call_new(&call);

	if (err != SR_OK)
		return err;
	q.key = kid;
	err = sr_key_get(cli->client, call, &q, &r);
	if (err == SR_OK)
		*half = ((size_t)r.key.size + 7) / 8;
	sr_call_free(call);
	return err;
}

static SR_RESULT to_raw(const struct cli *cli, const struct sign_alg *alg, struct sr_key_sign_rep *r, uint8_t raw[static 1024])
{
	size_t half = half_of(alg->name);

	if (half == 0)
		SR_TRY(half_of_key(cli, r->kid, &half));
	if (half > 512)
		return SR_CRYPTO;
	SR_TRY(crypto_ecdsa_raw(r->signature, half, raw));
	r->signature = (struct sr_bytes){ raw, 2 * half };
	return SR_OK;
}

static int sign_write(const struct cli *cli, const char *out, const struct sr_key_sign_rep *r)
{
	if (!cli->json)
		return file_write(cli, out, FILE_PUBLIC, r->signature.p, r->signature.n);
	return file_write_json(cli, out, json_pack("{s:o, s:o}", "kid", json_text(r->kid), "value", json_base64url(r->signature)));
}

static int sign_run(const struct cli *cli, const struct args *args, const struct sign_alg *alg, const struct sr_uri *uri,
	struct input *input)
{
	const char *format = ARGS_VALUE(args, format);
	struct sr_key_sign_req q = { .key = URI_TEXT(uri), .alg = str_of(alg->name) };
	struct sr_key_sign_rep r;
	struct sr_bytes span;
	uint8_t raw[1024];
	enum sr_err err;
	int status = read_input(cli, args, alg, input);

	if (status != 0)
		return status;
	span = (struct sr_bytes){ input->data == NULL ? input->digest : input->data, input->n };
	if (alg->padding == PADDING_MESSAGE)
		SR_SET(key_sign_req, &q, message, span);
	else
		SR_SET(key_sign_req, &q, digest, span);
	err = sr_key_sign(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_key_sign, "sign with", uri);
	if (alg->padding == PADDING_NONE && format != NULL && strcmp(format, "raw") == 0) {
		err = to_raw(cli, alg, &r, raw);
		if (err != SR_OK)
			return fail(cli, err, "cannot bring the signature into its raw form: %s", sr_strerror(err));
	}
	return sign_write(cli, ARGS_VALUE(args, out), &r);
}

int cmd_key_sign(struct cli *cli, const struct args *args)
{
	const char *format = ARGS_VALUE(args, format);
	struct input input = { 0 };
	struct sr_uri uri;
	int at, status;

	if (operand_key(cli, args->operand[0], /* version= */ true, &uri) != SR_OK)
		return sr_error_exit(SR_BAD_PARAMETER);
	at = find_algorithm(cli, ARGS_VALUE(args, alg), sign_names, SR_COUNT(sign_names));
	if (at < 0)
		return sr_error_exit(SR_BAD_PARAMETER);
	if (format != NULL && strcmp(format, "der") != 0 && strcmp(format, "raw") != 0)
		return fail(cli, SR_BAD_PARAMETER, "--format takes der or raw here, not \"%.32s\"", format);
	if (format != NULL && strcmp(format, "der") == 0 && sign_algs[at].padding != PADDING_NONE)
		return fail(cli, SR_BAD_PARAMETER, "%s signatures have no DER form", sign_algs[at].name);
	status = sign_run(cli, args, &sign_algs[at], &uri, &input);
	free(input.data);
	return status;
}

/* ---- decrypt ---- */

/* {"kid","value"}, made in locked memory since the plaintext is in it. */
static int decrypt_write_json(const struct cli *cli, const char *out, const struct sr_key_decrypt_rep *r)
{
	size_t cap = sodium_base64_ENCODED_LEN(r->plaintext.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING) + r->kid.n + 64, n;
	SR_AUTO_SECRET text = { 0 };
	struct sr_uri uri;
	char *at;

	/* a URI has no character that JSON would escape */
	if (sr_uri_parse(r->kid, &uri) != SR_OK)
		return fail(cli, SR_BAD_MESSAGE, "the daemon sent a key's URI that cannot be read");
	if (secret_init(&text, cap) != SR_OK)
		return fail(cli, SR_LIMIT, "cannot lock memory: raise the limit (ulimit -l)");
	at = (char *)text.p;
	n = (size_t)snprintf(at, cap, "{\n  \"kid\": \"%.*s\",\n  \"value\": \"", (int)r->kid.n, r->kid.p);
	(void)sodium_bin2base64(at + n, cap - n, r->plaintext.p, r->plaintext.n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	n += strlen(at + n);
	n += (size_t)snprintf(at + n, cap - n, "\"\n}\n");
	return file_write(cli, out, FILE_PLAINTEXT, at, n);
}

int cmd_key_decrypt(struct cli *cli, const struct args *args)
{
	SR_AUTO_FREE uint8_t *ciphertext = NULL;
	struct sr_key_decrypt_req q = { 0 };
	struct sr_key_decrypt_rep r;
	SR_AUTO_FD fd = -1;
	struct sr_uri uri;
	size_t n;
	enum sr_err err = operand_key(cli, args->operand[0], /* version= */ true, &uri);
	int at;

	if (err != SR_OK)
		return sr_error_exit(err);
	at = find_algorithm(cli, ARGS_VALUE(args, alg), decrypt_names, SR_COUNT(decrypt_names));
	if (at < 0)
		return sr_error_exit(SR_BAD_PARAMETER);
	err = file_open_in(cli, ARGS_VALUE(args, in), &fd);
	if (err != SR_OK)
		return sr_error_exit(err);
	err = file_read(fd, CIPHERTEXT_MAX, &ciphertext, &n);
	if (err != SR_OK)
		return fail(cli, err, "cannot read the input: %s", err == SR_TOO_LARGE ? "it is longer than any RSA key encrypts" : sr_strerror(err));
	q.key = URI_TEXT(&uri);
	q.alg = str_of(decrypt_names[at]);
	q.ciphertext = (struct sr_bytes){ ciphertext, n };
	err = sr_key_decrypt(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_key_decrypt, "decrypt with", &uri);
	if (cli->json)
		return decrypt_write_json(cli, ARGS_VALUE(args, out), &r);
	return file_write(cli, ARGS_VALUE(args, out), FILE_PLAINTEXT, r.plaintext.p, r.plaintext.n);
}
