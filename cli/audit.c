/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom audit tail, prove, key */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>

#include "base/base64.h"
#include "base/io.h"
#include "cli/audit.h"
#include "cli/output.h"
#include "cli/when.h"

#define TAIL_DEFAULT 10
#define TAIL_MAX     1000000
#define READ_MAX     1000       /* as audit_read_req has it */
#define FOLLOW_MS    500

SR_RESULT audit_key_find(const struct cli *cli, const struct args *args, struct sr_str said, struct note_key *out)
{
	const char *path = ARGS_VALUE(args, pubkey);
	SR_AUTO_FREE char *text = NULL;
	enum sr_err err;
	size_t n;

	if (path == NULL) {
		err = note_key_parse(said, out);
		if (err != SR_OK)
			(void)fail(cli, err = SR_BAD_MESSAGE, "the daemon sent a public key that cannot be read");
		return err;
	}
	err = io_read_file(AT_FDCWD, path, NOTE_MAX, &text, &n);
	if (err != SR_OK) {
		(void)fail(cli, SR_IO, "cannot read %s: %s", path, err == SR_TOO_LARGE ? "it is too large" : strerror(errno));
		return SR_IO;
	}
	err = note_key_parse((struct sr_str){ text, n }, out);
	if (err != SR_OK)
		(void)fail(cli, err, "%s is not what strongroom audit key prints", path);
	return err;
}

/* ---- tail: one line for people ---- */

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

static void print_field(const char *before, const char *text, const char *after)
{
	if (text[0] == '\0')
		return;
	(void)fputs(before, stdout);
	print_clean(stdout, str_of(text));
	(void)fputs(after, stdout);
}

static void print_time(const json_t *line)
{
	const char *utc = text_of(line, "time");
	char text[TIME_TEXT_MAX];
	uint64_t t;

	if (when_parse(utc, 0, &t))
		printf("%s  ", time_text(t, text));
	else
		print_field("", utc, "  ");
}

static void print_who(const json_t *identity)
{
	const json_t *uid = json_object_get(identity, "uid");
	const struct passwd *user;

	if (!json_is_integer(uid))
		return;
	user = getpwuid((uid_t)json_integer_value(uid));
	printf("uid %lld", (long long)json_integer_value(uid));
	print_field(" (", user == NULL ? "" : user->pw_name, ")");
	print_field(" ", text_of(identity, "unit"), "");
	(void)fputs("  ", stdout);
}

static void print_object(const json_t *line)
{
	const json_t *properties = json_object_get(line, "properties");
	const char *id = text_of(properties, "id");
	char name[SR_URI_MAX + 1];
	struct sr_uri uri;

	if (id[0] == '\0')
		id = text_of(line, "resourceId");
	if (sr_uri_parse(str_of(id), &uri) == SR_OK)
		id = uri_short(&uri, name);
	print_field("", id, "  ");
	print_field("to ", text_of(properties, "principal"), "  ");
	print_field("as ", text_of(properties, "role"), "  ");
	print_field("for ", text_of(properties, "permissions"), "  ");
	print_field("by ", text_of(properties, "algorithm"), "  ");
	if (json_is_integer(json_object_get(properties, "count")))
		printf("%lld times  ", (long long)json_integer_value(json_object_get(properties, "count")));
}

/* When, who, what, on what, and how it ended. */
static void print_for_people(struct sr_str text)
{
	json_t *line = json_loadb(text.p, text.n, 0, NULL);

	if (line == NULL) {
		print_clean(stdout, text);
	} else {
		print_time(line);
		print_who(json_object_get(line, "identity"));
		print_field("", text_of(line, "operationName"), "  ");
		print_object(line);
		print_field("", text_of(line, "resultType"), "");
		print_field(" ", text_of(line, "resultSignature"), "");
		print_field(": ", text_of(line, "resultDescription"), "");
	}
	(void)putchar('\n');
	json_decref(line);
}

static void print_lines(const struct cli *cli, struct sr_bytes lines)
{
	const char *at = (const char *)lines.p, *end = at + lines.n;

	if (cli->json) {
		(void)fwrite(lines.p, 1, lines.n, stdout);
		return;
	}
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((newline == NULL ? end : newline) - at);

		print_for_people((struct sr_str){ at, n });
		at += n + 1;
	}
}

/* ---- tail ---- */

static SR_RESULT is_kept(const struct cli *cli, uint64_t index)
{
	struct sr_audit_read_req q = { 0 };
	struct sr_audit_read_rep r;

	SR_SET(audit_read_req, &q, from, index);
	SR_SET(audit_read_req, &q, max, 1);
	return sr_audit_read(cli->client, cli->call, &q, &r);
}

SR_RESULT audit_first_kept(const struct cli *cli, uint64_t size, uint64_t *first)
{
	uint64_t gone = 0, kept = size;
	enum sr_err err = is_kept(cli, 0);

	*first = 0;
	if (err != SR_NOT_FOUND)
		return err;
	while (kept - gone > 1) {
		uint64_t middle = gone + (kept - gone) / 2;

		err = is_kept(cli, middle);
		if (err != SR_OK && err != SR_NOT_FOUND)
			return err;
		if (err == SR_OK)
			kept = middle;
		else
			gone = middle;
	}
	*first = kept;
	return SR_OK;
}

/* Prints lines from *from on up to the log's end, and moves it there. */
static int print_up_to_end(const struct cli *cli, uint64_t *from)
{
	struct sr_audit_read_req q = { 0 };
	struct sr_audit_read_rep r;

	SR_SET(audit_read_req, &q, max, READ_MAX);
	do {
		enum sr_err err;

		SR_SET(audit_read_req, &q, from, *from);
		err = sr_audit_read(cli->client, cli->call, &q, &r);
		if (err != SR_OK)
			return fail_call(cli, err, CLI_OP_audit_read, "read the audit log", NULL);
		print_lines(cli, r.lines);
		*from = r.from + r.count;
	} while (r.count > 0 && *from < r.size);
	return 0;
}

/* The index of the first of the last n lines that there are. */
static int find_start(const struct cli *cli, uint64_t n, uint64_t *from)
{
	struct sr_audit_read_req q = { 0 };
	struct sr_audit_read_rep r;
	uint64_t first = 0;
	enum sr_err err;

	SR_SET(audit_read_req, &q, max, 1);
	err = sr_audit_read(cli->client, cli->call, &q, &r);
	if (err == SR_OK && r.size > 0)
		err = audit_first_kept(cli, r.size, &first);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_audit_read, "read the audit log", NULL);
	*from = r.size > n ? r.size - n : 0;
	if (*from < first)
		*from = first;
	return 0;
}

int cmd_audit_tail(struct cli *cli, const struct args *args)
{
	uint64_t n = TAIL_DEFAULT, from = 0;
	int status;

	if (ARGS_HAS(args, lines) && !args_number(ARGS_VALUE(args, lines), TAIL_MAX, &n))
		return fail(cli, SR_BAD_PARAMETER, "--lines takes a number up to %d, not \"%.32s\"", TAIL_MAX, ARGS_VALUE(args, lines));
	status = find_start(cli, n, &from);
	if (status == 0)
		status = print_up_to_end(cli, &from);
	while (status == 0 && ARGS_HAS(args, follow) && output_finish()) {
		(void)poll(NULL, 0, FOLLOW_MS);
		status = print_up_to_end(cli, &from);
	}
	return status;
}

/* ---- key ---- */

int cmd_audit_key(struct cli *cli, const struct args *args)
{
	const struct sr_audit_key_req q = { 0 };
	struct sr_audit_key_rep r;
	enum sr_err err = sr_audit_key(cli->client, cli->call, &q, &r);

	(void)args;
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_audit_key, "show the audit log's public key", NULL);
	if (cli->json)
		return json_print(json_pack("{s:o}", "vkey", json_text(r.vkey)));
	print_clean(stdout, r.vkey);
	(void)putchar('\n');
	return 0;
}

/* ---- prove ---- */

SR_RESULT audit_proof_check(struct merkle_hasher *hasher, const struct note_key *key, const struct sr_audit_prove_rep *r,
	struct checkpoint *checkpoint, struct merkle_range *before)
{
	uint8_t leaf[MERKLE_HASH_LEN], proof[MERKLE_PROOF_MAX][MERKLE_HASH_LEN];
	size_t n = r->proof.n / MERKLE_HASH_LEN;

	SR_TRY(checkpoint_open(r->checkpoint, key, checkpoint));
	if (r->proof.n > sizeof proof || r->proof.n % MERKLE_HASH_LEN != 0)
		return SR_BAD_MESSAGE;
	if (r->proof.n > 0)
		memcpy(proof, r->proof.p, r->proof.n);
	SR_TRY(merkle_leaf(hasher, r->line, leaf));
	SR_TRY(merkle_verify(hasher, leaf, r->index, checkpoint->size, proof, n, checkpoint->root));
	return before == NULL ? SR_OK : merkle_range_from_proof(r->index, checkpoint->size, proof, n, before);
}

static json_t *proof_json(const struct sr_audit_prove_rep *r)
{
	json_t *hashes = json_array();

	for (size_t i = 0; i + MERKLE_HASH_LEN <= r->proof.n; i += MERKLE_HASH_LEN) {
		char text[BASE64_LEN(MERKLE_HASH_LEN) + 1];

		(void)base64_encode((struct sr_bytes){ r->proof.p + i, MERKLE_HASH_LEN }, text);
		(void)json_array_append_new(hashes, json_string(text));
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "index", json_u64(r->index),
		"line", json_text((struct sr_str){ (const char *)r->line.p, r->line.n }), "proof", hashes,
		"checkpoint", json_text(r->checkpoint), "vkey", json_text(r->vkey));
}

static int prove_print(const struct cli *cli, const struct args *args, const struct sr_audit_prove_rep *r,
	const struct checkpoint *checkpoint, const struct note_key *key)
{
	if (cli->json)
		return json_print(proof_json(r));
	print_for_people((struct sr_str){ (const char *)r->line.p, r->line.n });
	printf("\nThis is line %llu of the %llu lines under a checkpoint of\n%s: %zu hashes lead from it to the signed root.\n",
		(unsigned long long)r->index, (unsigned long long)checkpoint->size, key->name, r->proof.n / MERKLE_HASH_LEN);
	if (ARGS_HAS(args, pubkey))
		printf("The signature is by the key in %s.\n", ARGS_VALUE(args, pubkey));
	else
		printf("The signature is by the key that the daemon gave just now; --pubkey FILE\n"
			"holds it against one that was kept elsewhere.\n");
	printf("-o json prints the whole proof, for others to check.\n");
	return 0;
}

/* Believes nothing that the daemon says but, without --pubkey, its key. */
static int prove_check(const struct cli *cli, const struct args *args, const struct sr_audit_prove_rep *r, uint64_t index)
{
	SR_AUTO(merkle_hasher) hasher = NULL;
	struct checkpoint checkpoint;
	struct note_key key;
	enum sr_err err = audit_key_find(cli, args, r->vkey, &key);

	if (err != SR_OK)
		return sr_error_exit(err);
	err = merkle_hasher_new(&hasher);
	if (err == SR_OK)
		err = r->index != index ? SR_BAD_MESSAGE : audit_proof_check(hasher, &key, r, &checkpoint, /* before= */ NULL);
	if (err == SR_DENIED)
		return fail(cli, SR_CORRUPT, "the proof is not good: its checkpoint is not signed by the key %s", key.name);
	if (err != SR_OK)
		return fail(cli, SR_CORRUPT, "the proof is not good: %s", sr_strerror(err));
	return prove_print(cli, args, r, &checkpoint, &key);
}

int cmd_audit_prove(struct cli *cli, const struct args *args)
{
	struct sr_audit_prove_req q = { 0 };
	struct sr_audit_prove_rep r;
	enum sr_err err;

	if (!args_number(args->operand[0], INT64_MAX, &q.index))
		return fail(cli, SR_BAD_PARAMETER, "\"%.64s\" is not the index of a line: a number, 0 being the first", args->operand[0]);
	err = sr_audit_prove(cli->client, cli->call, &q, &r);
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_audit_prove, "prove this line of the audit log", NULL);
	return prove_check(cli, args, &r, q.index);
}
