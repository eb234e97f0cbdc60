/* SPDX-License-Identifier: Apache-2.0 */
/* A key backend: where private keys live and work.  backend_software.c: libcrypto
 * keys in a private library context, in locked memory.  Knows nothing of vaults,
 * names, rights or the store: it turns material (bytes to be sealed and stored)
 * into keys and keys into signatures.
 *
 * Any thread; what touches private keys belongs on one from locked_thread, and
 * spans of secrets in locked memory.  Every call leaves libcrypto's error queue
 * empty.  NOMEM means that the locked region is full. */
#ifndef SR_DAEMON_BACKEND_H
#define SR_DAEMON_BACKEND_H

#include "base/arena.h"
#include "base/result.h"

/* The kinds of key, from strongroom/keys.def. */
enum key_kind {
#define KEY(id, kty, crv, size, type, group, arc) KEY_##id,
#include <strongroom/keys.def>
#undef KEY
	KEY_KINDS
};
struct key_kind_info {
	const char *kty, *crv;
	unsigned size;
	const char *type, *group;       /* OpenSSL's names */
};
extern const struct key_kind_info key_kinds[KEY_KINDS];

/* The kind that these words name; crv may be empty, size 0 (then the type's
 * default: RSA 2048, EC P-256, OKP Ed25519).  *detail, static text, says what
 * is wrong.  Errors: BAD_PARAMETER. */
SR_RESULT key_kind_find(struct sr_str kty, struct sr_str crv, uint64_t size, enum key_kind *out, const char **detail);

enum sign_padding { SIGN_PKCS1, SIGN_PKCS1_RAW, SIGN_PSS, SIGN_NONE, SIGN_MESSAGE };
enum sign_alg {
#define SIGN(id, name, kty, padding, hash, len) SIGN_ALG_##id,
#include <strongroom/algorithms.def>
#undef SIGN
	SIGN_ALGS
};
struct sign_alg_info {
	const char *name, *kty;
	enum sign_padding padding;
	const char *hash;
	size_t digest_len;
};
extern const struct sign_alg_info sign_algs[SIGN_ALGS];

enum decrypt_alg {
#define DECRYPT(id, name, padding, hash) DECRYPT_ALG_##id,
#include <strongroom/algorithms.def>
#undef DECRYPT
	DECRYPT_ALGS
};
struct decrypt_alg_info {
	const char *name;
	bool oaep;
	const char *hash;
};
extern const struct decrypt_alg_info decrypt_algs[DECRYPT_ALGS];

/* By name, as on the wire.  Errors: UNSUPPORTED. */
SR_RESULT sign_alg_find(struct sr_str name, enum sign_alg *out);
SR_RESULT decrypt_alg_find(struct sr_str name, enum decrypt_alg *out);

struct backend;
struct backend_key;     /* an opened key: immutable, for any number of threads */

/* What a new key is made of; spans live in the arena given. */
struct key_material {
	enum key_kind kind;
	struct sr_secret private_key;   /* to be sealed and stored; only this backend reads it */
	struct sr_bytes spki;           /* SubjectPublicKeyInfo, DER, canonical (EC: named curve, uncompressed) */
};

struct sign_params {
	enum sign_alg alg;
	bool has_digest;                /* else input is the message */
	struct sr_bytes input;
	int64_t salt;                   /* PSS: bytes; -1: the digest's length */
	struct sr_str mgf;              /* PSS: MGF1's hash, OpenSSL's name; empty: the algorithm's */
};
struct decrypt_params {
	enum decrypt_alg alg;
	struct sr_bytes ciphertext;
	struct sr_str mgf;              /* OAEP: MGF1's hash; empty: the algorithm's */
	struct sr_bytes label;          /* OAEP */
	uint64_t length;                /* RSA1_5: the only right plaintext length; 0: any */
};

#define SIGNATURE_MAX 1024
#define PLAINTEXT_MAX 1024

/* After locked_init.  Errors: NOMEM, CRYPTO. */
SR_RESULT backend_software_open(struct backend **out);
void backend_close(struct backend *backend);

/* RSA takes seconds.  Errors: NOMEM (also the arena), CRYPTO. */
SR_RESULT backend_generate(struct backend *backend, enum key_kind kind, struct arena *arena, struct key_material *out);
/* Reads a private key from a file's bytes: PEM or DER, PKCS#8 or traditional,
 * encrypted or not; checks that it is one of our kinds, well formed, and that
 * its halves belong together.  At most 64 KiB; one private key, certificates may
 * stand beside it; never asks for a passphrase.  What comes out is canonical,
 * whatever went in.  Takes up to some seconds: RSA's primes are tested, and a
 * passphrase may be stretched by up to 10,000,000 iterations of PBKDF2.
 * *detail, static text, says what is wrong ("" if nobody knows more).
 * Errors: BAD_PARAMETER, UNSUPPORTED (kind, curve or encryption), CRYPTO (wrong
 * or missing passphrase), NOMEM. */
SR_RESULT backend_import(struct backend *backend, struct sr_secret file, struct sr_secret passphrase,
	struct arena *arena, struct key_material *out, const char **detail);
/* Opens stored material.  *cost is what it takes of locked memory, about, in
 * bytes.  Errors: CORRUPT, NOMEM. */
SR_RESULT backend_key_open(struct backend *backend, enum key_kind kind, struct sr_secret private_key,
	struct backend_key **out, size_t *cost);
void backend_key_close(struct backend_key *key);

/* signature: room for SIGNATURE_MAX bytes; *len is set.  *detail, static text,
 * says what is wrong with the parameters.
 * Errors: BAD_PARAMETER (length of the digest, salt), UNSUPPORTED (algorithm does
 * not fit the key), CRYPTO, NOMEM. */
SR_RESULT backend_sign(struct backend_key *key, const struct sign_params *params,
	uint8_t *signature, size_t *len, const char **detail);
/* plaintext: room for PLAINTEXT_MAX bytes of locked memory.  RSA1_5 never tells
 * that padding was wrong: it answers with a plaintext made of the ciphertext and
 * the key (implicit rejection, draft-irtf-cfrg-rsa-guidance), in constant time.
 * Errors: BAD_PARAMETER, UNSUPPORTED, NOMEM, CRYPTO (OAEP: does not decrypt;
 * RSA1_5: only for a ciphertext not below the modulus). */
SR_RESULT backend_decrypt(struct backend_key *key, const struct decrypt_params *params,
	uint8_t *plaintext, size_t *len, const char **detail);

#endif
