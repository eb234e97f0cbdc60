/* SPDX-License-Identifier: Apache-2.0 */
/* EdDSA signatures: of a whole message, which goes to strongroomd as it is. */
#include <stdlib.h>
#include <string.h>

#include "provider/algorithms.h"
#include "provider/signature.h"

/* Named in OpenSSL's headers since 3.2 only. */
#define PARAM_INSTANCE       "instance"
#define PARAM_CONTEXT_STRING "context-string"

struct eddsa {
	struct provider *provider;      /* borrowed */
	enum key_type type;
	struct key *key;
};

static OSSL_FUNC_signature_newctx_fn ed25519_newctx, ed448_newctx;
static OSSL_FUNC_signature_freectx_fn eddsa_freectx;
static OSSL_FUNC_signature_dupctx_fn eddsa_dupctx;
static OSSL_FUNC_signature_digest_sign_init_fn eddsa_digest_sign_init;
static OSSL_FUNC_signature_digest_sign_fn eddsa_digest_sign;
static OSSL_FUNC_signature_digest_verify_init_fn eddsa_digest_verify_init;
static OSSL_FUNC_signature_digest_verify_fn eddsa_digest_verify;
static OSSL_FUNC_signature_get_ctx_params_fn eddsa_get_ctx_params;
static OSSL_FUNC_signature_gettable_ctx_params_fn eddsa_gettable_ctx_params;
static OSSL_FUNC_signature_set_ctx_params_fn eddsa_set_ctx_params;
static OSSL_FUNC_signature_settable_ctx_params_fn eddsa_settable_ctx_params;

static struct eddsa *eddsa_new(struct provider *provider, enum key_type type)
{
	struct eddsa *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->provider = provider;
	e->type = type;
	return e;
}

static void *ed25519_newctx(void *provctx, __attribute__((unused)) const char *propq)
{
	return eddsa_new(provctx, KEY_ed25519);
}

static void *ed448_newctx(void *provctx, __attribute__((unused)) const char *propq)
{
	return eddsa_new(provctx, KEY_ed448);
}

static void eddsa_freectx(void *ctx)
{
	struct eddsa *e = ctx;

	if (e == NULL)
		return;
	key_unref(e->key);
	free(e);
}

static void *eddsa_dupctx(void *ctx)
{
	struct eddsa *from = ctx, *e = eddsa_new(from->provider, from->type);

	if (e != NULL && from->key != NULL)
		e->key = key_ref(from->key);
	return e;
}

static int init(struct eddsa *e, const char *mdname, struct key *key, const OSSL_PARAM params[], bool to_sign)
{
	if (mdname != NULL && mdname[0] != '\0')
		return RAISE(e->provider, SR_BAD_PARAMETER, "%s signs a message, not its %s digest", key_type_name(e->type), mdname);
	if (!signature_check_key(e->provider, key != NULL ? key : e->key, e->type, to_sign))
		return 0;
	if (key != NULL) {
		key_ref(key);
		key_unref(e->key);
		e->key = key;
	}
	return eddsa_set_ctx_params(e, params);
}

static int eddsa_digest_sign_init(void *ctx, const char *mdname, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, mdname, provkey, params, /* to_sign= */ true);
}

static int eddsa_digest_verify_init(void *ctx, const char *mdname, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, mdname, provkey, params, /* to_sign= */ false);
}

static int eddsa_digest_sign(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize, const unsigned char *tbs,
	size_t tbslen)
{
	struct eddsa *e = ctx;
	struct sr_key_sign_req q = { .alg = SR_STR("EdDSA") };
	int result;

	if (signature_room(e->key, sig, siglen, sigsize, &result))
		return result;
	SR_SET(key_sign_req, &q, message, ((struct sr_bytes){ tbs, tbslen }));
	return signature_send(e->key, &q, sig, siglen, sigsize);
}

static int eddsa_digest_verify(void *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs,
	size_t tbslen)
{
	struct eddsa *e = ctx;
	EVP_MD_CTX *software = EVP_MD_CTX_new();
	int ok = software != NULL
		&& EVP_DigestVerifyInit_ex(software, NULL, /* mdname= */ NULL, e->provider->libctx, /* props= */ NULL,
			e->key->public, /* params= */ NULL) == 1
		&& EVP_DigestVerify(software, sig, siglen, tbs, tbslen) == 1;

	EVP_MD_CTX_free(software);
	return ok;
}

static int eddsa_get_ctx_params(void *ctx, OSSL_PARAM params[])
{
	struct eddsa *e = ctx;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	unsigned char *der = NULL;
	size_t length;
	int ok;

	if (p == NULL)
		return 1;
	length = algorithm_id(key_type_name(e->type), /* md= */ NULL, &der);
	ok = length != 0 && OSSL_PARAM_set_octet_string(p, der, length);
	OPENSSL_free(der);
	return ok;
}

static const OSSL_PARAM *eddsa_gettable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_END
	};

	return gettable;
}

/* Nothing can be set but what is so anyway: a program that asks for Ed25519ph or a
 * context must not get a plain signature. */
static int eddsa_set_ctx_params(void *ctx, const OSSL_PARAM params[])
{
	struct eddsa *e = ctx;
	const OSSL_PARAM *p;
	const char *instance;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, PARAM_INSTANCE);
	if (p != NULL && (!OSSL_PARAM_get_utf8_string_ptr(p, &instance)
		|| OPENSSL_strcasecmp(instance, key_type_name(e->type)) != 0))
		return RAISE(e->provider, SR_UNSUPPORTED, "only plain %s signatures are made", key_type_name(e->type));
	p = OSSL_PARAM_locate_const(params, PARAM_CONTEXT_STRING);
	if (p != NULL && p->data_size != 0)
		return RAISE(e->provider, SR_UNSUPPORTED, "%s signatures with a context are not made", key_type_name(e->type));
	return 1;
}

static const OSSL_PARAM *eddsa_settable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(PARAM_INSTANCE, NULL, 0),
		OSSL_PARAM_octet_string(PARAM_CONTEXT_STRING, NULL, 0),
		OSSL_PARAM_END
	};

	return settable;
}

#define EDDSA_FUNCTIONS(id) \
	const OSSL_DISPATCH signature_##id##_functions[] = { \
		{ OSSL_FUNC_SIGNATURE_NEWCTX,              (void (*)(void))id##_newctx }, \
		{ OSSL_FUNC_SIGNATURE_FREECTX,             (void (*)(void))eddsa_freectx }, \
		{ OSSL_FUNC_SIGNATURE_DUPCTX,              (void (*)(void))eddsa_dupctx }, \
		{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,    (void (*)(void))eddsa_digest_sign_init }, \
		{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN,         (void (*)(void))eddsa_digest_sign }, \
		{ OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,  (void (*)(void))eddsa_digest_verify_init }, \
		{ OSSL_FUNC_SIGNATURE_DIGEST_VERIFY,       (void (*)(void))eddsa_digest_verify }, \
		{ OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS,      (void (*)(void))eddsa_get_ctx_params }, \
		{ OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, (void (*)(void))eddsa_gettable_ctx_params }, \
		{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS,      (void (*)(void))eddsa_set_ctx_params }, \
		{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (void (*)(void))eddsa_settable_ctx_params }, \
		{ 0, NULL } \
	}
EDDSA_FUNCTIONS(ed25519);
EDDSA_FUNCTIONS(ed448);
