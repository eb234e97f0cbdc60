/* SPDX-License-Identifier: Apache-2.0 */
/* RSA private keys: two factors, of 2048, 3072 or 4096 bits. */
#include <openssl/core_names.h>

#include "base/str.h"
#include "daemon/backend/der.h"
#include "daemon/backend/private_key.h"

enum number { N, E, D, P, Q, DP, DQ, QINV, NUMBERS };

static const char *const number_names[NUMBERS] = {
	[N] = OSSL_PKEY_PARAM_RSA_N, [E] = OSSL_PKEY_PARAM_RSA_E, [D] = OSSL_PKEY_PARAM_RSA_D,
	[P] = OSSL_PKEY_PARAM_RSA_FACTOR1, [Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
	[DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1, [DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
	[QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

struct rsa {
	BIGNUM *number[NUMBERS];
};

static void rsa_finish(struct rsa *rsa)
{
	for (size_t i = 0; i < NUMBERS; i++)
		BN_clear_free(rsa->number[i]);
}

static SR_RESULT rsa_parse(struct sr_bytes der, struct sr_bytes number[NUMBERS], const char **detail)
{
	struct sr_bytes body;
	uint64_t version;

	*detail = "not a well formed RSA private key";
	if (!der_get_last(&der, DER_SEQUENCE, &body) || !der_number(&body, &version))
		return SR_BAD_PARAMETER;
	if (version == 1) {
		*detail = "RSA keys of more than two primes are not supported";
		return SR_UNSUPPORTED;
	}
	if (version != 0)
		return SR_BAD_PARAMETER;
	for (size_t i = 0; i < NUMBERS; i++)
		if (!der_uint(&body, &number[i]) || number[i].n > 4096 / 8)
			return i == N && number[i].n > 4096 / 8 ? SR_UNSUPPORTED : SR_BAD_PARAMETER;
	return body.n == 0 ? SR_OK : SR_BAD_PARAMETER;
}

static SR_RESULT rsa_kind(const struct rsa *rsa, enum key_kind *kind, const char **detail)
{
	for (size_t i = 0; i < KEY_KINDS; i++) {
		if (strcmp(key_kinds[i].kty, "RSA") != 0 || (int)key_kinds[i].size != BN_num_bits(rsa->number[N]))
			continue;
		*kind = (enum key_kind)i;
		return SR_OK;
	}
	*detail = "RSA keys have 2048, 3072 or 4096 bits";
	return SR_UNSUPPORTED;
}

/* What is cheap to see.  Sizes come first of all, since what follows costs time
 * by them.  An exponent below 65537 is accepted: such keys exist, and are sound
 * with the paddings used here. */
static SR_RESULT rsa_bounds(const struct rsa *rsa, enum key_kind kind, const char **detail)
{
	int bits = (int)key_kinds[kind].size;
	const BIGNUM *e = rsa->number[E], *d = rsa->number[D];

	*detail = "the RSA public exponent must be odd, at least 3 and at most 64 bits long";
	if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64)
		return SR_BAD_PARAMETER;
	*detail = "the RSA private exponent is too small or too large";
	if (BN_num_bits(d) <= bits / 2 || BN_num_bits(d) > bits)
		return SR_BAD_PARAMETER;
	*detail = "the RSA primes must each be half as long as the modulus";
	if (BN_num_bits(rsa->number[P]) != bits / 2 || BN_num_bits(rsa->number[Q]) != bits / 2)
		return SR_UNSUPPORTED;
	*detail = "the parts of the RSA key do not belong together";
	for (size_t i = DP; i < NUMBERS; i++)
		if (BN_is_zero(rsa->number[i]) || BN_num_bits(rsa->number[i]) > bits / 2)
			return SR_BAD_PARAMETER;
	return SR_OK;
}

static SR_RESULT rsa_build(struct backend *backend, const struct rsa *rsa, enum key_kind kind, EVP_PKEY **out)
{
	SR_AUTO(ossl_param_bld_st) bld = OSSL_PARAM_BLD_new();

	if (bld == NULL)
		return SR_CRYPTO;
	for (size_t i = 0; i < NUMBERS; i++)
		if (!OSSL_PARAM_BLD_push_BN(bld, number_names[i], rsa->number[i]))
			return SR_CRYPTO;
	return private_key_build(backend, kind, bld, out);
}

static SR_RESULT rsa_load(struct backend *backend, const struct sr_bytes number[NUMBERS], struct rsa *rsa,
	enum key_kind *kind, EVP_PKEY **out, const char **detail)
{
	enum key_kind found;

	for (size_t i = 0; i < NUMBERS; i++) {
		rsa->number[i] = BN_bin2bn(number[i].p, (int)number[i].n, NULL);
		if (rsa->number[i] == NULL)
			return SR_CRYPTO;
	}
	SR_TRY(rsa_kind(rsa, &found, detail));
	SR_TRY(rsa_bounds(rsa, found, detail));
	SR_TRY(rsa_build(backend, rsa, found, out));
	*kind = found;
	return SR_OK;
}

SR_RESULT private_rsa_read(struct backend *backend, struct sr_bytes der,
	enum key_kind *kind, EVP_PKEY **out, const char **detail)
{
	struct sr_bytes number[NUMBERS];
	struct rsa rsa = { { NULL } };
	enum sr_err err;

	SR_TRY(rsa_parse(der, number, detail));
	err = rsa_load(backend, number, &rsa, kind, out, detail);
	rsa_finish(&rsa);
	return err;
}
