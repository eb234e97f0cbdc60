/* SPDX-License-Identifier: Apache-2.0 */
/* PEM files with a reference among other things. */
#include <openssl/err.h>
#include <openssl/pem.h>
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
