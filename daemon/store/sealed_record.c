/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/sealed_record.h"

#include <sodium.h>
#include <string.h>

#define VERSION       1
#define REVISION_AT   1
#define NONCE_AT      (REVISION_AT + 8)
#define BODY_AT       (NONCE_AT + SEALED_NONCE_LEN)
#define TAG_LEN       crypto_aead_xchacha20poly1305_ietf_ABYTES
#define AAD_MAX       (1 + SEALED_ID_LEN + 2 + STORE_PATH_MAX + 8)

_Static_assert(SEALED_OVERHEAD == BODY_AT + TAG_LEN, "sealed.h tells the overhead");
_Static_assert(SEALED_KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key of this cipher");
_Static_assert(SEALED_NONCE_LEN == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "a nonce of this cipher");

void sealed_put64(uint8_t *out, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(n >> (56 - 8 * i));
}

uint64_t sealed_get64(const uint8_t *in)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | in[i];
	return n;
}

/* The path behind its length, so that where it ends is no question. */
static size_t put_path(uint8_t *out, struct sr_str path)
{
	SR_ASSERT(path.n <= STORE_PATH_MAX);
	out[0] = (uint8_t)(path.n >> 8);
	out[1] = (uint8_t)path.n;
	memcpy(out + 2, path.p, path.n);
	return 2 + path.n;
}

static size_t put_aad(uint8_t aad[AAD_MAX], const uint8_t *id, struct sr_str path, uint64_t revision)
{
	size_t n = 0;

	aad[n++] = VERSION;
	memcpy(aad + n, id, SEALED_ID_LEN);
	n += SEALED_ID_LEN;
	n += put_path(aad + n, path);
	sealed_put64(aad + n, revision);
	return n + 8;
}

SR_RESULT sealed_record_parse(struct sr_bytes record, struct sealed_record *out)
{
	if (record.n < SEALED_OVERHEAD || record.p[0] != VERSION)
		return SR_CORRUPT;
	out->revision = sealed_get64(record.p + REVISION_AT);
	out->nonce = record.p + NONCE_AT;
	out->body = (struct sr_bytes){ record.p + BODY_AT, record.n - BODY_AT };
	return SR_OK;
}

void sealed_record_seal(const uint8_t *key, const uint8_t *id, struct sr_str path, uint64_t revision,
	struct sr_bytes plaintext, uint8_t *out)
{
	uint8_t aad[AAD_MAX];
	size_t aad_len = put_aad(aad, id, path, revision);

	out[0] = VERSION;
	sealed_put64(out + REVISION_AT, revision);
	randombytes_buf(out + NONCE_AT, SEALED_NONCE_LEN);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + BODY_AT, /* clen_p= */ NULL,
		plaintext.p, plaintext.n, aad, aad_len, /* nsec= */ NULL, out + NONCE_AT, key);
}

SR_RESULT sealed_record_open(const uint8_t *key, const uint8_t *id, struct sr_str path,
	const struct sealed_record *record, uint8_t *plaintext)
{
	uint8_t aad[AAD_MAX];
	size_t aad_len = put_aad(aad, id, path, record->revision);

	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plaintext, /* mlen_p= */ NULL, /* nsec= */ NULL,
			record->body.p, record->body.n, aad, aad_len, record->nonce, key) != 0)
		return SR_CORRUPT;
	return SR_OK;
}

void sealed_record_hash(const uint8_t *key, struct sr_str path, uint64_t revision, const uint8_t *nonce,
	uint8_t hash[SEALED_HASH_LEN])
{
	uint8_t in[2 + STORE_PATH_MAX + 8 + SEALED_NONCE_LEN], part[SEALED_HASH_LEN];
	size_t n = put_path(in, path);

	sealed_put64(in + n, revision);
	memcpy(in + n + 8, nonce, SEALED_NONCE_LEN);
	n += 8 + SEALED_NONCE_LEN;
	(void)crypto_generichash(part, sizeof part, in, n, key, SEALED_KEY_LEN);
	for (size_t i = 0; i < sizeof part; i++)
		hash[i] ^= part[i];
}
