/* SPDX-License-Identifier: Apache-2.0 */
/* The little cryptography that the command does itself, all of it on public
 * data: hash what is to be signed, take public keys apart.  Works in a library
 * context of its own, which loads no configuration and so never our provider. */
#ifndef SR_CLI_CRYPTO_H
#define SR_CLI_CRYPTO_H

#include "base/result.h"

#define CRYPTO_DIGEST_MAX 64

/* Hashes the descriptor to its end; hash is OpenSSL's name.
 * Errors: UNSUPPORTED, NOMEM, by errno. */
SR_RESULT crypto_hash_file(const char *hash, int fd, uint8_t out[static CRYPTO_DIGEST_MAX], size_t *out_len);
/* SHA-256.  Errors: NOMEM. */
SR_RESULT crypto_sha256(struct sr_bytes in, uint8_t out[static 32]);

/* A public key's numbers, big-endian; those of its type. */
#define CRYPTO_NUMBER_MAX 1024
struct crypto_public {
	const char *kty;                /* RSA, EC or OKP */
	struct crypto_number {
		uint8_t p[CRYPTO_NUMBER_MAX];
		size_t n;
	} modulus, exponent, x, y;
};
/* From a SubjectPublicKeyInfo.  Errors: UNSUPPORTED (none of our types), NOMEM, CRYPTO. */
SR_RESULT crypto_public(struct sr_bytes spki, struct crypto_public *out);

/* PEM under this label; *out is malloc'ed and NUL-terminated.  Errors: NOMEM. */
SR_RESULT crypto_pem(const char *label, struct sr_bytes der, char **out);

/* An ECDSA signature from DER to r and s, each as long as the curve's order.
 * Errors: CRYPTO, NOMEM. */
SR_RESULT crypto_ecdsa_raw(struct sr_bytes der, size_t half, uint8_t *out);

#endif
