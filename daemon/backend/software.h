/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the software backend share: the backend and its keys. */
#ifndef SR_DAEMON_SOFTWARE_H
#define SR_DAEMON_SOFTWARE_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "daemon/backend/backend.h"
#include "daemon/backend/openssl_auto.h"

/* The hashes that algorithms.def names. */
enum software_hash { HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASHES };

struct backend {
	OSSL_LIB_CTX *libctx;           /* of its own: default provider only, no openssl.cnf */
	OSSL_PROVIDER *provider;
	EVP_MD *hashes[HASHES];
};

/* The contexts are made when first needed, are never changed after that, and
 * every call works on a copy: setting one up costs many times what copying does. */
struct backend_key {
	struct backend *backend;        /* borrowed */
	enum key_kind kind;
	EVP_PKEY *pkey;
	_Atomic(EVP_PKEY_CTX *) sign[SIGN_ALGS];
	_Atomic(EVP_MD_CTX *) sign_message;     /* EdDSA */
	_Atomic(EVP_PKEY_CTX *) decrypt[DECRYPT_ALGS];
	uint8_t reject_base[32];        /* RSA: see rsa_depad.h */
};

SR_DEFINE_AUTO(backend_key, backend_key_close)
SR_DEFINE_AUTO(backend, backend_close)

/* The hash of this name, any that OpenSSL knows it by; NULL if it is none of ours. */
const EVP_MD *software_hash(const struct backend *backend, struct sr_str name);

/* The first and the last step of each call.  finish leaves libcrypto's queue of
 * errors empty, and makes NOMEM of any error if memory was short meanwhile:
 * libcrypto itself does not always say so.  Then, and on success, *detail becomes
 * empty; detail may be NULL. */
void software_begin(void);
enum sr_err software_finish(enum sr_err err, const char **detail);

/* Is it an RSA key, and how long are its modulus and signatures? */
bool software_is_rsa(const struct backend_key *key);
size_t software_rsa_size(const struct backend_key *key);

#endif
