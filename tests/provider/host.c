/* SPDX-License-Identifier: Apache-2.0 */
/* The program's main, and what its promises share. */
#include "tests/provider/host.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void host_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

bool host_queue_clean(void)
{
	if (ERR_peek_error() == 0)
		return true;
	ERR_print_errors_fp(stderr);
	return false;
}

static EVP_PKEY *load_uri(OSSL_LIB_CTX *libctx, const char *uri)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;
	int objects = 0;

	EXPECT(store != NULL);
	while (!OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info == NULL)
			continue;
		objects++;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	EXPECT(objects == 1);
	OSSL_STORE_close(store);
	return key;
}

EVP_PKEY *host_load(OSSL_LIB_CTX *libctx, const char *from)
{
	EVP_PKEY *key;
	BIO *file;

	if (strncmp(from, "strongroom:", 11) == 0) {
		key = load_uri(libctx, from);
	} else {
		file = BIO_new_file(from, "r");
		EXPECT(file != NULL);
		key = PEM_read_bio_PrivateKey_ex(file, NULL, NULL, NULL, libctx, NULL);
		BIO_free(file);
	}
	EXPECT(key != NULL);
	EXPECT(EVP_PKEY_get0_provider(key) != NULL);
	return key;
}

EVP_PKEY *host_public(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	const unsigned char *p;
	int length = i2d_PUBKEY(key, &der);
	EVP_PKEY *public_half;

	EXPECT(length > 0);
	p = der;
	public_half = d2i_PUBKEY(NULL, &p, length);
	EXPECT(public_half != NULL);
	OPENSSL_free(der);
	return public_half;
}

const char *host_digest(EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : "SHA256";
}

bool host_verifies(EVP_PKEY *public_half, const char *digest, const unsigned char *sig, size_t sig_len,
	const char *message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit_ex(ctx, NULL, digest, NULL, NULL, public_half, NULL) == 1
		&& EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)message, strlen(message)) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

void host_sign_and_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const char *message)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *public_half = host_public(key);
	unsigned char sig[1024];
	size_t sig_len = sizeof(sig);

	EXPECT(EVP_DigestSignInit_ex(ctx, NULL, host_digest(key), libctx, NULL, key, NULL) == 1);
	EXPECT(EVP_DigestSign(ctx, sig, &sig_len, (const unsigned char *)message, strlen(message)) == 1);
	EXPECT(host_verifies(public_half, host_digest(key), sig, sig_len, message));
	EXPECT(host_verifies(key, host_digest(key), sig, sig_len, message));
	EVP_PKEY_free(public_half);
	EVP_MD_CTX_free(ctx);
}

X509 *host_certificate(EVP_PKEY *key, EVP_PKEY *signer)
{
	X509 *cert = X509_new();
	const char *digest = host_digest(signer);

	EXPECT(cert != NULL);
	EXPECT(X509_set_version(cert, X509_VERSION_3));
	EXPECT(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1));
	EXPECT(X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL);
	EXPECT(X509_gmtime_adj(X509_getm_notAfter(cert), 3600) != NULL);
	EXPECT(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"host",
		-1, -1, 0));
	EXPECT(X509_set_issuer_name(cert, X509_get_subject_name(cert)));
	EXPECT(X509_set_pubkey(cert, key));
	EXPECT(X509_sign(cert, signer, digest != NULL ? EVP_get_digestbyname(digest) : NULL) > 0);
	return cert;
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(int argc, char **argv); } promises[] = {
#define P(name) { #name, promise_##name },
		HOST_PROMISES(P)
#undef P
	};

	for (size_t i = 0; argc > 1 && i < sizeof(promises) / sizeof(promises[0]); i++)
		if (strcmp(argv[1], promises[i].name) == 0)
			return promises[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: host PROMISE OPERAND...\n");
	return 2;
}
