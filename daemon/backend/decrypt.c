/* SPDX-License-Identifier: Apache-2.0 */
/* Decryption with an opened RSA key. */
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "base/str.h"
#include "daemon/backend/rsa_depad.h"
#include "daemon/backend/software.h"

#define LABEL_MAX 4096

static SR_RESULT check(const struct backend_key *key, const struct decrypt_params *params, const char **detail)
{
	if (!software_is_rsa(key)) {
		*detail = "only RSA keys decrypt";
		return SR_UNSUPPORTED;
	}
	if (params->ciphertext.n != software_rsa_size(key)) {
		*detail = "the ciphertext is not as long as the key's modulus";
		return SR_BAD_PARAMETER;
	}
	if (!decrypt_algs[params->alg].oaep) {
		*detail = "no plaintext of that length fits the key";
		return params->length <= software_rsa_size(key) - 11 ? SR_OK : SR_BAD_PARAMETER;
	}
	if (params->mgf.n > 0 && software_hash(key->backend, params->mgf) == NULL) {
		*detail = "the hash of MGF1 is not supported; SHA1 and SHA2 are";
		return SR_BAD_PARAMETER;
	}
	*detail = "the label is longer than 4096 bytes";
	return params->label.n <= LABEL_MAX ? SR_OK : SR_BAD_PARAMETER;
}

static bool set_padding(const struct backend_key *key, enum decrypt_alg alg, EVP_PKEY_CTX *ctx)
{
	const struct decrypt_alg_info *info = &decrypt_algs[alg];
	const EVP_MD *hash = software_hash(key->backend, str_of(info->hash));

	/* The padding of RSA1_5 is ours to take off: not every libcrypto does it without an oracle. */
	if (!info->oaep)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash) > 0 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash) > 0;
}

/* The key's prepared context for alg, made by whoever comes first; NULL on failure. */
static EVP_PKEY_CTX *prepared(struct backend_key *key, enum decrypt_alg alg)
{
	SR_AUTO(evp_pkey_ctx_st) ctx = NULL;
	EVP_PKEY_CTX *expected = atomic_load_explicit(&key->decrypt[alg], memory_order_acquire);

	if (expected != NULL)
		return expected;
	ctx = EVP_PKEY_CTX_new_from_pkey(key->backend->libctx, key->pkey, NULL);
	if (ctx == NULL || EVP_PKEY_decrypt_init(ctx) <= 0 || !set_padding(key, alg, ctx))
		return NULL;
	if (!atomic_compare_exchange_strong(&key->decrypt[alg], &expected, ctx))
		return expected;
	return SR_TAKE(ctx);
}

static bool adjust_oaep(const struct backend_key *key, const struct decrypt_params *params, EVP_PKEY_CTX *ctx)
{
	const EVP_MD *mgf = software_hash(key->backend, params->mgf);
	OSSL_PARAM label[2];
	uint8_t copy[LABEL_MAX];

	if (mgf != NULL && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf) <= 0)
		return false;
	if (params->label.n == 0)
		return true;
	memcpy(copy, params->label.p, params->label.n);
	label[0] = OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, copy, params->label.n);
	label[1] = OSSL_PARAM_construct_end();
	return EVP_PKEY_CTX_set_params(ctx, label) > 0;
}

static SR_RESULT run(struct backend_key *key, const struct decrypt_params *params, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *source = prepared(key, params->alg);
	SR_AUTO(evp_pkey_ctx_st) ctx = NULL;
	size_t n = PLAINTEXT_MAX;

	if (source == NULL || (ctx = EVP_PKEY_CTX_dup(source)) == NULL)
		return SR_CRYPTO;
	if (decrypt_algs[params->alg].oaep && !adjust_oaep(key, params, ctx))
		return SR_CRYPTO;
	if (EVP_PKEY_decrypt(ctx, out, &n, params->ciphertext.p, params->ciphertext.n) <= 0)
		return SR_CRYPTO;
	*len = n;
	return SR_OK;
}

/* Fails only for a ciphertext that is not below the modulus, which anybody can tell. */
static SR_RESULT run_rsa1_5(struct backend_key *key, const struct decrypt_params *params, uint8_t *out, size_t *len)
{
	uint8_t em[PLAINTEXT_MAX];
	size_t n;
	enum sr_err err = run(key, params, em, &n);

	if (err == SR_OK && n != software_rsa_size(key))
		err = SR_CRYPTO;
	if (err == SR_OK)
		*len = rsa_depad(&(struct rsa_depad){ .base = key->reject_base, .ciphertext = params->ciphertext.p,
			.em = em, .n = n, .length = (size_t)params->length }, out);
	explicit_bzero(em, sizeof(em));
	return err;
}

SR_RESULT backend_decrypt(struct backend_key *key, const struct decrypt_params *params,
	uint8_t *plaintext, size_t *len, const char **detail)
{
	enum sr_err err;

	SR_TRY(check(key, params, detail));
	*detail = "the ciphertext does not decrypt with this key and algorithm";
	software_begin();
	err = decrypt_algs[params->alg].oaep ? run(key, params, plaintext, len) : run_rsa1_5(key, params, plaintext, len);
	return software_finish(err, detail);
}
