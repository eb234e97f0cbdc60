/* SPDX-License-Identifier: Apache-2.0 */
/* RSAES-PKCS1-v1_5 without an oracle: implicit rejection after
 * draft-irtf-cfrg-rsa-guidance.  Who sends a ciphertext with bad padding gets a
 * plaintext that is a function of key and ciphertext, at the same speed, and
 * learns nothing from it.  Pure: no libcrypto, no allocation, no errors. */
#ifndef SR_DAEMON_RSA_DEPAD_H
#define SR_DAEMON_RSA_DEPAD_H

#include <stddef.h>
#include <stdint.h>

#define RSA_DEPAD_BYTES_MAX 512

struct rsa_depad {
	const uint8_t *base;            /* 32 bytes: SHA-256 of the private exponent, as long as the modulus */
	const uint8_t *ciphertext;      /* n bytes, as it came */
	const uint8_t *em;              /* n bytes: what the raw RSA operation gave */
	size_t n;                       /* bytes of the modulus, at most RSA_DEPAD_BYTES_MAX, at least 64 */
	size_t length;                  /* only this length of plaintext is right, at most n - 11; 0: any */
};

/* Writes n bytes: the plaintext and then zeros.  Returns the plaintext's length,
 * at most n - 11.  No branch and no address depends on em, base or the result. */
size_t rsa_depad(const struct rsa_depad *in, uint8_t *out);

#endif
