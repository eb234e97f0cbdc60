/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures with an opened key: which parameters fit, and the fast path. */
#include <openssl/rsa.h>

#include "base/str.h"
#include "daemon/backend/software.h"

#define ECDSA_DIGEST_MAX 64

/* The curve that an algorithm is tied to; KEY_KINDS: none. */
static enum key_kind required_kind(enum sign_alg alg)
{
	switch ((int)alg) {
	case SIGN_ALG_es256:
		return KEY_p256;
	case SIGN_ALG_es384:
		return KEY_p384;
	case SIGN_ALG_es512:
		return KEY_p521;
	case SIGN_ALG_es256k:
		return KEY_p256k;
	default:
		return KEY_KINDS;
	}
}

static SR_RESULT check_key(const struct backend_key *key, enum sign_alg alg, const char **detail)
{
	enum key_kind kind = required_kind(alg);

	if (strcmp(sign_algs[alg].kty, key_kinds[key->kind].kty) != 0) {
		*detail = "this algorithm does not belong to this type of key";
		return SR_UNSUPPORTED;
	}
	if (kind != KEY_KINDS && kind != key->kind) {
		*detail = "this algorithm does not belong to this curve; ECDSA takes any";
		return SR_UNSUPPORTED;
	}
	return SR_OK;
}

/* The lengths a digest may have. */
static SR_RESULT check_digest(const struct backend_key *key, enum sign_alg alg, size_t n, const char **detail)
{
	const struct sign_alg_info *info = &sign_algs[alg];
	size_t max = ECDSA_DIGEST_MAX;

	if (info->digest_len != 0) {
		*detail = "the digest has the wrong length for this algorithm";
		return n == info->digest_len ? SR_OK : SR_BAD_PARAMETER;
	}
	if (info->padding == SIGN_PKCS1_RAW)
		max = software_rsa_size(key) - 11;
	*detail = "the digest is empty or too long for this algorithm and key";
	return n >= 1 && n <= max ? SR_OK : SR_BAD_PARAMETER;
}

static SR_RESULT check_pss(const struct backend_key *key, const struct sign_params *params, const char **detail)
{
	/* RFC 8017, 9.1.1: the encoded message is as long as the modulus. */
	size_t max = software_rsa_size(key) - sign_algs[params->alg].digest_len - 2;

	if (params->salt < -1 || params->salt > (int64_t)max) {
		*detail = "the salt does not fit the key";
		return SR_BAD_PARAMETER;
	}
	if (params->mgf.n > 0 && software_hash(key->backend, params->mgf) == NULL) {
		*detail = "the hash of MGF1 is not supported; SHA1 and SHA2 are";
		return SR_BAD_PARAMETER;
	}
	return SR_OK;
}

static SR_RESULT check(const struct backend_key *key, const struct sign_params *params, const char **detail)
{
	const struct sign_alg_info *info = &sign_algs[params->alg];

	SR_TRY(check_key(key, params->alg, detail));
	if (info->padding == SIGN_MESSAGE && params->has_digest) {
		*detail = "this algorithm signs the message itself, not a digest of it";
		return SR_BAD_PARAMETER;
	}
	if (info->padding != SIGN_MESSAGE && info->hash[0] == '\0' && !params->has_digest) {
		*detail = "this algorithm names no hash, so it takes a digest and no message";
		return SR_BAD_PARAMETER;
	}
	if (params->has_digest)
		SR_TRY(check_digest(key, params->alg, params->input.n, detail));
	return info->padding == SIGN_PSS ? check_pss(key, params, detail) : SR_OK;
}

static bool set_rsa(const struct backend_key *key, enum sign_alg alg, EVP_PKEY_CTX *ctx)
{
	const struct sign_alg_info *info = &sign_algs[alg];
	const EVP_MD *hash = software_hash(key->backend, str_of(info->hash));
	int padding = info->padding == SIGN_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;

	if (EVP_PKEY_CTX_set_rsa_padding(ctx, padding) <= 0)
		return false;
	if (hash != NULL && EVP_PKEY_CTX_set_signature_md(ctx, hash) <= 0)
		return false;
	return info->padding != SIGN_PSS || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)info->digest_len) > 0;
}

/* The key's prepared context for alg, made by whoever comes first; NULL on failure. */
static EVP_PKEY_CTX *prepared(struct backend_key *key, enum sign_alg alg)
{
	SR_AUTO(evp_pkey_ctx_st) ctx = NULL;
	EVP_PKEY_CTX *expected = atomic_load_explicit(&key->sign[alg], memory_order_acquire);

	if (expected != NULL)
		return expected;
	ctx = EVP_PKEY_CTX_new_from_pkey(key->backend->libctx, key->pkey, NULL);
	if (ctx == NULL || EVP_PKEY_sign_init(ctx) <= 0 || (software_is_rsa(key) && !set_rsa(key, alg, ctx)))
		return NULL;
	if (!atomic_compare_exchange_strong(&key->sign[alg], &expected, ctx))
		return expected;
	return SR_TAKE(ctx);
}

static bool adjust_pss(const struct backend_key *key, const struct sign_params *params, EVP_PKEY_CTX *ctx)
{
	const EVP_MD *mgf = software_hash(key->backend, params->mgf);

	if (params->salt != -1 && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)params->salt) <= 0)
		return false;
	return mgf == NULL || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) > 0;
}

static SR_RESULT sign_digest(struct backend_key *key, const struct sign_params *params, struct sr_bytes digest,
	uint8_t *signature, size_t *len)
{
	EVP_PKEY_CTX *source = prepared(key, params->alg);
	SR_AUTO(evp_pkey_ctx_st) ctx = NULL;
	size_t n = SIGNATURE_MAX;

	if (source == NULL || (ctx = EVP_PKEY_CTX_dup(source)) == NULL)
		return SR_CRYPTO;
	if (sign_algs[params->alg].padding == SIGN_PSS && !adjust_pss(key, params, ctx))
		return SR_CRYPTO;
	if (EVP_PKEY_sign(ctx, signature, &n, digest.p, digest.n) <= 0)
		return SR_CRYPTO;
	*len = n;
	return SR_OK;
}

static EVP_MD_CTX *prepared_message(struct backend_key *key)
{
	SR_AUTO(evp_md_ctx_st) ctx = NULL;
	EVP_MD_CTX *expected = atomic_load_explicit(&key->sign_message, memory_order_acquire);

	if (expected != NULL)
		return expected;
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL || !EVP_DigestSignInit_ex(ctx, NULL, NULL, key->backend->libctx, NULL, key->pkey, NULL))
		return NULL;
	if (!atomic_compare_exchange_strong(&key->sign_message, &expected, ctx))
		return expected;
	return SR_TAKE(ctx);
}

static SR_RESULT sign_message(struct backend_key *key, struct sr_bytes message, uint8_t *signature, size_t *len)
{
	EVP_MD_CTX *source = prepared_message(key);
	SR_AUTO(evp_md_ctx_st) ctx = EVP_MD_CTX_new();
	static const uint8_t nothing[1];
	size_t n = SIGNATURE_MAX;

	if (source == NULL || ctx == NULL || !EVP_MD_CTX_copy_ex(ctx, source))
		return SR_CRYPTO;
	if (EVP_DigestSign(ctx, signature, &n, message.n > 0 ? message.p : nothing, message.n) <= 0)
		return SR_CRYPTO;
	*len = n;
	return SR_OK;
}

static SR_RESULT sign(struct backend_key *key, const struct sign_params *params, uint8_t *signature, size_t *len,
	const char **detail)
{
	const struct sign_alg_info *info = &sign_algs[params->alg];
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_n;

	SR_TRY(check(key, params, detail));
	*detail = "";
	if (info->padding == SIGN_MESSAGE)
		return sign_message(key, params->input, signature, len);
	if (params->has_digest)
		return sign_digest(key, params, params->input, signature, len);
	if (!EVP_Digest(params->input.p, params->input.n, digest, &digest_n,
	    software_hash(key->backend, str_of(info->hash)), NULL))
		return SR_CRYPTO;
	return sign_digest(key, params, (struct sr_bytes){ digest, digest_n }, signature, len);
}

SR_RESULT backend_sign(struct backend_key *key, const struct sign_params *params,
	uint8_t *signature, size_t *len, const char **detail)
{
	*detail = "";
	software_begin();
	return software_finish(sign(key, params, signature, len, detail), detail);
}
