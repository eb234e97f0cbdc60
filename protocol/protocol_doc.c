/* SPDX-License-Identifier: Apache-2.0 */
/* Prints docs/PROTOCOL.md from the contract lists, so that it cannot say anything
 * else than what is compiled.  Comments are not compiled: those of the messages are
 * read from messages.def itself, which is the one argument.
 *
 *     protocol-doc include/strongroom/messages.def > docs/PROTOCOL.md */
#include <inttypes.h>
#include <stdarg.h>
#include <strongroom/reference.h>
#include <strongroom/strongroom.h>
#include <string.h>

#include "base/str.h"
#include "protocol/doc_comments.h"
#include "protocol/frame.h"
#include "protocol/link.h"
#include "protocol/messages.h"

/* Running text, one paragraph a call. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n\n");
}

/* ---- frames ---- */

static void print_frames(void)
{
	printf("# The protocol of strongroomd\n\n");
	printf("<!-- Made by protocol/protocol_doc.c from include/strongroom/*.def; do not edit.\n"
		"     cmake --build build --target protocol-doc &&\n"
		"     build/protocol/protocol-doc include/strongroom/messages.def > docs/PROTOCOL.md -->\n\n");
	say("This page is enough to write a client in any language.  It is version %d of the protocol.\n"
		"`examples/sign.py` is a client of a hundred lines; C programs have libstrongroom.", SR_PROTOCOL_VERSION);

	printf("## Connection\n\n");
	say("strongroomd listens on a Unix stream socket: `/run/strongroom/strongroom.sock`, or what\n"
		"`$STRONGROOM_SOCKET` names; a name that begins with `@` is in the abstract namespace (`@` stands for\n"
		"the NUL byte).  There is no login: the kernel tells the daemon who has connected (`SO_PEERCRED`: pid,\n"
		"effective uid and gid), and each message's sender as well.  Hence:");
	printf("- A connection belongs to the process that opened it.  After a fork, or a change of its user or group\n"
		"  ids, a process opens a new one; messages of another sender close the connection.\n"
		"- A client should check in turn who listens (`SO_PEERCRED`): uid 0, its own uid, or one it was told to trust.\n"
		"- A connection may be kept for as long as one likes.  The daemon may close it at any time between calls.\n\n");

	printf("## Frames\n\n");
	say("A frame is 4 bytes of length, big-endian, then so many bytes, which are exactly one\n"
		"[msgpack](https://github.com/msgpack/msgpack/blob/master/spec.md) value:");
	printf("    [0, id, \"operation\", {fields}]                                   a request\n"
		"    [1, id, nil, {fields}]                                           its answer\n"
		"    [1, id, {\"code\": N, \"name\": \"Code\", \"message\": \"text\"}, {}]     its failure\n\n");
	printf("- `id` is an unsigned integer other than 0 that the client chooses.  Several requests may be under way on\n"
		"  one connection; answers may come in any order.\n"
		"- The array, its two integers and the operation's name must be in msgpack's shortest forms, as encoders\n"
		"  write them by themselves.\n"
		"- A failure of id 0 answers no request: the daemon says why it is about to close the connection (too many\n"
		"  connections, idle for too long, stopping, a frame that it could not read).\n"
		"- A message is a map from names to values.  The daemon refuses fields that it does not know, fields given\n"
		"  twice and values over their maximum; clients ignore fields that they do not know.\n"
		"- Frames are nested at most %d deep and hold at most %d values.  The length of a request is at most the\n"
		"  `frame_max` that hello answers (%d bytes unless configured), before that %d; an answer's at most %u.\n"
		"- A request has to arrive, and an answer to be taken, within some seconds of its first byte.\n\n",
		CODEC_DEPTH_MAX, CODEC_VALUES_MAX, FRAME_MAX_DEFAULT, LINK_HELLO_MAX, LINK_ANSWER_MAX);

	printf("| kind | msgpack | max is |\n|---|---|---|\n"
		"| integer | positive fixint, uint 8 to 64 | its value |\n"
		"| bool | true, false | |\n"
		"| str | str, UTF-8 without NUL | its bytes |\n"
		"| bin | bin | its bytes |\n"
		"| secret | bin; to be wiped after use, never to be logged | its bytes |\n"
		"| strs | array of str, each of at most 255 bytes | their number |\n"
		"| *name* | map: the message of that name, below | |\n"
		"| list of *name* | array of such maps; may be left out when empty | their number |\n\n");
	say("Times are seconds since 1970 (UTC).  Objects are named by URI,\n"
		"`strongroom://VAULT[.TENANT]/keys/NAME[/VERSION]`; without a version it is the newest.");
	say("The first call of a connection is `hello`.  For example, hello of version %d with id 1:", SR_PROTOCOL_VERSION);
	{
		uint8_t room[64];
		struct codec_out out = { room, sizeof room, 0 };
		struct sr_hello_req hello = { .version = SR_PROTOCOL_VERSION };
		char hex[2 * sizeof room + 1];

		SR_ASSERT(frame_encode_request(1, "hello", &hello_req_schema, &hello, &out) == SR_OK);
		hex_encode((struct sr_bytes){ room, out.n }, hex);
		say("    %s", hex);
	}
	say("Versions: operations, messages and fields are only ever added, new fields as optional ones, so a client of\n"
		"this page works with every later daemon that answers hello with version %d.", SR_PROTOCOL_VERSION);
	say("When the connection breaks before an answer has come, an operation whose audit is not `CHANGE` can be sent\n"
		"again on a new connection; one that is may have been done or not.");
}

/* ---- errors ---- */

static void print_errors(void)
{
	printf("## Errors\n\n");
	say("`code` is stable; `message` is for people and says more than this table.  Exit is the status of the\n"
		"`strongroom` command.");
	printf("| code | name | meaning | exit |\n|---|---|---|---|\n");
#define E(code, name, text_code, exit_status, text) \
	if (code != SR_OK) \
		printf("| %d | %s | %s | %d |\n", code, text_code, text, exit_status);
#include <strongroom/errors.def>
#undef E
	printf("\n");
}

/* ---- messages ---- */

static void print_kind(const struct schema_field *f)
{
	switch (f->kind) {
	case WIRE_U64:
		printf("integer");
		return;
	case WIRE_BOOL:
		printf("bool");
		return;
	case WIRE_STR:
		printf("str");
		return;
	case WIRE_BYTES:
		printf("bin");
		return;
	case WIRE_SECRET:
		printf("secret");
		return;
	case WIRE_STRS:
		printf("strs");
		return;
	case WIRE_MESSAGE:
		printf("[%s](#%s)", f->elem->name, f->elem->name);
		return;
	case WIRE_LIST:
		printf("list of [%s](#%s)", f->elem->name, f->elem->name);
		return;
	}
}

static void print_max(const struct schema_field *f)
{
	if (f->kind == WIRE_BOOL || f->kind == WIRE_MESSAGE || f->max == UINT64_MAX)
		return;
	printf("%" PRIu64, f->max);
}

/* The permission is checked on the subject. */
static void print_fields(const struct doc_comments *comments, const struct schema *schema)
{
	if (schema->fields_n == 0) {
		printf(" no fields\n\n");
		return;
	}
	printf("\n\n| field | kind | required | max | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < schema->fields_n; i++) {
		const struct schema_field *f = &schema->fields[i];
		struct sr_str before = doc_comment_before(comments, schema->name, f->name);
		struct sr_str beside = doc_comment_beside(comments, schema->name, f->name);

		if (before.n > 0)
			printf("| | | | | *%.*s* |\n", (int)before.n, before.p);
		printf("| %s | ", f->name);
		print_kind(f);
		printf(" | %s | ", (f->flags & WIRE_REQ) != 0 ? "yes" : "");
		print_max(f);
		printf(" | %s%s%.*s |\n", (f->flags & WIRE_SUBJECT) != 0 ? "subject" : "",
			(f->flags & WIRE_SUBJECT) != 0 && beside.n > 0 ? "; " : "", (int)beside.n, beside.p);
	}
	printf("\n");
}

static const char *permission_name(enum permission permission)
{
	static const char *const names[] = {
#define PERMISSION(id, name, summary) [PERM_##id] = name,
#include <strongroom/permissions.def>
#undef PERMISSION
		[PERM_any] = "none: everyone may",
		[PERM_operator] = "the operator's",
		[PERM_tenant] = "the tenant owner's",
	};

	return names[permission];
}

static const char *audit_name(enum op_audit audit)
{
	switch (audit) {
	case AUDIT_NONE:
		return "NONE";
	case AUDIT_EACH:
		return "EACH";
	case AUDIT_CHANGE:
		return "CHANGE";
	}
	return "";
}

/* A comment before a message that is no sentence is a heading over several. */
static struct sr_str about_message(const struct doc_comments *comments, const struct schema *schema)
{
	struct sr_str about = doc_comment_before(comments, schema->name, NULL);

	return about.n > 0 && about.p[about.n - 1] == '.' ? about : (struct sr_str){ "", 0 };
}

static void print_operation(const struct doc_comments *comments, const struct op *op)
{
	struct sr_str about = about_message(comments, op->request);

	printf("### %s\n\n", op->name);
	say("%s.", op->summary);
	say("Permission: %s.  Audit: %s, as %s.", permission_name(op->permission), audit_name(op->audit), op->audit_name);
	if (about.n > 0)
		say("%.*s", (int)about.n, about.p);
	printf("Request:");
	print_fields(comments, op->request);
	printf("Answer:");
	print_fields(comments, op->reply);
}

static void print_operations(const struct doc_comments *comments)
{
	printf("## Operations\n\n");
	say("A permission is checked at the scope that the request's subject names, a URI.  Audit says what is\n"
		"recorded: NONE, refusals only; EACH, every call, before its answer leaves; CHANGE, every call, together\n"
		"with the change.");
	for (size_t i = 0; i < OP_COUNT; i++)
		print_operation(comments, &ops[i]);
}

static bool is_of_an_operation(const struct schema *schema)
{
	for (size_t i = 0; i < OP_COUNT; i++)
		if (ops[i].request == schema || ops[i].reply == schema)
			return true;
	return false;
}

static void print_parts(const struct doc_comments *comments)
{
	static const struct schema *const all[] = {
#define MSG(m) &m##_schema,
#define F(m, f, kind, flags, max)
#define M(m, f, elem, flags)
#define L(m, f, elem, max)
#define END(m)
#include <strongroom/messages.def>
#undef MSG
#undef F
#undef M
#undef L
#undef END
	};

	printf("## Messages within others\n\n");
	for (size_t i = 0; i < SR_COUNT(all); i++) {
		struct sr_str about = about_message(comments, all[i]);

		if (is_of_an_operation(all[i]))
			continue;
		printf("### %s\n\n", all[i]->name);
		printf("%.*s", (int)about.n, about.p);
		print_fields(comments, all[i]);
	}
}

/* ---- words ---- */

static void print_keys(void)
{
	printf("## Keys\n\n| kty | crv | size | OID of a reference |\n|---|---|---|---|\n");
#define KEY(id, kty, crv, size, type, group, arc) \
	printf("| %s | %s | %d | `%s.%d` |\n", kty, crv, size, SR_REFERENCE_OID_ROOT, arc);
#include <strongroom/keys.def>
#undef KEY
	printf("\n");
	say("References, the PEM files that stand for a key, are described in [REFERENCE.md](REFERENCE.md).");

	printf("What a key may be allowed to do (`key_ops`):");
#define KEY_OP(id, name, kinds) printf(" `%s`", name);
#include <strongroom/key_ops.def>
#undef KEY_OP
	printf(".\n\n");
}

static const char *digest_words(size_t len)
{
	static char text[32];

	if (len == 0)
		return "";
	(void)snprintf(text, sizeof text, "%zu", len);
	return text;
}

static void print_algorithms(void)
{
	printf("## Algorithms\n\n### key_sign\n\n");
	say("The digest is the caller's work, unless the algorithm takes the message.  ECDSA signatures are DER.");
	printf("| alg | kty | padding | hash | bytes of the digest |\n|---|---|---|---|---|\n");
#define SIGN(id, name, kty, padding, hash, len) \
	printf("| %s | %s | %s | %s | %s |\n", name, kty, #padding, hash, digest_words(len));
#include <strongroom/algorithms.def>
#undef SIGN
	printf("\n");
	say("NONE: ECDSA; a longer digest than the group's order is cut.  MESSAGE: takes the message, not a digest.\n"
		"PKCS1_RAW: takes what stands after the padding, such as a DigestInfo.  `ECDSA` takes digests of 1 to 64 bytes.");
	printf("### key_decrypt\n\n| alg | padding | hash |\n|---|---|---|\n");
#define DECRYPT(id, name, padding, hash) printf("| %s | %s | %s |\n", name, #padding, hash);
#include <strongroom/algorithms.def>
#undef DECRYPT
	printf("\n");
	say("RSA1_5 is for keys with `rsa1_5` only, and never tells whether the padding was right: where it was not, the\n"
		"plaintext is a made-up one that depends on key and ciphertext only.");
}

static void print_permissions(void)
{
	printf("## Permissions and roles\n\n| permission | allows to |\n|---|---|\n");
#define PERMISSION(id, name, summary) printf("| %s | %s |\n", name, summary);
#include <strongroom/permissions.def>
#undef PERMISSION
	printf("\n| role | permissions | |\n|---|---|---|\n");
#define P(id) (UINT64_C(1) << PERM_##id)
#define ROLE(id, name, perms, summary) \
	printf("| %s |", name); \
	for (int i = 0; i < PERM_COUNT; i++) \
		if (((perms) >> i & 1) != 0) \
			printf(" %s", permission_name((enum permission)i)); \
	printf(" | %s |\n", summary);
#include <strongroom/roles.def>
#undef ROLE
#undef P
}

int main(int argc, char **argv)
{
	struct doc_comments comments;

	if (argc != 2) {
		fprintf(stderr, "usage: protocol-doc include/strongroom/messages.def\n");
		return 2;
	}
	if (doc_comments_load(&comments, argv[1]) != SR_OK) {
		fprintf(stderr, "protocol-doc: %s cannot be read\n", argv[1]);
		return 1;
	}
	print_frames();
	print_errors();
	print_operations(&comments);
	print_parts(&comments);
	print_keys();
	print_algorithms();
	print_permissions();
	doc_comments_finish(&comments);
	return ferror(stdout) || fflush(stdout) != 0 ? 1 : 0;
}
