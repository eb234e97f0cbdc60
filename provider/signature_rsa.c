/* SPDX-License-Identifier: Apache-2.0 */
/* RSA signatures: PKCS#1 v1.5 and PSS. */
#include <limits.h>
#include <openssl/rsa.h>
#include <string.h>

#include "provider/algorithms.h"
#include "provider/rsa_params.h"
#include "provider/signature.h"

#define SALT_UNSET INT_MIN

static OSSL_FUNC_signature_newctx_fn rsa_newctx;
static OSSL_FUNC_signature_gettable_ctx_params_fn rsa_gettable_ctx_params;
static OSSL_FUNC_signature_settable_ctx_params_fn rsa_settable_ctx_params;

static const EVP_MD *mask_digest(const struct signature *s)
{
	return s->mgf1 != NULL ? s->mgf1 : s->md;
}

/* The longest salt that fits beside the digest (RFC 8017, 9.1.1); negative if not even none does. */
static int salt_max(const struct signature *s)
{
	int encoded_len = (EVP_PKEY_get_bits(s->key->public) - 1 + 7) / 8;

	return encoded_len - EVP_MD_get_size(s->md) - 2;
}

/* The length that a signature's salt will have. */
static int salt_len(const struct signature *s)
{
	int digest_len = EVP_MD_get_size(s->md), max = salt_max(s);

	switch (s->salt_len) {
	case RSA_PSS_SALTLEN_DIGEST:
		return digest_len;
	case RSA_PSS_SALTLEN_AUTO:
	case RSA_PSS_SALTLEN_MAX:
		return max;
	case SALT_AUTO_DIGEST_MAX:
	case SALT_UNSET:
		return digest_len < max ? digest_len : max;
	default:
		return s->salt_len;
	}
}

static int request_pss(struct signature *s, struct sr_bytes tbs, struct sr_key_sign_req *q)
{
	int salt;

	if (s->md == NULL)
		return RAISE(s->provider, SR_BAD_PARAMETER, "PSS needs a digest");
	q->alg = algorithm_pss(s->md);
	if (q->alg.n == 0 || algorithm_hash(mask_digest(s)).n == 0)
		return RAISE(s->provider, SR_UNSUPPORTED, "PSS with %s and MGF1 with %s is not supported",
			EVP_MD_get0_name(s->md), EVP_MD_get0_name(mask_digest(s)));
	salt = salt_len(s);
	if (salt < 0 || salt > salt_max(s))
		return RAISE(s->provider, SR_BAD_PARAMETER, "this key is too small for PSS with %s and a salt of %d bytes",
			EVP_MD_get0_name(s->md), salt);
	SR_SET(key_sign_req, q, digest, tbs);
	SR_SET(key_sign_req, q, mgf, algorithm_hash(mask_digest(s)));
	SR_SET(key_sign_req, q, salt, (uint64_t)salt);
	return 1;
}

/* What stands after the padding is the caller's where it named no digest, the
 * digest alone with MD5-SHA1 (TLS 1.1 and older), else a DigestInfo. */
static int request_pkcs1(struct signature *s, struct sr_bytes tbs, uint8_t *scratch, struct sr_key_sign_req *q)
{
	if (s->md != NULL)
		q->alg = algorithm_pkcs1(s->md);
	if (q->alg.n == 0) {
		q->alg = SR_STR("RSNULL");
		if (s->md != NULL && !EVP_MD_is_a(s->md, "MD5-SHA1")) {
			size_t length = algorithm_digest_info(s->md, tbs.p, tbs.n, scratch, SIGNATURE_SCRATCH);

			if (length == 0)
				return RAISE(s->provider, SR_UNSUPPORTED, "%s has no identifier to sign it with",
					EVP_MD_get0_name(s->md));
			tbs = (struct sr_bytes){ scratch, length };
		}
		if (tbs.n + RSA_PKCS1_PADDING_SIZE > (size_t)EVP_PKEY_get_size(s->key->public))
			return RAISE(s->provider, SR_TOO_LARGE, "%zu bytes are too many for a key of %d bits", tbs.n,
				EVP_PKEY_get_bits(s->key->public));
	}
	SR_SET(key_sign_req, q, digest, tbs);
	return 1;
}

static int rsa_request(struct signature *s, struct sr_bytes tbs, uint8_t *scratch, struct sr_key_sign_req *q)
{
	if (s->padding == RSA_PKCS1_PSS_PADDING)
		return request_pss(s, tbs, q);
	return request_pkcs1(s, tbs, scratch, q);
}

static int rsa_verify_setup(struct signature *s, EVP_PKEY_CTX *ctx)
{
	/* a verifier takes any salt that fits, unless it was told to want one length */
	int salt = s->salt_len == SALT_UNSET || s->salt_len == SALT_AUTO_DIGEST_MAX ? RSA_PSS_SALTLEN_AUTO : s->salt_len;

	if (EVP_PKEY_CTX_set_rsa_padding(ctx, s->padding) != 1)
		return 0;
	if (s->md != NULL && EVP_PKEY_CTX_set_signature_md(ctx, s->md) != 1)
		return 0;
	if (s->padding != RSA_PKCS1_PSS_PADDING)
		return 1;
	return EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1
		&& (s->mgf1 == NULL || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, s->mgf1) == 1);
}

static int set_padding(struct signature *s, const OSSL_PARAM *p)
{
	if (!rsa_padding_get(p, &s->padding)
		|| (s->padding != RSA_PKCS1_PADDING && s->padding != RSA_PKCS1_PSS_PADDING)) {
		s->padding = RSA_PKCS1_PADDING;
		return RAISE(s->provider, SR_UNSUPPORTED, "RSA signatures are made with PKCS#1 v1.5 and PSS padding only");
	}
	/* as the default provider: PSS cannot do without, and SHA-1 is what RFC 4055 takes for unsaid */
	if (s->padding == RSA_PKCS1_PSS_PADDING && s->md == NULL)
		return signature_set_digest(s, "SHA1");
	return 1;
}

static int set_mask_digest(struct signature *s, const OSSL_PARAM *p)
{
	const char *name;
	EVP_MD *md;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &name))
		return 0;
	md = provider_digest(s->provider, name);
	if (md == NULL)
		return 0;
	EVP_MD_free(s->mgf1);
	s->mgf1 = md;
	return 1;
}

static int rsa_set_params(struct signature *s, const OSSL_PARAM params[])
{
	const OSSL_PARAM *padding, *salt, *mgf1;

	if (params == NULL) {
		s->padding = RSA_PKCS1_PADDING;
		s->salt_len = SALT_UNSET;
		return 1;
	}
	padding = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	salt = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	mgf1 = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	if (padding != NULL && !set_padding(s, padding))
		return 0;
	if ((salt != NULL || mgf1 != NULL) && s->padding != RSA_PKCS1_PSS_PADDING)
		return RAISE(s->provider, SR_BAD_PARAMETER, "a salt's length and MGF1's digest go with PSS padding only");
	if (salt != NULL && !rsa_salt_get(salt, &s->salt_len))
		return RAISE(s->provider, SR_BAD_PARAMETER, "this is not the length of a PSS salt");
	return mgf1 == NULL || set_mask_digest(s, mgf1);
}

static int rsa_get_params(struct signature *s, OSSL_PARAM params[])
{
	OSSL_PARAM *p;

	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p != NULL && !rsa_padding_set(p, s->padding))
		return 0;
	/* the number itself: CMS writes it into the message before there is a signature */
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	if (p != NULL && (s->md == NULL || s->key == NULL || !rsa_salt_set(p, salt_len(s))))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, mask_digest(s) != NULL ? EVP_MD_get0_name(mask_digest(s)) : ""))
		return 0;
	return 1;
}

static size_t rsa_algorithm_id(struct signature *s, unsigned char **out)
{
	if (s->padding == RSA_PKCS1_PSS_PADDING)
		return algorithm_id_pss(s->md, mask_digest(s), salt_len(s), out);
	return algorithm_id("RSA", s->md, out);
}

static const struct signature_kind rsa_kind = {
	.key_type = KEY_rsa,
	.default_digest = "SHA256",
	.request = rsa_request,
	.verify_setup = rsa_verify_setup,
	.set_params = rsa_set_params,
	.get_params = rsa_get_params,
	.algorithm_id = rsa_algorithm_id,
};

static void *rsa_newctx(void *provctx, __attribute__((unused)) const char *propq)
{
	return signature_new(provctx, &rsa_kind);
}

static const OSSL_PARAM *rsa_gettable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END
	};

	return gettable;
}

static const OSSL_PARAM *rsa_settable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
		OSSL_PARAM_END
	};

	return settable;
}

const OSSL_DISPATCH signature_rsa_functions[] = {
	SIGNATURE_COMMON,
	{ OSSL_FUNC_SIGNATURE_NEWCTX,              (void (*)(void))rsa_newctx },
	{ OSSL_FUNC_SIGNATURE_VERIFY_RECOVER_INIT, (void (*)(void))signature_verify_recover_init },
	{ OSSL_FUNC_SIGNATURE_VERIFY_RECOVER,      (void (*)(void))signature_verify_recover },
	{ OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))rsa_gettable_ctx_params },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))rsa_settable_ctx_params },
	{ 0, NULL }
};
