/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder of PEM that carries our own label.  (The usual form has the label
 * PRIVATE KEY, which libcrypto's own PEM decoder takes.)
 *
 * libcrypto runs all PEM decoders from one place in the file, one after the
 * other, and goes on from wherever the last one stopped.  So this one reads as
 * far as libcrypto's own does: over any text up to one PEM block, and to its end. */
#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <strongroom/reference.h>

#include "provider/decoder.h"
#include "provider/provider.h"

#define LINE_SIZE 256   /* libcrypto's own limit is 254 characters */
#define LABEL_SIZE 80
#define BASE64_MAX (SR_REFERENCE_MAX / 3 * 4 + 8)

static OSSL_FUNC_decoder_newctx_fn pem_newctx;
static OSSL_FUNC_decoder_freectx_fn pem_freectx;
static OSSL_FUNC_decoder_decode_fn pem_decode;

struct pem_lines {
	const struct core *core;
	OSSL_CORE_BIO *in;
	bool whole;             /* the last piece ended a line, so the next one begins one */
	char text[LINE_SIZE];   /* without white space at its end */
};

/* The next line; of one that is too long only the beginning counts. */
static bool next_line(struct pem_lines *lines)
{
	for (;;) {
		bool begins = lines->whole;
		int n = lines->core->bio_gets(lines->in, lines->text, LINE_SIZE);
		size_t length;

		if (n <= 0)
			return false;
		length = (size_t)n;
		lines->whole = lines->text[length - 1] == '\n';
		if (!begins)
			continue;
		while (length > 0 && isspace((unsigned char)lines->text[length - 1]))
			length--;
		lines->text[length] = '\0';
		return true;
	}
}

/* The label of a -----BEGIN or -----END line; false if it is none. */
static bool label_of(const char *line, const char *boundary, char label[LABEL_SIZE])
{
	size_t boundary_len = strlen(boundary), length = strlen(line);

	if (length < boundary_len + 5 || strncmp(line, boundary, boundary_len) != 0
		|| strcmp(line + length - 5, "-----") != 0)
		return false;
	length -= boundary_len + 5;
	if (length >= LABEL_SIZE)
		length = LABEL_SIZE - 1;
	memcpy(label, line + boundary_len, length);
	label[length] = '\0';
	return true;
}

/* Collects what stands up to the -----END line; false at the end of the file, or
 * if that is more than out has room for, or of another label. */
static bool read_body(struct pem_lines *lines, const char *label, char *out, size_t cap, size_t *out_len)
{
	char end[LABEL_SIZE];

	*out_len = 0;
	while (next_line(lines)) {
		size_t length = strlen(lines->text);

		if (label_of(lines->text, "-----END ", end))
			return strcmp(end, label) == 0;
		if (out == NULL)
			continue;
		if (length > cap - *out_len)
			return false;
		memcpy(out + *out_len, lines->text, length);
		*out_len += length;
	}
	return false;
}

/* Decodes strictly: nothing but Base64, padded.  Returns the length, 0 if it is not. */
static size_t decode_base64(const char *text, size_t length, uint8_t *out)
{
	size_t padding = 0;
	int n;

	while (padding < length && padding < 2 && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length - padding; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/')
			return 0;
	if (length == 0 || length % 4 != 0)
		return 0;
	n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)length);
	return n > 0 ? (size_t)n - padding : 0;
}

static int give_der(uint8_t *der, size_t der_len, OSSL_CALLBACK *data_cb, void *data_cbarg)
{
	int object_type = OSSL_OBJECT_PKEY;
	char structure[] = "PrivateKeyInfo";
	OSSL_PARAM params[4];

	params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object_type);
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0);
	params[2] = OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, der_len);
	params[3] = OSSL_PARAM_construct_end();
	return data_cb(params, data_cbarg);
}

static int decode_own(struct provider *provider, struct pem_lines *lines, OSSL_CALLBACK *data_cb, void *data_cbarg)
{
	char *text = malloc(BASE64_MAX);
	uint8_t *der = malloc(BASE64_MAX);
	size_t text_len, der_len = 0;
	int ok;

	if (text != NULL && der != NULL && read_body(lines, SR_REFERENCE_LABEL_OWN, text, BASE64_MAX, &text_len))
		der_len = decode_base64(text, text_len, der);
	if (der_len > 0)
		ok = give_der(der, der_len, data_cb, data_cbarg);
	else
		ok = RAISE(provider, SR_BAD_PARAMETER, "a damaged %s; 'strongroom key pem' prints it anew", SR_REFERENCE_LABEL_OWN);
	free(text);
	free(der);
	return ok;
}

static void *pem_newctx(void *provctx)
{
	return provctx;
}

static void pem_freectx(__attribute__((unused)) void *ctx)
{
}

static int pem_decode(void *ctx, OSSL_CORE_BIO *in, __attribute__((unused)) int selection, OSSL_CALLBACK *data_cb,
	void *data_cbarg, __attribute__((unused)) OSSL_PASSPHRASE_CALLBACK *pw_cb, __attribute__((unused)) void *pw_cbarg)
{
	struct provider *provider = ctx;
	struct pem_lines lines = { .core = &provider->core, .in = in, .whole = true };
	char label[LABEL_SIZE];
	size_t ignored;

	do {
		if (!next_line(&lines))
			return 1;
	} while (!label_of(lines.text, "-----BEGIN ", label));
	if (strcmp(label, SR_REFERENCE_LABEL_OWN) == 0)
		return decode_own(provider, &lines, data_cb, data_cbarg);
	(void)read_body(&lines, label, /* out= */ NULL, /* cap= */ 0, &ignored);
	return 1;
}

const OSSL_DISPATCH decoder_pem_functions[] = {
	{ OSSL_FUNC_DECODER_NEWCTX,  (void (*)(void))pem_newctx },
	{ OSSL_FUNC_DECODER_FREECTX, (void (*)(void))pem_freectx },
	{ OSSL_FUNC_DECODER_DECODE,  (void (*)(void))pem_decode },
	{ 0, NULL }
};
