/* SPDX-License-Identifier: Apache-2.0 */
/* Private-key operations through EVP, with the same key twice: as a file in this
 * process, and held by strongroomd.  Which provider owns a key is OPENSSL_CONF's
 * matter.  Prints one line, see bench_print; fails if any operation did. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define OUT_MAX 1024

struct operation {
	const char *name;
	const char *digest;             /* NULL: the algorithm has its own */
	int padding;                    /* RSA; 0: the default */
	bool decrypt;
};

static const struct operation operations[] = {
	{ "sign",         "SHA256", 0,                      false },
	{ "sign-pss",     "SHA256", RSA_PKCS1_PSS_PADDING,  false },
	{ "sign-message", NULL,     0,                      false },
	{ "decrypt-oaep", NULL,     RSA_PKCS1_OAEP_PADDING, true },
};

struct subject {
	EVP_PKEY *key;
	const struct operation *op;
	unsigned char ciphertext[OUT_MAX];
	size_t ciphertext_len;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_sign: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static EVP_PKEY *load(const char *uri)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
	EVP_PKEY *key = NULL;

	while (store != NULL && key == NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info != NULL && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	if (key == NULL)
		die(uri);
	return key;
}

static bool sign_once(const struct subject *s, unsigned round)
{
	unsigned char message[64] = { 0 }, signature[OUT_MAX];
	size_t len = sizeof signature;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	bool ok;

	memcpy(message, &round, sizeof round);
	ok = ctx != NULL && EVP_DigestSignInit_ex(ctx, &pctx, s->op->digest, NULL, NULL, s->key, NULL) > 0;
	if (ok && s->op->padding != 0)
		ok = EVP_PKEY_CTX_set_rsa_padding(pctx, s->op->padding) > 0 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	ok = ok && EVP_DigestSign(ctx, signature, &len, message, sizeof message) > 0;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static bool decrypt_once(const struct subject *s)
{
	unsigned char text[OUT_MAX];
	size_t len = sizeof text;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->key, NULL);
	bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) > 0 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, s->op->padding) > 0 &&
		EVP_PKEY_decrypt(ctx, text, &len, s->ciphertext, s->ciphertext_len) > 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool once(void *arg, unsigned round)
{
	const struct subject *s = arg;

	return s->op->decrypt ? decrypt_once(s) : sign_once(s, round);
}

static void prepare(struct subject *s, const char *uri, const struct operation *op)
{
	s->op = op;
	s->key = load(uri);
	if (op->decrypt) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->key, NULL);

		s->ciphertext_len = sizeof s->ciphertext;
		if (ctx == NULL || EVP_PKEY_encrypt_init(ctx) <= 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, op->padding) <= 0 ||
		    EVP_PKEY_encrypt(ctx, s->ciphertext, &s->ciphertext_len, (const unsigned char *)"sixteen octets..", 16) <= 0)
			die("cannot encrypt what is to be decrypted");
		EVP_PKEY_CTX_free(ctx);
	}
	if (!once(s, 0))
		die(uri);
}

int main(int argc, char **argv)
{
	struct subject reference = { 0 }, candidate = { 0 };
	struct bench_pair what = { .fn = once, .reference = &reference, .candidate = &candidate };
	struct bench_result of_reference, of_candidate;
	const struct operation *op = NULL;
	double ratio;

	for (size_t i = 0; argc == 8 && i < sizeof operations / sizeof *operations; i++)
		if (strcmp(argv[2], operations[i].name) == 0)
			op = &operations[i];
	if (op == NULL) {
		fprintf(stderr, "usage: bench_sign LABEL sign|sign-pss|sign-message|decrypt-oaep THREADS MILLISECONDS PAIRS FILE URI\n");
		return 2;
	}
	what.threads = bench_number(argv[3], BENCH_THREADS_MAX);
	what.seconds = bench_number(argv[4], 3600000) / 1e3;
	what.pairs = bench_number(argv[5], BENCH_PAIRS_MAX);
	prepare(&reference, argv[6], op);
	prepare(&candidate, argv[7], op);
	bench_compare(&what, &of_reference, &of_candidate, &ratio);
	bench_print(argv[1], what.threads, &of_reference, &of_candidate, ratio);
	EVP_PKEY_free(reference.key);
	EVP_PKEY_free(candidate.key);
	return of_reference.errors != 0 || of_candidate.errors != 0;
}
