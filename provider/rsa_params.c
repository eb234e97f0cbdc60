/* SPDX-License-Identifier: Apache-2.0 */
/* RSA parameters as numbers and words. */
#include "provider/rsa_params.h"

#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SALT_MAX 0xffff        /* bytes; more than any key has room for */

struct word {
	const char *text;
	int value;
};

static const struct word paddings[] = {
	{ OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING },
	{ OSSL_PKEY_RSA_PAD_MODE_PSS,     RSA_PKCS1_PSS_PADDING },
	{ OSSL_PKEY_RSA_PAD_MODE_OAEP,    RSA_PKCS1_OAEP_PADDING },
	{ "oeap",                         RSA_PKCS1_OAEP_PADDING },       /* OpenSSL 1.0's misspelling lives on */
	{ OSSL_PKEY_RSA_PAD_MODE_NONE,    RSA_NO_PADDING },
	{ OSSL_PKEY_RSA_PAD_MODE_X931,    RSA_X931_PADDING },
	{ NULL, 0 }
};

static const struct word salts[] = {
	{ OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, RSA_PSS_SALTLEN_DIGEST },
	{ OSSL_PKEY_RSA_PSS_SALT_LEN_MAX,    RSA_PSS_SALTLEN_MAX },
	{ OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO,   RSA_PSS_SALTLEN_AUTO },
	{ "auto-digestmax",                  SALT_AUTO_DIGEST_MAX },
	{ NULL, 0 }
};

static bool get_word(const OSSL_PARAM *p, const struct word *words, int *out)
{
	const char *text;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &text) || text == NULL)
		return false;
	for (; words->text != NULL; words++) {
		if (strcmp(words->text, text) == 0) {
			*out = words->value;
			return true;
		}
	}
	return false;
}

bool rsa_padding_get(const OSSL_PARAM *p, int *out)
{
	if (p->data_type == OSSL_PARAM_UTF8_STRING)
		return get_word(p, paddings, out);
	return OSSL_PARAM_get_int(p, out) == 1;
}

bool rsa_padding_set(OSSL_PARAM *p, int padding)
{
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_int(p, padding) == 1;
	for (const struct word *w = paddings; w->text != NULL; w++)
		if (w->value == padding)
			return OSSL_PARAM_set_utf8_string(p, w->text) == 1;
	return false;
}

bool rsa_salt_get(const OSSL_PARAM *p, int *out)
{
	const char *text;
	char *end;
	long value;

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, out) == 1 && *out >= SALT_AUTO_DIGEST_MAX && *out <= SALT_MAX;
	if (get_word(p, salts, out))
		return true;
	if (!OSSL_PARAM_get_utf8_string_ptr(p, &text) || text == NULL || !(isdigit((unsigned char)*text) || *text == '-'))
		return false;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || value < SALT_AUTO_DIGEST_MAX || value > SALT_MAX)
		return false;
	*out = (int)value;
	return true;
}

bool rsa_salt_set(OSSL_PARAM *p, int salt_len)
{
	char text[16];

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_int(p, salt_len) == 1;
	snprintf(text, sizeof(text), "%d", salt_len);
	return OSSL_PARAM_set_utf8_string(p, text) == 1;
}
