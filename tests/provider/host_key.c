/* SPDX-License-Identifier: Apache-2.0 */
/* The key object: copies, comparisons, what can be had of it and what cannot. */
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "tests/provider/host.h"

/* dup KEY: a copy signs, also after the original is gone */
int promise_dup(int argc, char **argv)
{
	EVP_PKEY *key, *copy;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	copy = EVP_PKEY_dup(key);
	EXPECT(copy != NULL);
	EXPECT(EVP_PKEY_eq(key, copy) == 1 && EVP_PKEY_eq(copy, key) == 1);
	EVP_PKEY_free(key);
	host_sign_and_verify(NULL, copy, "signed with a copy");
	EVP_PKEY_free(copy);
	EXPECT(host_queue_clean());
	return 0;
}

/* eq KEY OTHER: against its public half and against another key, both ways round */
int promise_eq(int argc, char **argv)
{
	EVP_PKEY *key, *again, *other, *public_half, *other_public;

	EXPECT(argc == 2);
	key = host_load(NULL, argv[0]);
	again = host_load(NULL, argv[0]);
	other = host_load(NULL, argv[1]);
	public_half = host_public(key);
	other_public = host_public(other);
	EXPECT(EVP_PKEY_eq(key, again) == 1 && EVP_PKEY_eq(again, key) == 1);
	EXPECT(EVP_PKEY_eq(key, public_half) == 1 && EVP_PKEY_eq(public_half, key) == 1);
	EXPECT(EVP_PKEY_eq(key, other) == 0 && EVP_PKEY_eq(other, key) == 0);
	EXPECT(EVP_PKEY_eq(key, other_public) == 0 && EVP_PKEY_eq(other_public, key) == 0);
	EXPECT(EVP_PKEY_parameters_eq(key, public_half) == 1 && EVP_PKEY_parameters_eq(public_half, key) == 1);
	EXPECT(host_queue_clean());
	EVP_PKEY_free(key);
	EVP_PKEY_free(again);
	EVP_PKEY_free(other);
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(other_public);
	return 0;
}

/* certificate KEY OTHER: it goes with its certificate and with no other one */
int promise_certificate(int argc, char **argv)
{
	EVP_PKEY *key, *other;
	X509 *cert, *other_cert;

	EXPECT(argc == 2);
	key = host_load(NULL, argv[0]);
	other = host_load(NULL, argv[1]);
	cert = host_certificate(key, key);
	other_cert = host_certificate(other, key);
	EXPECT(X509_check_private_key(cert, key) == 1);
	EXPECT(X509_verify(cert, key) == 1);
	EXPECT(X509_verify(other_cert, key) == 1);
	EXPECT(host_queue_clean());
	EXPECT(X509_check_private_key(other_cert, key) == 0);
	ERR_clear_error();
	EXPECT(X509_verify(cert, other) != 1);
	ERR_clear_error();
	X509_free(cert);
	X509_free(other_cert);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

static bool same_text(EVP_PKEY *a, EVP_PKEY *b, const char *name)
{
	char text_a[80] = "", text_b[80] = "";
	size_t length;
	int got_a = EVP_PKEY_get_utf8_string_param(a, name, text_a, sizeof(text_a), &length);
	int got_b = EVP_PKEY_get_utf8_string_param(b, name, text_b, sizeof(text_b), &length);

	return got_a == got_b && strcmp(text_a, text_b) == 0;
}

static bool same_number(EVP_PKEY *a, EVP_PKEY *b, const char *name)
{
	BIGNUM *number_a = NULL, *number_b = NULL;
	int got_a = EVP_PKEY_get_bn_param(a, name, &number_a), got_b = EVP_PKEY_get_bn_param(b, name, &number_b);
	bool same = got_a == got_b && (got_a != 1 || BN_cmp(number_a, number_b) == 0);

	BN_free(number_a);
	BN_free(number_b);
	return same;
}

static bool same_bytes(EVP_PKEY *a, EVP_PKEY *b, const char *name)
{
	unsigned char bytes_a[256], bytes_b[256];
	size_t a_len = 0, b_len = 0;
	int got_a = EVP_PKEY_get_octet_string_param(a, name, bytes_a, sizeof(bytes_a), &a_len);
	int got_b = EVP_PKEY_get_octet_string_param(b, name, bytes_b, sizeof(bytes_b), &b_len);

	return got_a == got_b && a_len == b_len && memcmp(bytes_a, bytes_b, a_len) == 0;
}

/* parameters KEY: what is public is just as a key of the default provider has it */
int promise_parameters(int argc, char **argv)
{
	static const char *const texts[] = {
		OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PKEY_PARAM_DEFAULT_DIGEST, OSSL_PKEY_PARAM_MANDATORY_DIGEST,
		OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, OSSL_PKEY_PARAM_EC_FIELD_TYPE
	};
	static const char *const numbers[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y
	};
	static const char *const bytes[] = { OSSL_PKEY_PARAM_PUB_KEY, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY };
	EVP_PKEY *key, *public_half;
	char digest[80], public_digest[80];

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	EXPECT(EVP_PKEY_get_bits(key) == EVP_PKEY_get_bits(public_half));
	EXPECT(EVP_PKEY_get_security_bits(key) == EVP_PKEY_get_security_bits(public_half));
	EXPECT(EVP_PKEY_get_size(key) == EVP_PKEY_get_size(public_half) && EVP_PKEY_get_size(key) > 0);
	EXPECT(EVP_PKEY_get_id(key) == -1 || EVP_PKEY_get_id(key) == EVP_PKEY_get_id(public_half));
	EXPECT(EVP_PKEY_get_base_id(key) == EVP_PKEY_get_base_id(public_half));
	EXPECT(EVP_PKEY_get_default_digest_name(key, digest, sizeof(digest))
		== EVP_PKEY_get_default_digest_name(public_half, public_digest, sizeof(public_digest)));
	EXPECT(strcmp(digest, public_digest) == 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		EXPECT(same_text(key, public_half, texts[i]));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		EXPECT(same_number(key, public_half, numbers[i]));
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		EXPECT(same_bytes(key, public_half, bytes[i]));
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}

static int count_call(__attribute__((unused)) const OSSL_PARAM params[], void *arg)
{
	++*(int *)arg;
	return 1;
}

/* export KEY: the private half cannot be had, not even as nothing; the public half can */
int promise_export(int argc, char **argv)
{
	static const char *const private_numbers[] = { OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_PRIV_KEY };
	EVP_PKEY *key;
	OSSL_PARAM *params = NULL;
	unsigned char raw[256];
	size_t raw_len = sizeof(raw);
	int calls = 0;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	EXPECT(EVP_PKEY_export(key, EVP_PKEY_KEYPAIR, count_call, &calls) != 1 && calls == 0);
	EXPECT(ERR_GET_REASON(ERR_peek_last_error()) != 0);
	ERR_clear_error();
	EXPECT(EVP_PKEY_export(key, OSSL_KEYMGMT_SELECT_PRIVATE_KEY, count_call, &calls) != 1 && calls == 0);
	EXPECT(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params) != 1 && params == NULL);
	EXPECT(EVP_PKEY_get_raw_private_key(key, raw, &raw_len) != 1);
	for (size_t i = 0; i < sizeof(private_numbers) / sizeof(private_numbers[0]); i++) {
		BIGNUM *number = NULL;

		EXPECT(EVP_PKEY_get_bn_param(key, private_numbers[i], &number) != 1 && number == NULL);
	}
	EXPECT(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PRIV_KEY, raw, sizeof(raw), &raw_len) != 1);
	ERR_clear_error();
	EXPECT(EVP_PKEY_export(key, EVP_PKEY_PUBLIC_KEY, count_call, &calls) == 1 && calls == 1);
	EXPECT(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params) == 1 && params != NULL);
	EXPECT(host_queue_clean());
	OSSL_PARAM_free(params);
	EVP_PKEY_free(key);
	return 0;
}

static void check_is_software(EVP_PKEY *key)
{
	EXPECT(key != NULL);
	EXPECT(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "default") == 0);
	host_sign_and_verify(NULL, key, "not Strongroom's");
}

/* software KEY-FILE...: keys that are not Strongroom's stay the default provider's */
int promise_software(int argc, char **argv)
{
	EVP_PKEY *key;

	for (int i = 0; i < argc; i++) {
		key = host_load(NULL, argv[i]);
		check_is_software(key);
		EVP_PKEY_free(key);
	}
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	check_is_software(key);
	EVP_PKEY_free(key);
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	check_is_software(key);
	EVP_PKEY_free(key);
	EXPECT(host_queue_clean());
	return 0;
}
