/* SPDX-License-Identifier: Apache-2.0 */
/* One private key between its encodings and libcrypto.  The structures are read
 * here and not by libcrypto's decoders: those take what we do not (parameters of
 * any curve, any size), cost half a millisecond, and answer with one error. */
#ifndef SR_DAEMON_PRIVATE_KEY_H
#define SR_DAEMON_PRIVATE_KEY_H

#include "daemon/backend/software.h"

enum private_form {
	PRIVATE_PKCS8,                  /* PrivateKeyInfo, RFC 5958 */
	PRIVATE_RSA,                    /* RSAPrivateKey, RFC 8017 */
	PRIVATE_EC,                     /* ECPrivateKey, RFC 5915 */
};

/* Reads all of der.  For EC and EdDSA the public half is computed, and must be
 * what the file says, if it says anything; for RSA private_key_check does that.
 * *detail, static text, says what is wrong with the key.
 * Errors: BAD_PARAMETER, UNSUPPORTED (not one of our kinds), CRYPTO. */
SR_RESULT private_key_read(struct backend *backend, enum private_form form, struct sr_bytes der,
	enum key_kind *kind, EVP_PKEY **out, const char **detail);

/* Is the key sound: factors prime, all its numbers of one key?  Takes up to a
 * second for RSA.  Errors: BAD_PARAMETER, CRYPTO. */
SR_RESULT private_key_check(struct backend *backend, EVP_PKEY *pkey, const char **detail);

/* PKCS#8 and SubjectPublicKeyInfo, both canonical, in the arena.  Errors: NOMEM, CRYPTO. */
SR_RESULT private_key_encode(EVP_PKEY *pkey, enum key_kind kind, struct arena *arena, struct key_material *out);

/* The parts, by type of key.  rsa: RSAPrivateKey.  ec: ECPrivateKey; curve, an
 * OID's contents, is what stood outside of it, or empty.  okp: the raw private
 * key, and the public one or nothing. */
SR_RESULT private_rsa_read(struct backend *backend, struct sr_bytes der,
	enum key_kind *kind, EVP_PKEY **out, const char **detail);
SR_RESULT private_ec_read(struct backend *backend, struct sr_bytes der, struct sr_bytes curve,
	enum key_kind *kind, EVP_PKEY **out, const char **detail);
SR_RESULT private_okp_read(struct backend *backend, enum key_kind kind, struct sr_bytes private, struct sr_bytes public,
	EVP_PKEY **out, const char **detail);

/* A key of this kind from what bld holds. */
SR_RESULT private_key_build(struct backend *backend, enum key_kind kind, OSSL_PARAM_BLD *bld, EVP_PKEY **out);

#endif
