/* SPDX-License-Identifier: Apache-2.0 */
/* libstrongroom: the C API of Strongroom, over strongroomd's Unix socket.
 *
 * It lives in other people's processes: it never prints, exits, aborts, raises
 * SIGPIPE, keeps a descriptor across exec, or waits without a deadline.  It is
 * safe to fork at any moment: a child opens connections of its own.
 *
 *     struct sr_client *client;
 *     struct sr_call *call;
 *     struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = SR_STR("ES256") };
 *     struct sr_key_sign_rep r;
 *
 *     SR_SET(key_sign_req, &q, digest, ((struct sr_bytes){ digest, 32 }));
 *     err = sr_key_sign(client, call, &q, &r);
 *     if (err != SR_OK)
 *             fprintf(stderr, "%s\n", sr_call_detail(call));
 */
#ifndef STRONGROOM_STRONGROOM_H
#define STRONGROOM_STRONGROOM_H

#include <strongroom/messages.h>
#include <strongroom/types.h>

#define SR_API __attribute__((visibility("default")))

/* The protocol's version that this library speaks. */
#define SR_PROTOCOL_VERSION 1

/* ---- errors ---- */

/* What err means, in a few words; never NULL; static storage. */
SR_API const char *sr_strerror(enum sr_err err);
/* Its name for programs, such as "KeyDisabled"; never NULL; static storage. */
SR_API const char *sr_error_code(enum sr_err err);
/* The exit status that the strongroom command gives it. */
SR_API int sr_error_exit(enum sr_err err);

/* ---- client and call ---- */

struct sr_client;
struct sr_call;

struct sr_client_options {
	const char *socket;     /* path, or "@name" for an abstract one; NULL: $STRONGROOM_SOCKET
	                         * (secure_getenv), else /run/strongroom/strongroom.sock */
	uint32_t timeout_ms;    /* for one call with all its waits and its one reconnect; 0: 5000 */
	int64_t daemon_uid;     /* trust a daemon of this uid, besides 0 and our own; -1: none */
	const char *name;       /* said to the daemon in hello, for its log; NULL: none */
};

/* Makes a client.  Does no I/O: connections are opened by calls, so it works
 * with the daemon down.  A client may be used by any number of threads at once.
 * options: copied; NULL for the defaults.  Errors: NOMEM, BAD_PARAMETER (socket
 * too long). */
SR_API SR_RESULT sr_client_new(const struct sr_client_options *options, struct sr_client **out);
/* Closes its connections and frees it; NULL is fine.  No call may be under way. */
SR_API void sr_client_free(struct sr_client *client);
/* Where it connects to; valid as long as the client. */
SR_API const char *sr_client_socket(const struct sr_client *client);

/* Makes what one call needs: room for its answer and for the words of a
 * failure.  A call may be used again and again, by one thread at a time; the
 * answer of the one before is then gone (and wiped).  Errors: NOMEM. */
SR_API SR_RESULT sr_call_new(struct sr_call **out);
/* Wipes and frees it; NULL is fine. */
SR_API void sr_call_free(struct sr_call *call);
/* What went wrong in the last call, for people, with what it went wrong on;
 * "" after success.  Valid until the next use of the call. */
SR_API const char *sr_call_detail(const struct sr_call *call);

/* ---- the calls: one for each row of operations.def ----
 *
 * Each sends request (borrowed, not changed; it may quote the answer that is still
 * in call) and fills *reply, whose spans and lists live in call until its next
 * use.  On failure *reply is zeroed and sr_call_detail says more.  A call makes one
 * round trip (and one more, hello, on a new connection).  Where the connection
 * turns out to be dead before a byte of the answer came, it is tried once more on
 * a new one, if that does no harm: the operation changes nothing, or the request
 * had not been sent whole.
 * Errors: UNREACHABLE, TIMEOUT, UNTRUSTED, BAD_MESSAGE, and what the daemon
 * answers: see docs/PROTOCOL.md. */
#define OP(name, audit_name, permission, audit, runs, summary) \
	SR_API SR_RESULT sr_##name(struct sr_client *client, struct sr_call *call, \
		const struct sr_##name##_req *request, struct sr_##name##_rep *reply);
#include <strongroom/operations.def>
#undef OP

/* ---- strongroom:// URIs (design section 2) ---- */

enum sr_uri_kind { SR_URI_VAULT, SR_URI_KEYS, SR_URI_SECRETS, SR_URI_CERTIFICATES, SR_URI_ANY };

#define SR_NAME_MAX    127      /* an object's name */
#define SR_VAULT_MAX   24
#define SR_TENANT_MAX  24
#define SR_VERSION_LEN 32
#define SR_URI_MAX     255      /* a whole URI, its NUL not counted */

/* A URI taken apart; names in lower case, NUL-terminated. */
struct sr_uri {
	enum sr_uri_kind kind;
	char tenant[SR_TENANT_MAX + 1];         /* "default" when left out */
	char vault[SR_VAULT_MAX + 1];
	char name[SR_NAME_MAX + 1];             /* "" for a vault */
	char version[SR_VERSION_LEN + 1];       /* "" when left out */
};

/* Takes apart strongroom://VAULT[.TENANT][/KIND/NAME[/VERSION]], KIND being
 * keys, secrets, certificates or, for the scope of a grant, *.  Strict: nothing
 * may stand before or behind.  Errors: BAD_PARAMETER. */
SR_API SR_RESULT sr_uri_parse(struct sr_str text, struct sr_uri *out);
/* The same for the shorthand VAULT[.TENANT][/NAME[/VERSION]] and
 * VAULT[.TENANT]/KIND/NAME[/VERSION], or a whole URI; kind is what NAME alone
 * means.  Errors: BAD_PARAMETER. */
SR_API SR_RESULT sr_uri_parse_short(struct sr_str text, enum sr_uri_kind kind, struct sr_uri *out);
/* Writes the URI, NUL-terminated, and returns its length. */
SR_API size_t sr_uri_format(const struct sr_uri *uri, char out[static SR_URI_MAX + 1]);

/* ---- PEM references (design section 2; docs/REFERENCE.md) ---- */

/* What a key reference holds: no secret, but the public key, so that a program
 * can load it with the daemon down. */
struct sr_reference {
	char uri[SR_URI_MAX + 1];
	struct sr_bytes spki;           /* SubjectPublicKeyInfo, DER */
};

/* Encodes a reference as PKCS#8 (PrivateKeyInfo, DER) under our OID for the
 * key's type.  *out is malloc'ed, out_len its length; free() it.
 * Errors: BAD_PARAMETER (not a key type of ours), NOMEM. */
SR_API SR_RESULT sr_reference_encode(const struct sr_reference *reference, unsigned char **out, size_t *out_len);
/* Decodes one; der is untrusted.  out->spki points into der.
 * Errors: BAD_PARAMETER (not a reference, or a damaged one). */
SR_API SR_RESULT sr_reference_decode(struct sr_bytes der, struct sr_reference *out);
/* The reference as a PEM file's text, under a line that says what it is.
 * own_label: "STRONGROOM KEY REFERENCE" instead of "PRIVATE KEY".
 * *out is malloc'ed and NUL-terminated; free() it.  Errors: as encode. */
SR_API SR_RESULT sr_reference_pem(const struct sr_reference *reference, bool own_label, char **out);

#endif
