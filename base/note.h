/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes as C2SP signed-note has them: lines of text, an empty line, and a line
 * for each signature.  Ours are Ed25519.  A verifier key is
 * "NAME+HASH+BASE64(0x01 || public key)". */
#ifndef SR_BASE_NOTE_H
#define SR_BASE_NOTE_H

#include "base/result.h"

#define NOTE_MAX          4096  /* a whole note */
#define NOTE_NAME_MAX     127
#define NOTE_PUBLIC_LEN   32
#define NOTE_SEED_LEN     32
#define NOTE_VKEY_MAX     (NOTE_NAME_MAX + 1 + 8 + 1 + 44)

/* Who verifies: all of it public. */
struct note_key {
	char name[NOTE_NAME_MAX + 1];
	uint8_t hash[4];                /* of name and key; picks the signature line to check */
	uint8_t public_key[NOTE_PUBLIC_LEN];
};

/* Errors: BAD_PARAMETER (a name must be 1 to NOTE_NAME_MAX bytes without white space,
 * control characters and "+"), CRYPTO. */
SR_RESULT note_key_make(struct sr_str name, const uint8_t public_key[static NOTE_PUBLIC_LEN], struct note_key *out);
/* Reads a verifier key; the text is untrusted, one newline at its end is let pass.
 * Errors: BAD_PARAMETER, CRYPTO. */
SR_RESULT note_key_parse(struct sr_str text, struct note_key *out);
/* Writes it, NUL-terminated, without a newline; returns the length. */
size_t note_key_format(const struct note_key *key, char out[static NOTE_VKEY_MAX + 1]);

/* Who signs.  The private key lives where libcrypto allocates. */
struct note_signer;

/* The seed is not kept.  Errors: as note_key_make, NOMEM. */
SR_RESULT note_signer_new(struct sr_str name, const uint8_t seed[static NOTE_SEED_LEN], struct note_signer **out);
void note_signer_free(struct note_signer *signer);              /* NULL is fine */
SR_DEFINE_AUTO(note_signer, note_signer_free)
const struct note_key *note_signer_key(const struct note_signer *signer);

/* Signs text, which must be lines (each with its newline, the last one too) and writes
 * the note to out, NUL-terminated.  Any number of threads.  Errors: BAD_PARAMETER
 * (not such a text), TOO_LARGE, CRYPTO. */
SR_RESULT note_sign(const struct note_signer *signer, struct sr_str text, char out[static NOTE_MAX + 1], size_t *out_len);
/* Takes an untrusted note apart and checks the signature of key in it; *text is within
 * note.  Signatures of others are let pass.  Errors: BAD_MESSAGE (not a note), DENIED
 * (not signed by this key), CORRUPT (its signature is wrong), CRYPTO. */
SR_RESULT note_open(struct sr_str note, const struct note_key *key, struct sr_str *text);

#endif
