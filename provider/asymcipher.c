/* SPDX-License-Identifier: Apache-2.0 */
/* RSA encryption (provider-asym_cipher(7)): done here, with the public half.
 * Decryption: done by strongroomd, padding and all, so that this process cannot
 * become an oracle for it; a wrong PKCS#1 v1.5 padding looks like a right one. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "provider/algorithms.h"
#include "provider/asymcipher.h"
#include "provider/key.h"
#include "provider/rsa_params.h"

#define PREMASTER_LEN 48        /* of TLS 1.2 and older, RFC 5246, section 8.1.1 */
#define LABEL_MAX     512       /* bytes (messages.def) */

/* Named in OpenSSL's headers since 3.2 only. */
#define PARAM_IMPLICIT_REJECTION "implicit-rejection"

struct asymcipher {
	struct provider *provider;      /* borrowed */
	struct key *key;
	int padding;                    /* RSA_*_PADDING */
	EVP_MD *oaep;                   /* NULL: SHA-1, RFC 8017's default */
	EVP_MD *mgf1;                   /* NULL: the same as oaep */
	uint8_t label[LABEL_MAX];
	size_t label_len;
	unsigned tls_offered, tls_negotiated;
};

static OSSL_FUNC_asym_cipher_newctx_fn asymcipher_newctx;
static OSSL_FUNC_asym_cipher_freectx_fn asymcipher_freectx;
static OSSL_FUNC_asym_cipher_dupctx_fn asymcipher_dupctx;
static OSSL_FUNC_asym_cipher_encrypt_init_fn asymcipher_encrypt_init;
static OSSL_FUNC_asym_cipher_encrypt_fn asymcipher_encrypt;
static OSSL_FUNC_asym_cipher_decrypt_init_fn asymcipher_decrypt_init;
static OSSL_FUNC_asym_cipher_decrypt_fn asymcipher_decrypt;
static OSSL_FUNC_asym_cipher_get_ctx_params_fn asymcipher_get_ctx_params;
static OSSL_FUNC_asym_cipher_gettable_ctx_params_fn asymcipher_gettable_ctx_params;
static OSSL_FUNC_asym_cipher_set_ctx_params_fn asymcipher_set_ctx_params;
static OSSL_FUNC_asym_cipher_settable_ctx_params_fn asymcipher_settable_ctx_params;

static void *asymcipher_newctx(void *provctx)
{
	struct asymcipher *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->provider = provctx;
	a->padding = RSA_PKCS1_PADDING;
	return a;
}

static void asymcipher_freectx(void *ctx)
{
	struct asymcipher *a = ctx;

	if (a == NULL)
		return;
	key_unref(a->key);
	EVP_MD_free(a->oaep);
	EVP_MD_free(a->mgf1);
	free(a);
}

static void *asymcipher_dupctx(void *ctx)
{
	struct asymcipher *from = ctx, *a = malloc(sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = *from;
	if (a->key != NULL)
		key_ref(a->key);
	if (a->oaep != NULL && !EVP_MD_up_ref(a->oaep))
		a->oaep = NULL;
	if (a->mgf1 != NULL && !EVP_MD_up_ref(a->mgf1))
		a->mgf1 = NULL;
	if (a->oaep == from->oaep && a->mgf1 == from->mgf1)
		return a;
	asymcipher_freectx(a);
	return NULL;
}

static int init(struct asymcipher *a, struct key *key, const OSSL_PARAM params[], bool to_decrypt)
{
	if (key == NULL || !key_has_public(key))
		return RAISE(a->provider, SR_BAD_PARAMETER, "no RSA key was given");
	if (to_decrypt && !key_is_private(key))
		return RAISE(a->provider, SR_UNSUPPORTED, "this is a public key; strongroomd does not hold its private half");
	key_ref(key);
	key_unref(a->key);
	a->key = key;
	a->padding = RSA_PKCS1_PADDING;
	return asymcipher_set_ctx_params(a, params);
}

static int asymcipher_encrypt_init(void *ctx, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, provkey, params, /* to_decrypt= */ false);
}

static int asymcipher_decrypt_init(void *ctx, void *provkey, const OSSL_PARAM params[])
{
	return init(ctx, provkey, params, /* to_decrypt= */ true);
}

/* ---- encryption ---- */

static int give_label(EVP_PKEY_CTX *software, const struct asymcipher *a)
{
	void *label;

	if (a->label_len == 0)
		return 1;
	label = OPENSSL_memdup(a->label, a->label_len);
	if (label == NULL)
		return 0;
	if (EVP_PKEY_CTX_set0_rsa_oaep_label(software, label, (int)a->label_len) == 1)
		return 1;       /* label is now its own */
	OPENSSL_free(label);
	return 0;
}

static int encrypt_setup(EVP_PKEY_CTX *software, const struct asymcipher *a)
{
	if (EVP_PKEY_encrypt_init(software) != 1 || EVP_PKEY_CTX_set_rsa_padding(software, a->padding) != 1)
		return 0;
	if (a->padding != RSA_PKCS1_OAEP_PADDING)
		return 1;
	return (a->oaep == NULL || EVP_PKEY_CTX_set_rsa_oaep_md(software, a->oaep) == 1)
		&& (a->mgf1 == NULL || EVP_PKEY_CTX_set_rsa_mgf1_md(software, a->mgf1) == 1)
		&& give_label(software, a);
}

static int asymcipher_encrypt(void *ctx, unsigned char *out, size_t *outlen, size_t outsize, const unsigned char *in,
	size_t inlen)
{
	struct asymcipher *a = ctx;
	EVP_PKEY_CTX *software = EVP_PKEY_CTX_new_from_pkey(a->provider->libctx, a->key->public, /* propquery= */ NULL);
	size_t length = outsize;
	int ok = software != NULL && encrypt_setup(software, a)
		&& EVP_PKEY_encrypt(software, out, &length, in, inlen) == 1;

	if (ok)
		*outlen = length;
	EVP_PKEY_CTX_free(software);
	return ok;
}

/* ---- decryption ---- */

static int request_oaep(struct asymcipher *a, struct sr_key_decrypt_req *q)
{
	EVP_MD *sha1 = NULL;
	const EVP_MD *oaep = a->oaep, *mgf1;

	if (oaep == NULL)
		oaep = sha1 = provider_digest(a->provider, "SHA1");
	if (oaep == NULL)
		return 0;
	mgf1 = a->mgf1 != NULL ? a->mgf1 : oaep;
	q->alg = algorithm_oaep(oaep);
	SR_SET(key_decrypt_req, q, mgf, algorithm_hash(mgf1));
	EVP_MD_free(sha1);
	if (q->alg.n == 0 || q->mgf.n == 0)
		return RAISE(a->provider, SR_UNSUPPORTED, "OAEP is supported with SHA-1 and SHA-2 of 224 to 512 bits only");
	if (a->label_len > 0)
		SR_SET(key_decrypt_req, q, label, ((struct sr_bytes){ a->label, a->label_len }));
	return 1;
}

static int request(struct asymcipher *a, struct sr_bytes ciphertext, struct sr_key_decrypt_req *q)
{
	q->key = (struct sr_str){ a->key->uri, strlen(a->key->uri) };
	q->ciphertext = ciphertext;
	switch (a->padding) {
	case RSA_PKCS1_OAEP_PADDING:
		return request_oaep(a, q);
	case RSA_PKCS1_WITH_TLS_PADDING:
		if (a->tls_offered == 0)
			return RAISE(a->provider, SR_BAD_PARAMETER, "the TLS version that the client offered was not given");
		SR_SET(key_decrypt_req, q, length, PREMASTER_LEN);
		break;
	default:
		break;
	}
	q->alg = SR_STR("RSA1_5");
	return 1;
}

/* All ones if a == b, else 0, in constant time; both below 2^31. */
static unsigned mask_equal(unsigned a, unsigned b)
{
	unsigned difference = a ^ b;

	return 0U - (1U & ((difference - 1) >> (sizeof(unsigned) * 8 - 1)));
}

/* RFC 5246, 7.4.7.1: a premaster secret of the wrong version is replaced by a random
 * one, and nothing may tell which happened.  OpenSSL lets a server take the negotiated
 * version as well, for the sake of broken clients (SSL_OP_TLS_ROLLBACK_BUG). */
static int take_premaster(struct asymcipher *a, const struct sr_secret *plaintext, unsigned char *out)
{
	unsigned char random[PREMASTER_LEN];
	unsigned right, version;

	if (plaintext->n != PREMASTER_LEN)
		return RAISE(a->provider, SR_BAD_MESSAGE, "strongroomd sent a premaster secret of %zu bytes", plaintext->n);
	if (RAND_priv_bytes_ex(a->provider->libctx, random, sizeof(random), /* strength= */ 0) != 1)
		return 0;
	version = (unsigned)plaintext->p[0] << 8 | plaintext->p[1];
	right = mask_equal(version, a->tls_offered);
	if (a->tls_negotiated != 0)
		right |= mask_equal(version, a->tls_negotiated);
	for (size_t i = 0; i < PREMASTER_LEN; i++)
		out[i] = (unsigned char)((plaintext->p[i] & right) | (random[i] & ~right));
	OPENSSL_cleanse(random, sizeof(random));
	return 1;
}

static int take_plaintext(struct asymcipher *a, const struct sr_secret *plaintext, unsigned char *out, size_t *outlen,
	size_t outsize)
{
	if (plaintext->n > outsize)
		return RAISE(a->provider, SR_BAD_MESSAGE, "strongroomd sent a plaintext of %zu bytes", plaintext->n);
	if (a->padding == RSA_PKCS1_WITH_TLS_PADDING && !take_premaster(a, plaintext, out))
		return 0;
	if (a->padding != RSA_PKCS1_WITH_TLS_PADDING && plaintext->n > 0)
		memcpy(out, plaintext->p, plaintext->n);
	*outlen = plaintext->n;
	return 1;
}

static int asymcipher_decrypt(void *ctx, unsigned char *out, size_t *outlen, size_t outsize, const unsigned char *in,
	size_t inlen)
{
	struct asymcipher *a = ctx;
	struct sr_key_decrypt_req q = { 0 };
	struct sr_key_decrypt_rep r;
	size_t max = a->padding == RSA_PKCS1_WITH_TLS_PADDING ? PREMASTER_LEN : (size_t)EVP_PKEY_get_size(a->key->public);
	struct sr_call *call;
	enum sr_err err;
	int ok = 0;

	if (out == NULL) {
		*outlen = max;
		return 1;
	}
	if (outsize < max)
		return RAISE(a->provider, SR_BAD_PARAMETER, "there is room for a plaintext of %zu bytes, not of %zu", outsize, max);
	if (!request(a, (struct sr_bytes){ in, inlen }, &q))
		return 0;
	call = provider_call_begin(a->provider);
	if (call == NULL)
		return 0;
	err = sr_key_decrypt(a->provider->client, call, &q, &r);
	if (err == SR_OK)
		ok = take_plaintext(a, &r.plaintext, out, outlen, outsize);
	else
		provider_call_raise(a->provider, call, err);
	provider_call_wipe(call);
	return ok;
}

/* ---- parameters ---- */

static int set_digest(struct asymcipher *a, const OSSL_PARAM *p, EVP_MD **md)
{
	const char *name;
	EVP_MD *found;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &name))
		return 0;
	found = provider_digest(a->provider, name);
	if (found == NULL)
		return 0;
	EVP_MD_free(*md);
	*md = found;
	return 1;
}

static int set_padding(struct asymcipher *a, const OSSL_PARAM *p)
{
	int padding;

	if (!rsa_padding_get(p, &padding) || (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_OAEP_PADDING
		&& padding != RSA_PKCS1_WITH_TLS_PADDING))
		return RAISE(a->provider, SR_UNSUPPORTED, "RSA decrypts with PKCS#1 v1.5 and OAEP padding only");
	a->padding = padding;
	return 1;
}

static int set_label(struct asymcipher *a, const OSSL_PARAM *p)
{
	void *to = a->label;

	if (p->data_size > LABEL_MAX)
		return RAISE(a->provider, SR_TOO_LARGE, "an OAEP label has at most %d bytes", LABEL_MAX);
	a->label_len = 0;
	return p->data_size == 0 || OSSL_PARAM_get_octet_string(p, &to, LABEL_MAX, &a->label_len);
}

static int asymcipher_set_ctx_params(void *ctx, const OSSL_PARAM params[])
{
	struct asymcipher *a = ctx;
	const OSSL_PARAM *p;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	if (p != NULL && !set_padding(a, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
	if (p != NULL && !set_digest(a, p, &a->oaep))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
	if (p != NULL && !set_digest(a, p, &a->mgf1))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
	if (p != NULL && !set_label(a, p))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION);
	if (p != NULL && !OSSL_PARAM_get_uint(p, &a->tls_offered))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION);
	return p == NULL || OSSL_PARAM_get_uint(p, &a->tls_negotiated);
}

static const char *digest_name(const EVP_MD *md, const EVP_MD *otherwise)
{
	if (md == NULL)
		md = otherwise;
	return md != NULL ? EVP_MD_get0_name(md) : "SHA1";
}

static int asymcipher_get_ctx_params(void *ctx, OSSL_PARAM params[])
{
	struct asymcipher *a = ctx;
	OSSL_PARAM *p;

	p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	if (p != NULL && !rsa_padding_set(p, a->padding))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, digest_name(a->oaep, NULL)))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, digest_name(a->mgf1, a->oaep)))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
	if (p != NULL && !OSSL_PARAM_set_octet_ptr(p, a->label, a->label_len))
		return 0;
	p = OSSL_PARAM_locate(params, PARAM_IMPLICIT_REJECTION);
	return p == NULL || OSSL_PARAM_set_uint(p, 1);
}

static const OSSL_PARAM *asymcipher_gettable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_octet_ptr(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_uint(PARAM_IMPLICIT_REJECTION, NULL),
		OSSL_PARAM_END
	};

	return gettable;
}

/* Implicit rejection may be asked for or (CMS, which has its own) waived: strongroomd
 * does it always. */
static const OSSL_PARAM *asymcipher_settable_ctx_params(__attribute__((unused)) void *ctx,
	__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, NULL),
		OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, NULL),
		OSSL_PARAM_uint(PARAM_IMPLICIT_REJECTION, NULL),
		OSSL_PARAM_END
	};

	return settable;
}

const OSSL_DISPATCH asymcipher_rsa_functions[] = {
	{ OSSL_FUNC_ASYM_CIPHER_NEWCTX,              (void (*)(void))asymcipher_newctx },
	{ OSSL_FUNC_ASYM_CIPHER_FREECTX,             (void (*)(void))asymcipher_freectx },
	{ OSSL_FUNC_ASYM_CIPHER_DUPCTX,              (void (*)(void))asymcipher_dupctx },
	{ OSSL_FUNC_ASYM_CIPHER_ENCRYPT_INIT,        (void (*)(void))asymcipher_encrypt_init },
	{ OSSL_FUNC_ASYM_CIPHER_ENCRYPT,             (void (*)(void))asymcipher_encrypt },
	{ OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT,        (void (*)(void))asymcipher_decrypt_init },
	{ OSSL_FUNC_ASYM_CIPHER_DECRYPT,             (void (*)(void))asymcipher_decrypt },
	{ OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS,      (void (*)(void))asymcipher_get_ctx_params },
	{ OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, (void (*)(void))asymcipher_gettable_ctx_params },
	{ OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS,      (void (*)(void))asymcipher_set_ctx_params },
	{ OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, (void (*)(void))asymcipher_settable_ctx_params },
	{ 0, NULL }
};
