/* SPDX-License-Identifier: Apache-2.0 */
/* EC private keys on our named curves. */
#include <openssl/core_names.h>
#include <openssl/objects.h>

#include "base/str.h"
#include "daemon/backend/der.h"
#include "daemon/backend/private_key.h"

static const struct curve {
	enum key_kind kind;
	struct sr_str oid;
} curves[] = {
	{ KEY_p256,  { "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 } },
	{ KEY_p384,  { "\x2b\x81\x04\x00\x22", 5 } },
	{ KEY_p521,  { "\x2b\x81\x04\x00\x23", 5 } },
	{ KEY_p256k, { "\x2b\x81\x04\x00\x0a", 5 } },
};

static SR_RESULT curve_find(struct sr_bytes oid, enum key_kind *kind, const char **detail)
{
	for (size_t i = 0; i < SR_COUNT(curves); i++) {
		if (!str_eq((struct sr_str){ (const char *)oid.p, oid.n }, curves[i].oid))
			continue;
		*kind = curves[i].kind;
		return SR_OK;
	}
	*detail = "EC keys are on the curves P-256, P-384, P-521 or P-256K (secp256k1)";
	return SR_UNSUPPORTED;
}

struct ec {
	struct sr_bytes scalar, curve, public;  /* the last two may be empty */
};

static SR_RESULT ec_parse(struct sr_bytes der, struct ec *ec, const char **detail)
{
	struct sr_bytes body, params, bits;
	uint64_t version;

	*detail = "not a well formed EC private key";
	if (!der_get_last(&der, DER_SEQUENCE, &body) || !der_number(&body, &version) || version != 1 ||
	    !der_get(&body, DER_OCTETS, &ec->scalar))
		return SR_BAD_PARAMETER;
	if (der_is(body, DER_CONTEXT_0)) {
		if (!der_get(&body, DER_CONTEXT_0, &params))
			return SR_BAD_PARAMETER;
		if (der_is(params, DER_SEQUENCE)) {
			*detail = "EC keys with explicit curve parameters are not supported; name the curve";
			return SR_UNSUPPORTED;
		}
		if (!der_get_last(&params, DER_OID, &ec->curve))
			return SR_BAD_PARAMETER;
	}
	if (der_is(body, DER_CONTEXT_1) &&
	    (!der_get(&body, DER_CONTEXT_1, &bits) || !der_bits(&bits, &ec->public) || bits.n != 0))
		return SR_BAD_PARAMETER;
	return body.n == 0 ? SR_OK : SR_BAD_PARAMETER;
}

/* The public point of the scalar, uncompressed.  It must be the one in the
 * file, which may be compressed there. */
static SR_RESULT ec_public(struct backend *backend, const EC_GROUP *group, const BIGNUM *scalar, struct sr_bytes expected,
	uint8_t *out, size_t *n, const char **detail)
{
	/* Blinds the scalar with random numbers, which shall be this context's. */
	SR_AUTO(bignum_ctx) ctx = BN_CTX_new_ex(backend->libctx);
	SR_AUTO(ec_point_st) point = EC_POINT_new(group);
	SR_AUTO(ec_point_st) given = EC_POINT_new(group);

	if (ctx == NULL || point == NULL || given == NULL || !EC_POINT_mul(group, point, scalar, NULL, NULL, ctx))
		return SR_CRYPTO;
	*detail = "the public key in the EC key does not belong to its private key";
	if (expected.n > 0 && (!EC_POINT_oct2point(group, given, expected.p, expected.n, ctx) ||
	    EC_POINT_cmp(group, given, point, ctx) != 0))
		return SR_BAD_PARAMETER;
	*n = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, *n, ctx);
	return *n > 0 ? SR_OK : SR_CRYPTO;
}

static SR_RESULT ec_build(struct backend *backend, enum key_kind kind, const struct ec *ec, EVP_PKEY **out,
	const char **detail)
{
	const char *name = key_kinds[kind].group;
	SR_AUTO(ec_group_st) group = EC_GROUP_new_by_curve_name_ex(backend->libctx, NULL, OBJ_sn2nid(name));
	SR_AUTO(bignum_st) scalar = BN_bin2bn(ec->scalar.p, (int)ec->scalar.n, NULL);
	SR_AUTO(ossl_param_bld_st) bld = OSSL_PARAM_BLD_new();
	uint8_t public[1 + 2 * 66];
	size_t public_n = sizeof(public);

	if (group == NULL || scalar == NULL || bld == NULL)
		return SR_CRYPTO;
	if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0) {
		*detail = "the EC private key is not between 1 and the order of the curve";
		return SR_BAD_PARAMETER;
	}
	BN_set_flags(scalar, BN_FLG_CONSTTIME);
	SR_TRY(ec_public(backend, group, scalar, ec->public, public, &public_n, detail));
	if (!OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, name, 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, public, public_n) ||
	    !OSSL_PARAM_BLD_push_BN_pad(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar, ((size_t)EC_GROUP_order_bits(group) + 7) / 8))
		return SR_CRYPTO;
	return private_key_build(backend, kind, bld, out);
}

SR_RESULT private_ec_read(struct backend *backend, struct sr_bytes der, struct sr_bytes curve,
	enum key_kind *kind, EVP_PKEY **out, const char **detail)
{
	struct ec ec = { 0 };
	enum key_kind found, inner;

	SR_TRY(ec_parse(der, &ec, detail));
	if (ec.curve.n == 0 && curve.n == 0) {
		*detail = "the EC key does not name its curve";
		return SR_BAD_PARAMETER;
	}
	SR_TRY(curve_find(curve.n > 0 ? curve : ec.curve, &found, detail));
	if (ec.curve.n > 0) {
		SR_TRY(curve_find(ec.curve, &inner, detail));
		if (inner != found) {
			*detail = "the EC key names two different curves";
			return SR_BAD_PARAMETER;
		}
	}
	if (ec.scalar.n == 0 || ec.scalar.n > (key_kinds[found].size + 7) / 8) {
		*detail = "the EC private key has the wrong length for its curve";
		return SR_BAD_PARAMETER;
	}
	SR_TRY(ec_build(backend, found, &ec, out, detail));
	*kind = found;
	return SR_OK;
}
