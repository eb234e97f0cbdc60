/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backend/private_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/str.h"
#include "daemon/backend/der.h"
#include "daemon/backend/locked.h"

/* What the OID of a PKCS#8 structure makes of it. */
static const struct type {
	struct sr_str oid;
	bool prefix;                    /* arcs may follow */
	enum { TYPE_RSA, TYPE_EC, TYPE_OKP, TYPE_REFERENCE, TYPE_OTHER } read;
	enum key_kind kind;             /* TYPE_OKP */
	const char *detail;             /* the last two */
} types[] = {
	{ { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 }, false, TYPE_RSA, 0, NULL },
	{ { "\x2a\x86\x48\xce\x3d\x02\x01", 7 }, false, TYPE_EC, 0, NULL },
	{ { "\x2b\x65\x70", 3 }, false, TYPE_OKP, KEY_ed25519, NULL },
	{ { "\x2b\x65\x71", 3 }, false, TYPE_OKP, KEY_ed448, NULL },
	/* SR_REFERENCE_OID_ROOT */
	{ { "\x69\x81\xfa\x8c\xb5\xc7\xca\xaa\xa2\xb0\x9f\x9b\xb5\x8f\xeb\xe8\xe1\x87\xb2\x4a", 20 }, true, TYPE_REFERENCE, 0,
		"this is a reference to a key that strongroomd holds, not a key" },
	{ { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", 9 }, false, TYPE_OTHER, 0,
		"RSA-PSS keys (id-RSASSA-PSS) are not supported; an ordinary RSA key can sign PSS" },
	{ { "\x2b\x65\x6e", 3 }, false, TYPE_OTHER, 0, "X25519 keys are not supported" },
	{ { "\x2b\x65\x6f", 3 }, false, TYPE_OTHER, 0, "X448 keys are not supported" },
	{ { "\x2a\x86\x48\xce\x38\x04\x01", 7 }, false, TYPE_OTHER, 0, "DSA keys are not supported" },
};

static const struct type *type_find(struct sr_bytes oid)
{
	for (size_t i = 0; i < SR_COUNT(types); i++) {
		struct sr_str wanted = types[i].oid;

		if (types[i].prefix ? oid.n >= wanted.n : oid.n == wanted.n)
			if (memcmp(oid.p, wanted.p, wanted.n) == 0)
				return &types[i];
	}
	return NULL;
}

struct pkcs8 {
	struct sr_bytes oid, params, key, public;       /* public may be empty */
};

static bool pkcs8_parse(struct sr_bytes der, struct pkcs8 *out)
{
	struct sr_bytes body, contents;
	uint64_t version;

	if (!der_get_last(&der, DER_SEQUENCE, &body) || !der_number(&body, &version) || version > 1 ||
	    !der_algorithm(&body, &out->oid, &out->params) || !der_get(&body, DER_OCTETS, &out->key))
		return false;
	if (der_is(body, DER_CONTEXT_0) && !der_skip(&body))
		return false;           /* attributes, which we have no use for */
	if (der_is(body, DER_CONTEXT_1P) &&
	    (!der_get(&body, DER_CONTEXT_1P, &contents) || !der_bits_contents(contents, &out->public)))
		return false;
	return body.n == 0;
}

static SR_RESULT pkcs8_ec_read(struct backend *backend, struct pkcs8 *p8, enum key_kind *kind, EVP_PKEY **out,
	const char **detail)
{
	struct sr_bytes curve;

	if (der_is(p8->params, DER_SEQUENCE)) {
		*detail = "EC keys with explicit curve parameters are not supported; name the curve";
		return SR_UNSUPPORTED;
	}
	if (!der_get(&p8->params, DER_OID, &curve))
		return SR_BAD_PARAMETER;
	return private_ec_read(backend, p8->key, curve, kind, out, detail);
}

static SR_RESULT pkcs8_read(struct backend *backend, struct sr_bytes der, enum key_kind *kind, EVP_PKEY **out,
	const char **detail)
{
	struct pkcs8 p8 = { 0 };
	struct sr_bytes raw;
	const struct type *type;

	*detail = "not a well formed PKCS#8 private key";
	if (!pkcs8_parse(der, &p8))
		return SR_BAD_PARAMETER;
	type = type_find(p8.oid);
	if (type == NULL) {
		*detail = "keys of this type are not supported; RSA, EC, Ed25519 and Ed448 are";
		return SR_UNSUPPORTED;
	}
	switch (type->read) {
	case TYPE_RSA:
		if (p8.params.n > 0 && !(der_is(p8.params, DER_NULL) && p8.params.n == 2))
			return SR_BAD_PARAMETER;
		return private_rsa_read(backend, p8.key, kind, out, detail);
	case TYPE_EC:
		return pkcs8_ec_read(backend, &p8, kind, out, detail);
	case TYPE_OKP:
		if (p8.params.n > 0 || !der_get_last(&p8.key, DER_OCTETS, &raw))
			return SR_BAD_PARAMETER;
		SR_TRY(private_okp_read(backend, type->kind, raw, p8.public, out, detail));
		*kind = type->kind;
		return SR_OK;
	case TYPE_REFERENCE:
		*detail = type->detail;
		return SR_BAD_PARAMETER;
	case TYPE_OTHER:
	default:
		*detail = type->detail;
		return SR_UNSUPPORTED;
	}
}

SR_RESULT private_key_read(struct backend *backend, enum private_form form, struct sr_bytes der,
	enum key_kind *kind, EVP_PKEY **out, const char **detail)
{
	switch (form) {
	case PRIVATE_RSA:
		return private_rsa_read(backend, der, kind, out, detail);
	case PRIVATE_EC:
		return private_ec_read(backend, der, (struct sr_bytes){ NULL, 0 }, kind, out, detail);
	case PRIVATE_PKCS8:
	default:
		return pkcs8_read(backend, der, kind, out, detail);
	}
}

SR_RESULT private_okp_read(struct backend *backend, enum key_kind kind, struct sr_bytes private, struct sr_bytes public,
	EVP_PKEY **out, const char **detail)
{
	SR_AUTO(ossl_param_bld_st) bld = OSSL_PARAM_BLD_new();
	SR_AUTO(evp_pkey_st) pkey = NULL;
	uint8_t computed[57];
	size_t n = sizeof(computed);

	*detail = "the private key has the wrong length for its type";
	if (private.n != (kind == KEY_ed25519 ? 32 : 57))
		return SR_BAD_PARAMETER;
	if (bld == NULL || !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PRIV_KEY, private.p, private.n))
		return SR_CRYPTO;
	SR_TRY(private_key_build(backend, kind, bld, &pkey));
	if (!EVP_PKEY_get_raw_public_key(pkey, computed, &n))
		return SR_CRYPTO;
	*detail = "the public key in the file does not belong to its private key";
	if (public.n > 0 && (public.n != n || memcmp(public.p, computed, n) != 0))
		return SR_BAD_PARAMETER;
	*out = SR_TAKE(pkey);
	return SR_OK;
}

SR_RESULT private_key_build(struct backend *backend, enum key_kind kind, OSSL_PARAM_BLD *bld, EVP_PKEY **out)
{
	SR_AUTO(ossl_param_st) params = OSSL_PARAM_BLD_to_param(bld);
	SR_AUTO(evp_pkey_ctx_st) ctx = EVP_PKEY_CTX_new_from_name(backend->libctx, key_kinds[kind].type, NULL);
	EVP_PKEY *pkey = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) <= 0)
		return SR_CRYPTO;
	*out = pkey;
	return SR_OK;
}

SR_RESULT private_key_check(struct backend *backend, EVP_PKEY *pkey, const char **detail)
{
	SR_AUTO(evp_pkey_ctx_st) ctx = EVP_PKEY_CTX_new_from_pkey(backend->libctx, pkey, NULL);

	if (ctx == NULL)
		return SR_CRYPTO;
	if (EVP_PKEY_check(ctx) > 0)
		return SR_OK;
	*detail = "the parts of the key do not belong together";
	return SR_BAD_PARAMETER;
}

static SR_RESULT encode(EVP_PKEY *pkey, int selection, const char *structure, struct arena *arena, struct sr_secret *out)
{
	SR_AUTO(ossl_encoder_ctx_st) ctx = OSSL_ENCODER_CTX_new_for_pkey(pkey, selection, "DER", structure, NULL);
	unsigned char *der = NULL;
	size_t n = 0;

	if (ctx == NULL || !OSSL_ENCODER_to_data(ctx, &der, &n))
		return SR_CRYPTO;
	out->p = arena_get(arena, n);
	if (out->p != NULL)
		memcpy(out->p, der, n);
	out->n = n;
	OPENSSL_clear_free(der, n);
	return out->p != NULL ? SR_OK : SR_NOMEM;
}

SR_RESULT private_key_encode(EVP_PKEY *pkey, enum key_kind kind, struct arena *arena, struct key_material *out)
{
	struct sr_secret private, public;

	SR_TRY(encode(pkey, EVP_PKEY_KEYPAIR, "PrivateKeyInfo", arena, &private));
	SR_TRY(encode(pkey, EVP_PKEY_PUBLIC_KEY, "SubjectPublicKeyInfo", arena, &public));
	out->kind = kind;
	out->private_key = private;
	out->spki = (struct sr_bytes){ public.p, public.n };
	return SR_OK;
}
