/* SPDX-License-Identifier: Apache-2.0 */
/* Decoders (provider-decoder(7)) of key references: no secret and no I/O in them,
 * so a program loads its key while strongroomd is down.
 *
 * They see every key and certificate that the program reads.  What is not theirs
 * they pass over without a word: success with nothing decoded, no error. */
#include "provider/decoder.h"

#include <openssl/core_dispatch.h>
#include <stdlib.h>
#include <string.h>
#include <strongroom/reference.h>

#include "provider/key.h"

static OSSL_FUNC_decoder_freectx_fn decoder_freectx;
static OSSL_FUNC_decoder_does_selection_fn decoder_does_selection;
static OSSL_FUNC_decoder_decode_fn decoder_decode;

struct decoder {
	struct provider *provider;      /* borrowed */
	enum key_type type;
};

static struct decoder *decoder_new(struct provider *provider, enum key_type type)
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->provider = provider;
	d->type = type;
	return d;
}

static void decoder_freectx(void *ctx)
{
	free(ctx);
}

/* A reference stands for a private key; who looks for a public one, or for
 * parameters, must not find it. */
static int decoder_does_selection(__attribute__((unused)) void *provctx, int selection)
{
	return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/* Reads one DER value, if it is a SEQUENCE that a reference could be.  The bytes
 * are malloc'ed. */
static bool read_sequence(const struct core *core, OSSL_CORE_BIO *in, uint8_t **out, size_t *out_len)
{
	uint8_t head[4], *der;
	size_t head_len = 2, length = 0;

	if (!core_bio_read(core, in, head, head_len) || head[0] != 0x30)
		return false;
	if (head[1] < 0x80) {
		length = head[1];
	} else {
		size_t more = head[1] & 0x7f;

		if (more == 0 || more > sizeof(head) - head_len || !core_bio_read(core, in, head + head_len, more))
			return false;
		for (size_t i = 0; i < more; i++)
			length = length << 8 | head[head_len + i];
		head_len += more;
	}
	if (head_len + length > SR_REFERENCE_MAX)
		return false;
	der = malloc(head_len + length);
	if (der == NULL)
		return false;
	memcpy(der, head, head_len);
	if (!core_bio_read(core, in, der + head_len, length)) {
		free(der);
		return false;
	}
	*out = der;
	*out_len = head_len + length;
	return true;
}

static int decode_reference(struct decoder *d, struct sr_bytes der, OSSL_CALLBACK *data_cb, void *data_cbarg)
{
	struct sr_reference reference;
	enum key_type type;
	struct key *key;

	if (!key_type_of_reference(der, &type) || type != d->type)
		return 1;
	if (sr_reference_decode(der, &reference) != SR_OK)
		return RAISE(d->provider, SR_BAD_PARAMETER, "a damaged key reference; 'strongroom key pem' prints it anew");
	key = key_open(d->provider, (struct sr_str){ reference.uri, strlen(reference.uri) }, reference.spki);
	return key != NULL && key_give(key, data_cb, data_cbarg);
}

static int decoder_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_cbarg,
	__attribute__((unused)) OSSL_PASSPHRASE_CALLBACK *pw_cb, __attribute__((unused)) void *pw_cbarg)
{
	struct decoder *d = ctx;
	uint8_t *der;
	size_t der_len;
	int ok;

	if (!decoder_does_selection(d->provider, selection) || !read_sequence(&d->provider->core, in, &der, &der_len))
		return 1;
	ok = decode_reference(d, (struct sr_bytes){ der, der_len }, data_cb, data_cbarg);
	free(der);
	return ok;
}

#define TYPE(id, name, aliases, oid) \
	static OSSL_FUNC_decoder_newctx_fn id##_newctx; \
	static void *id##_newctx(void *provctx) \
	{ \
		return decoder_new(provctx, KEY_##id); \
	} \
	const OSSL_DISPATCH decoder_##id##_functions[] = { \
		{ OSSL_FUNC_DECODER_NEWCTX,         (void (*)(void))id##_newctx }, \
		{ OSSL_FUNC_DECODER_FREECTX,        (void (*)(void))decoder_freectx }, \
		{ OSSL_FUNC_DECODER_DOES_SELECTION, (void (*)(void))decoder_does_selection }, \
		{ OSSL_FUNC_DECODER_DECODE,         (void (*)(void))decoder_decode }, \
		{ 0, NULL } \
	};
#include "provider/types.def"
#undef TYPE
