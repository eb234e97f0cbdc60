/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders (provider-encoder(7)) for where a program writes "the private key": as
 * text, or as PrivateKeyInfo, which is then a reference.  Public keys are written
 * by the default provider's encoders, from what keymgmt exports. */
#include "provider/encoder.h"

#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "provider/key.h"

static OSSL_FUNC_encoder_newctx_fn encoder_newctx;
static OSSL_FUNC_encoder_freectx_fn encoder_freectx;
static OSSL_FUNC_encoder_does_selection_fn encoder_does_selection;
static OSSL_FUNC_encoder_encode_fn encode_text, encode_pem, encode_der;

static void *encoder_newctx(void *provctx)
{
	return provctx;
}

static void encoder_freectx(__attribute__((unused)) void *ctx)
{
}

static int encoder_does_selection(__attribute__((unused)) void *provctx, int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/* Only keys of ours come here, since there is no import_object: OpenSSL never
 * makes another provider's key into one of ours in order to write it. */
static const struct key *key_to_encode(struct provider *provider, const void *obj_raw, const OSSL_PARAM *obj_abstract)
{
	const struct key *key = obj_raw;

	if (obj_abstract == NULL && key_is_private(key))
		return key;
	RAISE(provider, SR_UNSUPPORTED, "this is not a private key that strongroomd holds");
	return NULL;
}

/* ---- text ---- */

static int print_text(BIO *mem, const struct key *key)
{
	return BIO_printf(mem, "Private-Key: (%d bit, held by strongroomd)\nURI: %s\n", EVP_PKEY_get_bits(key->public), key->uri) > 0
		&& EVP_PKEY_print_public(mem, key->public, /* indent= */ 0, /* pctx= */ NULL) == 1;
}

static int encode_text(void *ctx, OSSL_CORE_BIO *out, const void *obj_raw, const OSSL_PARAM obj_abstract[],
	__attribute__((unused)) int selection, __attribute__((unused)) OSSL_PASSPHRASE_CALLBACK *cb,
	__attribute__((unused)) void *cbarg)
{
	struct provider *provider = ctx;
	const struct key *key = key_to_encode(provider, obj_raw, obj_abstract);
	BIO *mem;
	char *text;
	long length;
	int ok = 0;

	if (key == NULL)
		return 0;
	mem = BIO_new(BIO_s_mem());
	if (mem != NULL && print_text(mem, key)) {
		length = BIO_get_mem_data(mem, &text);
		ok = length > 0 && core_bio_write(&provider->core, out, text, (size_t)length);
	}
	BIO_free(mem);
	return ok;
}

/* ---- references ---- */

static struct sr_reference reference_to(const struct key *key)
{
	struct sr_reference reference = { .spki = { key->spki, key->spki_len } };

	memcpy(reference.uri, key->uri, sizeof(reference.uri));
	return reference;
}

static int encode_pem(void *ctx, OSSL_CORE_BIO *out, const void *obj_raw, const OSSL_PARAM obj_abstract[],
	__attribute__((unused)) int selection, __attribute__((unused)) OSSL_PASSPHRASE_CALLBACK *cb,
	__attribute__((unused)) void *cbarg)
{
	struct provider *provider = ctx;
	const struct key *key = key_to_encode(provider, obj_raw, obj_abstract);
	struct sr_reference reference;
	char *pem = NULL;
	enum sr_err err;
	int ok;

	if (key == NULL)
		return 0;
	reference = reference_to(key);
	err = sr_reference_pem(&reference, /* own_label= */ false, &pem);
	if (err != SR_OK)
		return RAISE(provider, err, "no reference to %s can be written: %s", key->uri, sr_strerror(err));
	ok = core_bio_write(&provider->core, out, pem, strlen(pem));
	free(pem);
	return ok;
}

static int encode_der(void *ctx, OSSL_CORE_BIO *out, const void *obj_raw, const OSSL_PARAM obj_abstract[],
	__attribute__((unused)) int selection, __attribute__((unused)) OSSL_PASSPHRASE_CALLBACK *cb,
	__attribute__((unused)) void *cbarg)
{
	struct provider *provider = ctx;
	const struct key *key = key_to_encode(provider, obj_raw, obj_abstract);
	struct sr_reference reference;
	unsigned char *der = NULL;
	size_t der_len = 0;
	enum sr_err err;
	int ok;

	if (key == NULL)
		return 0;
	reference = reference_to(key);
	err = sr_reference_encode(&reference, &der, &der_len);
	if (err != SR_OK)
		return RAISE(provider, err, "no reference to %s can be written: %s", key->uri, sr_strerror(err));
	ok = core_bio_write(&provider->core, out, der, der_len);
	free(der);
	return ok;
}

#define ENCODER_FUNCTIONS(form) \
	const OSSL_DISPATCH encoder_##form##_functions[] = { \
		{ OSSL_FUNC_ENCODER_NEWCTX,         (void (*)(void))encoder_newctx }, \
		{ OSSL_FUNC_ENCODER_FREECTX,        (void (*)(void))encoder_freectx }, \
		{ OSSL_FUNC_ENCODER_DOES_SELECTION, (void (*)(void))encoder_does_selection }, \
		{ OSSL_FUNC_ENCODER_ENCODE,         (void (*)(void))encode_##form }, \
		{ 0, NULL } \
	}
ENCODER_FUNCTIONS(text);
ENCODER_FUNCTIONS(pem);
ENCODER_FUNCTIONS(der);
