/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures (provider-signature(7)): the context of RSA and ECDSA, which sign a
 * digest, and what they and EdDSA share.
 *
 * Digests are computed here and public operations done here; a signature costs
 * one round trip, and nothing but a signature costs any. */
#ifndef SR_PROVIDER_SIGNATURE_H
#define SR_PROVIDER_SIGNATURE_H

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/key.h"

struct signature;

/* What RSA and ECDSA do differently. */
struct signature_kind {
	enum key_type key_type;
	const char *default_digest;     /* of a digest-and-sign that names none */
	/* Says with which algorithm tbs is to be signed, and what is sent of it; the
	 * fields may point to scratch and tbs.  Returns 0, and raises, if it cannot be. */
	int (*request)(struct signature *s, struct sr_bytes tbs, uint8_t *scratch, struct sr_key_sign_req *q);
	/* Gives ctx, which is set up to verify or recover, padding and digest. */
	int (*verify_setup)(struct signature *s, EVP_PKEY_CTX *ctx);
	/* The parameters that are its own, and how it begins without any. */
	int (*set_params)(struct signature *s, const OSSL_PARAM params[]);
	int (*get_params)(struct signature *s, OSSL_PARAM params[]);
	size_t (*algorithm_id)(struct signature *s, unsigned char **out);
};

#define SIGNATURE_SCRATCH 512   /* bytes; a DigestInfo fits */

struct signature {
	struct provider *provider;      /* borrowed */
	const struct signature_kind *kind;
	struct key *key;
	EVP_MD *md;                     /* NULL: the caller did not say */
	EVP_MD_CTX *hash;               /* of a digest-and-sign or -verify */
	bool hashing;                   /* it is one of these: md is settled */
	bool hash_spent;                /* hash has to be begun again */

	/* RSA */
	int padding;                    /* RSA_*_PADDING */
	int salt_len;                   /* length, RSA_PSS_SALTLEN_* or SALT_UNSET */
	EVP_MD *mgf1;                   /* NULL: md */
};

struct signature *signature_new(struct provider *provider, const struct signature_kind *kind);
/* Takes a digest by name; 0, and raised, if it is not known. */
int signature_set_digest(struct signature *s, const char *name);

/* Sends the request, for key, and gives its signature to a caller who has room for
 * sigsize bytes.  Returns 0, and raises, if there is none. */
int signature_send(struct key *key, struct sr_key_sign_req *q, unsigned char *sig, size_t *siglen, size_t sigsize);
/* Answers how long a signature can be, or refuses a buffer that it may not fit in.
 * True when the caller only asked, or erred: *result is then what to return. */
bool signature_room(const struct key *key, const unsigned char *sig, size_t *siglen, size_t sigsize, int *result);
/* Can key be used so?  0, and raised, if it is of another type, or (to sign)
 * has no private half. */
int signature_check_key(struct provider *provider, const struct key *key, enum key_type type, bool to_sign);

OSSL_FUNC_signature_freectx_fn signature_freectx;
OSSL_FUNC_signature_dupctx_fn signature_dupctx;
OSSL_FUNC_signature_sign_init_fn signature_sign_init;
OSSL_FUNC_signature_sign_fn signature_sign;
OSSL_FUNC_signature_verify_init_fn signature_verify_init;
OSSL_FUNC_signature_verify_fn signature_verify;
OSSL_FUNC_signature_verify_recover_init_fn signature_verify_recover_init;
OSSL_FUNC_signature_verify_recover_fn signature_verify_recover;
OSSL_FUNC_signature_digest_sign_init_fn signature_digest_sign_init;
OSSL_FUNC_signature_digest_sign_update_fn signature_digest_update;
OSSL_FUNC_signature_digest_sign_final_fn signature_digest_sign_final;
OSSL_FUNC_signature_digest_sign_fn signature_digest_sign;
OSSL_FUNC_signature_digest_verify_init_fn signature_digest_verify_init;
OSSL_FUNC_signature_digest_verify_final_fn signature_digest_verify_final;
OSSL_FUNC_signature_digest_verify_fn signature_digest_verify;
OSSL_FUNC_signature_get_ctx_params_fn signature_get_ctx_params;
OSSL_FUNC_signature_set_ctx_params_fn signature_set_ctx_params;

#define SIGNATURE_COMMON \
	{ OSSL_FUNC_SIGNATURE_FREECTX,              (void (*)(void))signature_freectx }, \
	{ OSSL_FUNC_SIGNATURE_DUPCTX,               (void (*)(void))signature_dupctx }, \
	{ OSSL_FUNC_SIGNATURE_SIGN_INIT,            (void (*)(void))signature_sign_init }, \
	{ OSSL_FUNC_SIGNATURE_SIGN,                 (void (*)(void))signature_sign }, \
	{ OSSL_FUNC_SIGNATURE_VERIFY_INIT,          (void (*)(void))signature_verify_init }, \
	{ OSSL_FUNC_SIGNATURE_VERIFY,               (void (*)(void))signature_verify }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,     (void (*)(void))signature_digest_sign_init }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE,   (void (*)(void))signature_digest_update }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL,    (void (*)(void))signature_digest_sign_final }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN,          (void (*)(void))signature_digest_sign }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,   (void (*)(void))signature_digest_verify_init }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, (void (*)(void))signature_digest_update }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL,  (void (*)(void))signature_digest_verify_final }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_VERIFY,        (void (*)(void))signature_digest_verify }, \
	{ OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS,       (void (*)(void))signature_get_ctx_params }, \
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS,       (void (*)(void))signature_set_ctx_params }

extern const OSSL_DISPATCH signature_rsa_functions[], signature_ecdsa_functions[];
extern const OSSL_DISPATCH signature_ed25519_functions[], signature_ed448_functions[];

#endif
