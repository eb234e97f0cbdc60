/* SPDX-License-Identifier: Apache-2.0 */
/* Signing and verifying a digest: what RSA and ECDSA have in common. */
#include "provider/signature.h"

#include <stdlib.h>
#include <string.h>

/* ---- what EdDSA uses as well ---- */

int signature_check_key(struct provider *provider, const struct key *key, enum key_type type, bool to_sign)
{
	if (key == NULL)
		return RAISE(provider, SR_BAD_PARAMETER, "no key was given");
	if (key->type != type || !key_has_public(key))
		return RAISE(provider, SR_BAD_PARAMETER, "this is not a key of type %s", key_type_name(type));
	if (to_sign && !key_is_private(key))
		return RAISE(provider, SR_UNSUPPORTED, "this is a public key; strongroomd does not hold its private half");
	return 1;
}

bool signature_room(const struct key *key, const unsigned char *sig, size_t *siglen, size_t sigsize, int *result)
{
	size_t max = (size_t)EVP_PKEY_get_size(key->public);

	if (sig != NULL && sigsize >= max)
		return false;
	if (sig == NULL) {
		*siglen = max;
		*result = 1;
	} else {
		*result = RAISE(key->provider, SR_BAD_PARAMETER, "there is room for a signature of %zu bytes, not of %zu",
			sigsize, max);
	}
	return true;
}

int signature_send(struct key *key, struct sr_key_sign_req *q, unsigned char *sig, size_t *siglen, size_t sigsize)
{
	struct provider *provider = key->provider;
	struct sr_call *call = provider_call_begin(provider);
	struct sr_key_sign_rep r;
	enum sr_err err;
	int ok = 0;

	if (call == NULL)
		return 0;
	q->key = (struct sr_str){ key->uri, strlen(key->uri) };
	err = sr_key_sign(provider->client, call, q, &r);
	if (err != SR_OK) {
		provider_call_raise(provider, call, err);
	} else if (r.signature.n == 0 || r.signature.n > sigsize) {
		RAISE(provider, SR_BAD_MESSAGE, "strongroomd sent a signature of %zu bytes by %s", r.signature.n, key->uri);
	} else {
		memcpy(sig, r.signature.p, r.signature.n);
		*siglen = r.signature.n;
		ok = 1;
	}
	provider_call_end(provider, call);
	return ok;
}

/* ---- contexts ---- */

struct signature *signature_new(struct provider *provider, const struct signature_kind *kind)
{
	struct signature *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->provider = provider;
	s->kind = kind;
	return s;
}

void signature_freectx(void *ctx)
{
	struct signature *s = ctx;

	if (s == NULL)
		return;
	key_unref(s->key);
	EVP_MD_free(s->md);
	EVP_MD_free(s->mgf1);
	EVP_MD_CTX_free(s->hash);
	free(s);
}

static bool share_digest(EVP_MD *md)
{
	return md == NULL || EVP_MD_up_ref(md) == 1;
}

void *signature_dupctx(void *ctx)
{
	struct signature *from = ctx;
	struct signature *s = signature_new(from->provider, from->kind);

	if (s == NULL)
		return NULL;
	s->hashing = from->hashing;
	s->hash_spent = from->hash_spent;
	s->padding = from->padding;
	s->salt_len = from->salt_len;
	if (from->key != NULL)
		s->key = key_ref(from->key);
	if (!share_digest(from->md))
		goto fail;
	s->md = from->md;
	if (!share_digest(from->mgf1))
		goto fail;
	s->mgf1 = from->mgf1;
	if (from->hash != NULL) {
		s->hash = EVP_MD_CTX_new();
		if (s->hash == NULL || !EVP_MD_CTX_copy_ex(s->hash, from->hash))
			goto fail;
	}
	return s;
fail:
	signature_freectx(s);
	return NULL;
}

int signature_set_digest(struct signature *s, const char *name)
{
	EVP_MD *md;

	/* in a digest-and-sign, the digest is under way already */
	if (s->hashing && s->md != NULL)
		return EVP_MD_is_a(s->md, name)
			|| RAISE(s->provider, SR_BAD_PARAMETER, "the digest is settled already and is not %s", name);
	md = provider_digest(s->provider, name);
	if (md == NULL)
		return 0;
	EVP_MD_free(s->md);
	s->md = md;
	return 1;
}

static int init(struct signature *s, struct key *key, const OSSL_PARAM params[], bool to_sign)
{
	if (!signature_check_key(s->provider, key != NULL ? key : s->key, s->kind->key_type, to_sign))
		return 0;
	if (key != NULL) {
		key_ref(key);
		key_unref(s->key);
		s->key = key;
	}
	EVP_MD_free(s->md);
	EVP_MD_free(s->mgf1);
	s->md = s->mgf1 = NULL;
	s->hashing = false;
	return s->kind->set_params(s, /* params= */ NULL) && signature_set_ctx_params(s, params);
}

int signature_sign_init(void *ctx, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, provkey, params, /* to_sign= */ true);
}

int signature_verify_init(void *ctx, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, provkey, params, /* to_sign= */ false);
}

int signature_verify_recover_init(void *ctx, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, provkey, params, /* to_sign= */ false);
}

/* ---- one digest, or what the caller says is one ---- */

int signature_sign(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize, const unsigned char *tbs,
	size_t tbslen)
{
	struct signature *s = ctx;
	struct sr_key_sign_req q = { 0 };
	uint8_t scratch[SIGNATURE_SCRATCH];
	int result;

	if (signature_room(s->key, sig, siglen, sigsize, &result))
		return result;
	if (s->md != NULL && tbslen != (size_t)EVP_MD_get_size(s->md))
		return RAISE(s->provider, SR_BAD_PARAMETER, "a %s digest has %d bytes, not %zu", EVP_MD_get0_name(s->md),
			EVP_MD_get_size(s->md), tbslen);
	if (!s->kind->request(s, (struct sr_bytes){ tbs, tbslen }, scratch, &q))
		return 0;
	return signature_send(s->key, &q, sig, siglen, sigsize);
}

static EVP_PKEY_CTX *public_context(struct signature *s)
{
	return EVP_PKEY_CTX_new_from_pkey(s->provider->libctx, s->key->public, /* propquery= */ NULL);
}

int signature_verify(void *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs, size_t tbslen)
{
	struct signature *s = ctx;
	EVP_PKEY_CTX *software = public_context(s);
	int ok = software != NULL && EVP_PKEY_verify_init(software) == 1 && s->kind->verify_setup(s, software)
		&& EVP_PKEY_verify(software, sig, siglen, tbs, tbslen) == 1;

	EVP_PKEY_CTX_free(software);
	return ok;
}

int signature_verify_recover(void *ctx, unsigned char *rout, size_t *routlen, size_t routsize,
	const unsigned char *sig, size_t siglen)
{
	struct signature *s = ctx;
	EVP_PKEY_CTX *software = public_context(s);
	size_t length = routsize;
	int ok = software != NULL && EVP_PKEY_verify_recover_init(software) == 1 && s->kind->verify_setup(s, software)
		&& EVP_PKEY_verify_recover(software, rout, &length, sig, siglen) == 1;

	if (ok)
		*routlen = length;
	EVP_PKEY_CTX_free(software);
	return ok;
}

/* ---- a digest of what comes ---- */

static int begin_hash(struct signature *s)
{
	if (s->hash == NULL)
		s->hash = EVP_MD_CTX_new();
	s->hash_spent = false;
	return s->hash != NULL && EVP_DigestInit_ex2(s->hash, s->md, /* params= */ NULL);
}

static int digest_init(struct signature *s, const char *mdname, struct key *key, const OSSL_PARAM params[],
	bool to_sign)
{
	if (!init(s, key, /* params= */ NULL, to_sign)
		|| !signature_set_digest(s, mdname != NULL && mdname[0] != '\0' ? mdname : s->kind->default_digest))
		return 0;
	s->hashing = true;
	return begin_hash(s) && signature_set_ctx_params(s, params);
}

int signature_digest_sign_init(void *ctx, const char *mdname, void *provkey, const OSSL_PARAM params[])
{
	return digest_init(ctx, mdname, provkey, params, /* to_sign= */ true);
}

int signature_digest_verify_init(void *ctx, const char *mdname, void *provkey, const OSSL_PARAM params[])
{
	return digest_init(ctx, mdname, provkey, params, /* to_sign= */ false);
}

int signature_digest_update(void *ctx, const unsigned char *data, size_t datalen)
{
	struct signature *s = ctx;

	if (!s->hashing || (s->hash_spent && !begin_hash(s)))
		return 0;
	return EVP_DigestUpdate(s->hash, data, datalen);
}

static int end_hash(struct signature *s, unsigned char digest[EVP_MAX_MD_SIZE], unsigned *digest_len)
{
	if (!s->hashing || (s->hash_spent && !begin_hash(s)))
		return 0;
	s->hash_spent = true;
	return EVP_DigestFinal_ex(s->hash, digest, digest_len);
}

int signature_digest_sign_final(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize)
{
	struct signature *s = ctx;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	int result;

	if (signature_room(s->key, sig, siglen, sigsize, &result))
		return result;
	return end_hash(s, digest, &digest_len) && signature_sign(s, sig, siglen, sigsize, digest, digest_len);
}

int signature_digest_sign(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize, const unsigned char *tbs,
	size_t tbslen)
{
	if (sig != NULL && !signature_digest_update(ctx, tbs, tbslen))
		return 0;
	return signature_digest_sign_final(ctx, sig, siglen, sigsize);
}

int signature_digest_verify_final(void *ctx, const unsigned char *sig, size_t siglen)
{
	struct signature *s = ctx;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;

	return end_hash(s, digest, &digest_len) && signature_verify(s, sig, siglen, digest, digest_len);
}

int signature_digest_verify(void *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs,
	size_t tbslen)
{
	return signature_digest_update(ctx, tbs, tbslen) && signature_digest_verify_final(ctx, sig, siglen);
}

/* ---- parameters ---- */

int signature_set_ctx_params(void *ctx, const OSSL_PARAM params[])
{
	struct signature *s = ctx;
	const OSSL_PARAM *p;
	const char *name;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && (!OSSL_PARAM_get_utf8_string_ptr(p, &name) || !signature_set_digest(s, name)))
		return 0;
	return s->kind->set_params(s, params);
}

static int get_algorithm_id(struct signature *s, OSSL_PARAM *p)
{
	unsigned char *der = NULL;
	size_t length = s->md != NULL ? s->kind->algorithm_id(s, &der) : 0;
	int ok;

	if (length == 0)
		return RAISE(s->provider, SR_UNSUPPORTED, "there is no algorithm identifier for such a signature");
	ok = OSSL_PARAM_set_octet_string(p, der, length);
	OPENSSL_free(der);
	return ok;
}

int signature_get_ctx_params(void *ctx, OSSL_PARAM params[])
{
	struct signature *s = ctx;
	OSSL_PARAM *p;

	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	if (p != NULL && !get_algorithm_id(s, p))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, s->md != NULL ? EVP_MD_get0_name(s->md) : ""))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST_SIZE);
	if (p != NULL && !OSSL_PARAM_set_size_t(p, s->md != NULL ? (size_t)EVP_MD_get_size(s->md) : 0))
		return 0;
	return s->kind->get_params(s, params);
}
