/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA signatures. */
#include <string.h>

#include "provider/algorithms.h"
#include "provider/signature.h"

#define DIGEST_MAX 64   /* what the protocol carries (algorithms.def) */

static OSSL_FUNC_signature_newctx_fn ecdsa_newctx;
static OSSL_FUNC_signature_gettable_ctx_params_fn ecdsa_gettable_ctx_params;
static OSSL_FUNC_signature_settable_ctx_params_fn ecdsa_settable_ctx_params;

/* Azure's names, where curve and digest are the pair that they stand for. */
static struct sr_str name_for(const char *group, const EVP_MD *md)
{
	static const struct { const char *group, *digest; struct sr_str name; } pairs[] = {
		{ "prime256v1", "SHA256", { "ES256",  5 } },
		{ "secp384r1",  "SHA384", { "ES384",  5 } },
		{ "secp521r1",  "SHA512", { "ES512",  5 } },
		{ "secp256k1",  "SHA256", { "ES256K", 6 } },
	};

	for (size_t i = 0; md != NULL && i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strcmp(pairs[i].group, group) == 0 && EVP_MD_is_a(md, pairs[i].digest))
			return pairs[i].name;
	return SR_STR("ECDSA");
}

static int ecdsa_request(struct signature *s, struct sr_bytes tbs, __attribute__((unused)) uint8_t *scratch,
	struct sr_key_sign_req *q)
{
	int bits = EVP_PKEY_get_bits(s->key->public);

	/* ECDSA looks at the first bits of a digest only, as many as the group's order has */
	if (bits % 8 == 0 && tbs.n > (size_t)bits / 8)
		tbs.n = (size_t)bits / 8;
	if (tbs.n == 0 || tbs.n > DIGEST_MAX)
		return RAISE(s->provider, SR_BAD_PARAMETER, "ECDSA signs a digest of 1 to %d bytes, not %zu", DIGEST_MAX, tbs.n);
	q->alg = name_for(s->key->group, s->md);
	SR_SET(key_sign_req, q, digest, tbs);
	return 1;
}

static int ecdsa_verify_setup(struct signature *s, EVP_PKEY_CTX *ctx)
{
	return s->md == NULL || EVP_PKEY_CTX_set_signature_md(ctx, s->md) == 1;
}

static int ecdsa_set_params(__attribute__((unused)) struct signature *s, __attribute__((unused)) const OSSL_PARAM params[])
{
	return 1;
}

static int ecdsa_get_params(__attribute__((unused)) struct signature *s, __attribute__((unused)) OSSL_PARAM params[])
{
	return 1;
}

static size_t ecdsa_algorithm_id(struct signature *s, unsigned char **out)
{
	return algorithm_id("EC", s->md, out);
}

static const struct signature_kind ecdsa_kind = {
	.key_type = KEY_ec,
	.default_digest = "SHA256",
	.request = ecdsa_request,
	.verify_setup = ecdsa_verify_setup,
	.set_params = ecdsa_set_params,
	.get_params = ecdsa_get_params,
	.algorithm_id = ecdsa_algorithm_id,
};

static void *ecdsa_newctx(void *provctx, __attribute__((unused)) const char *propq)
{
	return signature_new(provctx, &ecdsa_kind);
}

static const OSSL_PARAM *ecdsa_gettable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, NULL),
		OSSL_PARAM_END
	};

	return gettable;
}

static const OSSL_PARAM *ecdsa_settable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_END
	};

	return settable;
}

const OSSL_DISPATCH signature_ecdsa_functions[] = {
	SIGNATURE_COMMON,
	{ OSSL_FUNC_SIGNATURE_NEWCTX,              (void (*)(void))ecdsa_newctx },
	{ OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))ecdsa_gettable_ctx_params },
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))ecdsa_settable_ctx_params },
	{ 0, NULL }
};
