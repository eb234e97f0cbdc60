/* SPDX-License-Identifier: Apache-2.0 */
/* PEM files with a reference among other things. */
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "tests/provider/host.h"

/* pem FILE KEYS CERTS: reading all of a file finds so many of each */
int promise_pem(int argc, char **argv)
{
	BIO *file;
	EVP_PKEY *key;
	X509 *cert;
	char count[12];
	int keys = 0, certs = 0;

	EXPECT(argc == 3);
	file = BIO_new_file(argv[0], "r");
	EXPECT(file != NULL);
	while ((key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL)) != NULL) {
		EXPECT(strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), "strongroom") == 0);
		host_sign_and_verify(NULL, key, "found");
		EVP_PKEY_free(key);
		keys++;
	}
	ERR_clear_error();
	EXPECT(BIO_reset(file) == 0);
	while ((cert = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
		X509_free(cert);
		certs++;
	}
	ERR_clear_error();
	BIO_free(file);
	BIO_snprintf(count, sizeof(count), "%d", keys);
	EXPECT(strcmp(count, argv[1]) == 0);
	BIO_snprintf(count, sizeof(count), "%d", certs);
	EXPECT(strcmp(count, argv[2]) == 0);
	return 0;
}

/* pem_public FILE: who looks for a public key does not find a reference */
int promise_pem_public(int argc, char **argv)
{
	BIO *file;

	EXPECT(argc == 1);
	file = BIO_new_file(argv[0], "r");
	EXPECT(file != NULL);
	EXPECT(PEM_read_bio_PUBKEY(file, NULL, NULL, NULL) == NULL);
	EXPECT(BIO_reset(file) == 0);
	EXPECT(PEM_read_bio_Parameters(file, NULL) == NULL);
	ERR_clear_error();
	BIO_free(file);
	return 0;
}

/* pem_error FILE WORDS: no key can be read from it, and an error on the queue says why */
int promise_pem_error(int argc, char **argv)
{
	BIO *file;
	const char *data;
	int flags;
	bool found = false;

	EXPECT(argc == 2);
	file = BIO_new_file(argv[0], "r");
	EXPECT(file != NULL);
	EXPECT(PEM_read_bio_PrivateKey(file, NULL, NULL, NULL) == NULL);
	while (ERR_get_error_all(NULL, NULL, NULL, &data, &flags) != 0)
		if ((flags & ERR_TXT_STRING) != 0 && strncmp(data, "strongroom: ", 12) == 0 && strstr(data, argv[1]) != NULL)
			found = true;
	EXPECT(found);
	BIO_free(file);
	return 0;
}

static int refuse_object(__attribute__((unused)) OSSL_DECODER_INSTANCE *instance,
	__attribute__((unused)) const OSSL_PARAM *params, __attribute__((unused)) void *arg)
{
	return 0;
}

/* pem_position FILE OFFSET: our PEM decoder, on its own, passes over what is not its
 * own, without a word, and stops behind the first block */
int promise_pem_position(int argc, char **argv)
{
	OSSL_DECODER *decoder = OSSL_DECODER_fetch(NULL, "DER", "provider=strongroom,input=pem");
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new();
	BIO *file;
	const char *data;
	int flags;

	EXPECT(argc == 2 && decoder != NULL);
	file = BIO_new_file(argv[0], "r");
	EXPECT(file != NULL);
	EXPECT(OSSL_DECODER_CTX_set_input_type(ctx, "PEM") == 1 && OSSL_DECODER_CTX_add_decoder(ctx, decoder) == 1);
	EXPECT(OSSL_DECODER_CTX_set_construct(ctx, refuse_object) == 1);
	EXPECT(OSSL_DECODER_from_bio(ctx, file) == 0);
	while (ERR_get_error_all(NULL, NULL, NULL, &data, &flags) != 0)
		EXPECT((flags & ERR_TXT_STRING) == 0 || strncmp(data, "strongroom: ", 12) != 0);
	EXPECT(BIO_tell(file) == strtol(argv[1], NULL, 10));
	BIO_free(file);
	OSSL_DECODER_CTX_free(ctx);
	OSSL_DECODER_free(decoder);
	return 0;
}

static void try_der(const unsigned char *der, long length)
{
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, length);

	EXPECT(key != NULL || ERR_peek_error() != 0);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* damaged FILE: a reference (DER) with any bit wrong, or cut off, does no harm */
int promise_damaged(int argc, char **argv)
{
	unsigned char der[1024];
	size_t length;
	FILE *file;

	EXPECT(argc == 1);
	file = fopen(argv[0], "rb");
	EXPECT(file != NULL);
	length = fread(der, 1, sizeof(der), file);
	fclose(file);
	EXPECT(length > 100 && length < sizeof(der));
	for (size_t n = 0; n < length; n++)
		try_der(der, (long)n);
	for (size_t bit = 0; bit < length * 8; bit++) {
		der[bit / 8] ^= (unsigned char)(1u << bit % 8);
		try_der(der, (long)length);
		der[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	return 0;
}
