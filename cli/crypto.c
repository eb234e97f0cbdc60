/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/crypto.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

SR_DEFINE_AUTO(evp_pkey_st, EVP_PKEY_free)
SR_DEFINE_AUTO(evp_md_st, EVP_MD_free)
SR_DEFINE_AUTO(evp_md_ctx_st, EVP_MD_CTX_free)
SR_DEFINE_AUTO(bio_st, BIO_free_all)
SR_DEFINE_AUTO(bignum_st, BN_free)
SR_DEFINE_AUTO(ECDSA_SIG_st, ECDSA_SIG_free)

/* Made at first use and kept until the process ends. */
static OSSL_LIB_CTX *context(void)
{
	static OSSL_LIB_CTX *made;

	if (made == NULL)
		made = OSSL_LIB_CTX_new();
	return made;
}

/* ---- hashing ---- */

static SR_RESULT hash_begin(const char *hash, EVP_MD_CTX **out)
{
	SR_AUTO(evp_md_st) md = NULL;
	SR_AUTO(evp_md_ctx_st) ctx = EVP_MD_CTX_new();

	if (ctx == NULL || context() == NULL)
		return SR_NOMEM;
	md = EVP_MD_fetch(context(), hash, NULL);
	if (md == NULL || EVP_MD_get_size(md) > CRYPTO_DIGEST_MAX)
		return SR_UNSUPPORTED;
	if (EVP_DigestInit_ex2(ctx, md, NULL) != 1)
		return SR_CRYPTO;
	*out = SR_TAKE(ctx);
	return SR_OK;
}

static SR_RESULT hash_end(EVP_MD_CTX *ctx, uint8_t *out, size_t *out_len)
{
	unsigned len = 0;

	if (EVP_DigestFinal_ex(ctx, out, &len) != 1)
		return SR_CRYPTO;
	*out_len = len;
	return SR_OK;
}

SR_RESULT crypto_hash_file(const char *hash, int fd, uint8_t out[static CRYPTO_DIGEST_MAX], size_t *out_len)
{
	SR_AUTO(evp_md_ctx_st) ctx = NULL;
	uint8_t part[16384];

	SR_TRY(hash_begin(hash, &ctx));
	for (;;) {
		ssize_t r = read(fd, part, sizeof part);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return sr_err_from_errno(errno);
		if (r == 0)
			return hash_end(ctx, out, out_len);
		if (EVP_DigestUpdate(ctx, part, (size_t)r) != 1)
			return SR_CRYPTO;
	}
}

SR_RESULT crypto_sha256(struct sr_bytes in, uint8_t out[static 32])
{
	SR_AUTO(evp_md_ctx_st) ctx = NULL;
	size_t len;

	SR_TRY(hash_begin("SHA256", &ctx));
	if (EVP_DigestUpdate(ctx, in.p, in.n) != 1)
		return SR_CRYPTO;
	return hash_end(ctx, out, &len);
}

/* ---- public keys ---- */

/* width 0: as short as it can be. */
static SR_RESULT take_number(const EVP_PKEY *pkey, const char *param, size_t width, struct crypto_number *out)
{
	SR_AUTO(bignum_st) n = NULL;

	if (EVP_PKEY_get_bn_param(pkey, param, &n) != 1)
		return SR_CRYPTO;
	if (width == 0)
		width = (size_t)BN_num_bytes(n);
	if (width > sizeof out->p || BN_bn2binpad(n, out->p, (int)width) < 0)
		return SR_CRYPTO;
	out->n = width;
	return SR_OK;
}

static SR_RESULT take_rsa(const EVP_PKEY *pkey, struct crypto_public *out)
{
	out->kty = "RSA";
	SR_TRY(take_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, &out->modulus));
	return take_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, &out->exponent);
}

static SR_RESULT take_ec(const EVP_PKEY *pkey, struct crypto_public *out)
{
	size_t width = ((size_t)EVP_PKEY_get_bits(pkey) + 7) / 8;

	out->kty = "EC";
	SR_TRY(take_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, width, &out->x));
	return take_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, width, &out->y);
}

static SR_RESULT take_okp(const EVP_PKEY *pkey, struct crypto_public *out)
{
	out->kty = "OKP";
	out->x.n = sizeof out->x.p;
	return EVP_PKEY_get_raw_public_key(pkey, out->x.p, &out->x.n) == 1 ? SR_OK : SR_CRYPTO;
}

SR_RESULT crypto_public(struct sr_bytes spki, struct crypto_public *out)
{
	SR_AUTO(evp_pkey_st) pkey = NULL;
	const unsigned char *at = spki.p;

	if (context() == NULL)
		return SR_NOMEM;
	*out = (struct crypto_public){ 0 };
	pkey = d2i_PUBKEY_ex(NULL, &at, (long)spki.n, context(), NULL);
	if (pkey == NULL || at != spki.p + spki.n)
		return SR_CRYPTO;
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return take_rsa(pkey, out);
	if (EVP_PKEY_is_a(pkey, "EC"))
		return take_ec(pkey, out);
	if (EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448"))
		return take_okp(pkey, out);
	return SR_UNSUPPORTED;
}

SR_RESULT crypto_pem(const char *label, struct sr_bytes der, char **out)
{
	SR_AUTO(bio_st) bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (bio == NULL || PEM_write_bio(bio, label, "", der.p, (long)der.n) <= 0)
		return SR_NOMEM;
	n = BIO_get_mem_data(bio, &text);
	*out = strndup(text, (size_t)n);
	return *out == NULL ? SR_NOMEM : SR_OK;
}

SR_RESULT crypto_ecdsa_raw(struct sr_bytes der, size_t half, uint8_t *out)
{
	const unsigned char *at = der.p;
	SR_AUTO(ECDSA_SIG_st) sig = d2i_ECDSA_SIG(NULL, &at, (long)der.n);

	if (sig == NULL || at != der.p + der.n)
		return SR_CRYPTO;
	if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half) < 0 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, (int)half) < 0)
		return SR_CRYPTO;
	return SR_OK;
}
