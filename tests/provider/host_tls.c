/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between two ends in one process, each with the key and its certificate. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "tests/provider/host.h"

static SSL_CTX *context(const SSL_METHOD *method, int version, const char *ciphers, X509 *cert, EVP_PKEY *key)
{
	/* the context before the key is used, as servers do it */
	SSL_CTX *ctx = SSL_CTX_new(method);

	EXPECT(ctx != NULL);
	EXPECT(SSL_CTX_set_min_proto_version(ctx, version) == 1 && SSL_CTX_set_max_proto_version(ctx, version) == 1);
	if (ciphers != NULL)
		EXPECT(SSL_CTX_set_cipher_list(ctx, ciphers) == 1);
	EXPECT(SSL_CTX_use_certificate(ctx, cert) == 1);
	EXPECT(SSL_CTX_use_PrivateKey(ctx, key) == 1);
	EXPECT(SSL_CTX_check_private_key(ctx) == 1);
	EXPECT(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return ctx;
}

static bool wants_more(SSL *ssl, int result)
{
	int error = SSL_get_error(ssl, result);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void shake_hands(EVP_PKEY *key, X509 *cert, int version, const char *ciphers)
{
	SSL_CTX *server_ctx = context(TLS_server_method(), version, ciphers, cert, key);
	SSL_CTX *client_ctx = context(TLS_client_method(), version, ciphers, cert, key);
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *server_end, *client_end;
	int server_done = 0, client_done = 0;
	char word[8];

	EXPECT(BIO_new_bio_pair(&server_end, 0, &client_end, 0) == 1);
	SSL_set_bio(server, server_end, server_end);
	SSL_set_bio(client, client_end, client_end);
	for (int i = 0; i < 20 && (server_done != 1 || client_done != 1); i++) {
		client_done = SSL_connect(client);
		EXPECT(client_done == 1 || wants_more(client, client_done));
		server_done = SSL_accept(server);
		EXPECT(server_done == 1 || wants_more(server, server_done));
	}
	EXPECT(SSL_get_verify_result(client) == X509_V_OK && SSL_get_verify_result(server) == X509_V_OK);
	EXPECT(SSL_write(server, "word", 4) == 4 && SSL_read(client, word, sizeof(word)) == 4);
	EXPECT(host_queue_clean());
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(client_ctx);
}

/* tls KEY: TLS 1.3 and 1.2, as server and as client */
int promise_tls(int argc, char **argv)
{
	EVP_PKEY *key;
	X509 *cert;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	cert = host_certificate(key, key);
	shake_hands(key, cert, TLS1_3_VERSION, NULL);
	shake_hands(key, cert, TLS1_2_VERSION, NULL);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

/* tls_rsa KEY: the old key exchange, in which the server decrypts */
int promise_tls_rsa(int argc, char **argv)
{
	EVP_PKEY *key;
	X509 *cert;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	cert = host_certificate(key, key);
	shake_hands(key, cert, TLS1_2_VERSION, "AES128-GCM-SHA256");
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}
