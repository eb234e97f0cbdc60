/* SPDX-License-Identifier: Apache-2.0 */
#include "base/note.h"

#include <openssl/evp.h>

#include "base/base64.h"
#include "base/str.h"

#define ALG_ED25519   0x01
#define SIGNATURE_LEN 64
#define BLOB_LEN      (4 + SIGNATURE_LEN)       /* key hash and signature, as a line has them */
#define DASH          "\xe2\x80\x94 "           /* em dash and a space: how a signature line begins */

struct note_signer {
	struct note_key key;
	EVP_PKEY *private_key;
};

static bool name_is_good(struct sr_str name)
{
	if (name.n == 0 || name.n > NOTE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == '+' || name.p[i] == 0x7f)
			return false;
	return true;
}

/* Whole lines, the last with its newline, without other control characters. */
static bool text_is_good(struct sr_str text)
{
	if (text.n == 0 || text.p[text.n - 1] != '\n')
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (((unsigned char)text.p[i] < ' ' && text.p[i] != '\n') || text.p[i] == 0x7f)
			return false;
	return true;
}

SR_RESULT note_key_make(struct sr_str name, const uint8_t public_key[static NOTE_PUBLIC_LEN], struct note_key *out)
{
	uint8_t preimage[NOTE_NAME_MAX + 2 + NOTE_PUBLIC_LEN], hash[32];

	if (!name_is_good(name))
		return SR_BAD_PARAMETER;
	memcpy(preimage, name.p, name.n);
	preimage[name.n] = '\n';
	preimage[name.n + 1] = ALG_ED25519;
	memcpy(preimage + name.n + 2, public_key, NOTE_PUBLIC_LEN);
	if (EVP_Digest(preimage, name.n + 2 + NOTE_PUBLIC_LEN, hash, /* size= */ NULL, EVP_sha256(), /* impl= */ NULL) != 1)
		return SR_CRYPTO;
	memcpy(out->name, name.p, name.n);
	out->name[name.n] = '\0';
	memcpy(out->hash, hash, sizeof out->hash);
	memcpy(out->public_key, public_key, NOTE_PUBLIC_LEN);
	return SR_OK;
}

SR_RESULT note_key_parse(struct sr_str text, struct note_key *out)
{
	uint8_t hash[4], typed_key[1 + NOTE_PUBLIC_LEN];
	struct sr_str name = { text.p, 0 }, rest;
	struct note_key key;
	const char *plus;

	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	plus = text.n > 0 ? memchr(text.p, '+', text.n) : NULL;
	if (plus == NULL)
		return SR_BAD_PARAMETER;
	name.n = (size_t)(plus - text.p);
	rest = (struct sr_str){ plus + 1, text.n - name.n - 1 };
	if (rest.n < 9 || rest.p[8] != '+' || !hex_decode((struct sr_str){ rest.p, 8 }, hash, sizeof hash))
		return SR_BAD_PARAMETER;
	if (!base64_decode((struct sr_str){ rest.p + 9, rest.n - 9 }, typed_key, sizeof typed_key) ||
	    typed_key[0] != ALG_ED25519)
		return SR_BAD_PARAMETER;
	SR_TRY(note_key_make(name, typed_key + 1, &key));
	if (memcmp(key.hash, hash, sizeof hash) != 0)
		return SR_BAD_PARAMETER;
	*out = key;
	return SR_OK;
}

size_t note_key_format(const struct note_key *key, char out[static NOTE_VKEY_MAX + 1])
{
	uint8_t typed_key[1 + NOTE_PUBLIC_LEN] = { ALG_ED25519 };
	char hash[9], text[BASE64_LEN(sizeof typed_key) + 1];

	memcpy(typed_key + 1, key->public_key, NOTE_PUBLIC_LEN);
	hex_encode((struct sr_bytes){ key->hash, sizeof key->hash }, hash);
	(void)base64_encode((struct sr_bytes){ typed_key, sizeof typed_key }, text);
	return (size_t)snprintf(out, NOTE_VKEY_MAX + 1, "%s+%s+%s", key->name, hash, text);
}

SR_RESULT note_signer_new(struct sr_str name, const uint8_t seed[static NOTE_SEED_LEN], struct note_signer **out)
{
	SR_AUTO(note_signer) signer = calloc(1, sizeof *signer);
	uint8_t public_key[NOTE_PUBLIC_LEN];
	size_t len = sizeof public_key;

	if (signer == NULL)
		return SR_NOMEM;
	signer->private_key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, NOTE_SEED_LEN);
	if (signer->private_key == NULL || EVP_PKEY_get_raw_public_key(signer->private_key, public_key, &len) != 1 ||
	    len != sizeof public_key)
		return SR_CRYPTO;
	SR_TRY(note_key_make(name, public_key, &signer->key));
	*out = SR_TAKE(signer);
	return SR_OK;
}

void note_signer_free(struct note_signer *signer)
{
	if (signer == NULL)
		return;
	EVP_PKEY_free(signer->private_key);
	free(signer);
}

const struct note_key *note_signer_key(const struct note_signer *signer)
{
	return &signer->key;
}

static SR_RESULT ed25519_sign(EVP_PKEY *key, struct sr_str text, uint8_t out[static SIGNATURE_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE_LEN;
	bool good;

	if (ctx == NULL)
		return SR_NOMEM;
	good = EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
		EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.p, text.n) == 1 && len == SIGNATURE_LEN;
	EVP_MD_CTX_free(ctx);
	return good ? SR_OK : SR_CRYPTO;
}

static SR_RESULT ed25519_verify(const struct note_key *key, struct sr_str text, const uint8_t *signature)
{
	EVP_PKEY *public_key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, key->public_key, NOTE_PUBLIC_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	enum sr_err err = SR_CRYPTO;

	if (public_key != NULL && ctx != NULL &&
	    EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, public_key, NULL) == 1)
		err = EVP_DigestVerify(ctx, signature, SIGNATURE_LEN, (const unsigned char *)text.p, text.n) == 1 ?
			SR_OK : SR_CORRUPT;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(public_key);
	return err;
}

SR_RESULT note_sign(const struct note_signer *signer, struct sr_str text, char out[static NOTE_MAX + 1], size_t *out_len)
{
	uint8_t blob[BLOB_LEN];
	char encoded[BASE64_LEN(BLOB_LEN) + 1];
	int n;

	if (!text_is_good(text))
		return SR_BAD_PARAMETER;
	if (text.n > NOTE_MAX)
		return SR_TOO_LARGE;
	memcpy(blob, signer->key.hash, sizeof signer->key.hash);
	SR_TRY(ed25519_sign(signer->private_key, text, blob + sizeof signer->key.hash));
	(void)base64_encode((struct sr_bytes){ blob, sizeof blob }, encoded);
	n = snprintf(out, NOTE_MAX + 1, "%.*s\n" DASH "%s %s\n", (int)text.n, text.p, signer->key.name, encoded);
	if (n < 0 || n > NOTE_MAX)
		return SR_TOO_LARGE;
	*out_len = (size_t)n;
	return SR_OK;
}

/* One signature line (without its newline): is it key's?  Then *found, and the
 * signature must be right. */
static SR_RESULT line_check(struct sr_str line, struct sr_str text, const struct note_key *key, bool *found)
{
	const size_t dash_len = sizeof DASH - 1;
	uint8_t blob[BLOB_LEN];
	struct sr_str name;
	const char *space;

	if (line.n < dash_len || memcmp(line.p, DASH, dash_len) != 0)
		return SR_BAD_MESSAGE;
	line = (struct sr_str){ line.p + dash_len, line.n - dash_len };
	space = memchr(line.p, ' ', line.n);
	if (space == NULL)
		return SR_BAD_MESSAGE;
	name = (struct sr_str){ line.p, (size_t)(space - line.p) };
	line = (struct sr_str){ space + 1, line.n - name.n - 1 };
	if (!name_is_good(name) || line.n == 0)
		return SR_BAD_MESSAGE;
	/* other algorithms have signatures of other lengths */
	if (!str_is(name, key->name) || !base64_decode(line, blob, sizeof blob) ||
	    memcmp(blob, key->hash, sizeof key->hash) != 0)
		return SR_OK;
	SR_TRY(ed25519_verify(key, text, blob + sizeof key->hash));
	*found = true;
	return SR_OK;
}

/* Where the signatures begin: behind the last empty line. */
static const char *signatures_of(struct sr_str note)
{
	for (size_t at = note.n; at-- > 1;)
		if (note.p[at] == '\n' && note.p[at - 1] == '\n')
			return note.p + at + 1;
	return NULL;
}

SR_RESULT note_open(struct sr_str note, const struct note_key *key, struct sr_str *text)
{
	const char *at, *end = note.p + note.n;
	struct sr_str signed_text;
	bool found = false;

	if (note.n > NOTE_MAX || !text_is_good(note))
		return SR_BAD_MESSAGE;
	at = signatures_of(note);
	if (at == NULL || at == end)
		return SR_BAD_MESSAGE;
	signed_text = (struct sr_str){ note.p, (size_t)(at - note.p) - 1 };
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		SR_TRY(line_check((struct sr_str){ at, (size_t)(newline - at) }, signed_text, key, &found));
		at = newline + 1;
	}
	if (!found)
		return SR_DENIED;
	*text = signed_text;
	return SR_OK;
}
