/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and decryption, by every path that programs take. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

#include "tests/provider/host.h"

static const char message[] = "a message that is signed";

/* update and final, as certificates and CMS do; sig must hold 1024 bytes */
static size_t sign_in_parts(EVP_PKEY *key, const char *digest, unsigned char *sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t sig_len = 0, room;

	EXPECT(EVP_DigestSignInit_ex(ctx, NULL, digest, NULL, NULL, key, NULL) == 1);
	EXPECT(EVP_DigestSignUpdate(ctx, message, 5) == 1);
	EXPECT(EVP_DigestSignUpdate(ctx, message + 5, strlen(message) - 5) == 1);
	EXPECT(EVP_DigestSignFinal(ctx, NULL, &sig_len) == 1);
	EXPECT(sig_len == (size_t)EVP_PKEY_get_size(key));
	room = sig_len;
	EXPECT(EVP_DigestSignFinal(ctx, sig, &sig_len) == 1);
	EXPECT(sig_len <= room);
	EVP_MD_CTX_free(ctx);
	return sig_len;
}

/* a digest that the program made itself, as pkeyutl does */
static size_t sign_digest(EVP_PKEY *key, const char *digest, unsigned char *sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t hash_len = 0, sig_len = 1024;

	EXPECT(EVP_Q_digest(NULL, digest, NULL, message, strlen(message), hash, &hash_len) == 1);
	EXPECT(EVP_PKEY_sign_init(ctx) == 1);
	EXPECT(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(digest)) == 1);
	EXPECT(EVP_PKEY_sign(ctx, sig, &sig_len, hash, hash_len) == 1);
	EVP_PKEY_CTX_free(ctx);
	return sig_len;
}

/* sign KEY: all ways of signing give signatures that anyone can verify */
int promise_sign(int argc, char **argv)
{
	EVP_PKEY *key, *public_half;
	unsigned char sig[1024];
	size_t sig_len;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	host_sign_and_verify(NULL, key, message);
	host_sign_and_verify(NULL, key, "");
	if (host_digest(key) != NULL) {
		sig_len = sign_in_parts(key, "SHA256", sig);
		EXPECT(host_verifies(public_half, "SHA256", sig, sig_len, message));
		sig[sig_len / 2] ^= 1;
		EXPECT(!host_verifies(public_half, "SHA256", sig, sig_len, message));
		EXPECT(!host_verifies(key, "SHA256", sig, sig_len, message));
		ERR_clear_error();
		sig_len = sign_digest(key, "SHA384", sig);
		EXPECT(host_verifies(public_half, "SHA384", sig, sig_len, message));
	}
	EXPECT(host_queue_clean());
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}

/* digests KEY: whatever digest a program chooses, RSA and EC keys sign with it */
int promise_digests(int argc, char **argv)
{
	static const char *const digests[] = {
		"SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA512-256", "SHA3-256", "SHA3-512", "RIPEMD160", "MD5",
		"MD5-SHA1"
	};
	EVP_PKEY *key, *public_half;
	unsigned char sig[1024];

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		size_t sig_len;

		if (strcmp(digests[i], "MD5-SHA1") == 0 && !EVP_PKEY_is_a(key, "RSA"))
			continue;
		sig_len = sign_in_parts(key, digests[i], sig);
		if (!host_verifies(public_half, digests[i], sig, sig_len, message)) {
			fprintf(stderr, "with %s\n", digests[i]);
			EXPECT(false);
		}
	}
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}

static void set_pss(EVP_PKEY_CTX *ctx, int salt, const char *mgf1)
{
	EXPECT(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1);
	EXPECT(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1);
	if (mgf1 != NULL)
		EXPECT(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf1, NULL) == 1);
}

/* Signs with one length and verifies with exactly that of expect. */
static void sign_pss(EVP_PKEY *key, EVP_PKEY *public_half, int salt, int expect, const char *mgf1)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	unsigned char sig[1024];
	size_t sig_len = sizeof(sig);

	EXPECT(EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", NULL, NULL, key, NULL) == 1);
	set_pss(pctx, salt, mgf1);
	EXPECT(EVP_DigestSign(ctx, sig, &sig_len, (const unsigned char *)message, strlen(message)) == 1);
	EVP_MD_CTX_free(ctx);

	ctx = EVP_MD_CTX_new();
	EXPECT(EVP_DigestVerifyInit_ex(ctx, &pctx, "SHA256", NULL, NULL, public_half, NULL) == 1);
	set_pss(pctx, expect, mgf1);
	EXPECT(EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)message, strlen(message)) == 1);
	EVP_MD_CTX_free(ctx);
}

/* pss KEY: a PSS salt has the length that the program asked for */
int promise_pss(int argc, char **argv)
{
	EVP_PKEY *key, *public_half;
	int max;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	max = EVP_PKEY_get_size(key) - 32 - 2;
	sign_pss(key, public_half, RSA_PSS_SALTLEN_DIGEST, 32, NULL);
	sign_pss(key, public_half, RSA_PSS_SALTLEN_MAX, max, NULL);
	sign_pss(key, public_half, RSA_PSS_SALTLEN_AUTO, max, NULL);
	sign_pss(key, public_half, 0, 0, NULL);
	sign_pss(key, public_half, 20, 20, "SHA1");
	sign_pss(key, public_half, 7, RSA_PSS_SALTLEN_AUTO, "SHA384");
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}

static void set_oaep(EVP_PKEY_CTX *ctx, const char *digest, const char *mgf1, const char *label)
{
	EXPECT(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1);
	if (digest != NULL)
		EXPECT(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, digest, NULL) == 1);
	if (mgf1 != NULL)
		EXPECT(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf1, NULL) == 1);
	if (label != NULL)
		EXPECT(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(label), (int)strlen(label)) == 1);
}

/* Encrypts with encrypt_with, which may be the key itself, and decrypts with the key. */
static void round_trip(EVP_PKEY *key, EVP_PKEY *encrypt_with, const char *digest, const char *mgf1, const char *label)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, encrypt_with, NULL);
	unsigned char ciphertext[1024], plaintext[1024];
	size_t ciphertext_len = sizeof(ciphertext), plaintext_len = sizeof(plaintext);

	EXPECT(EVP_PKEY_encrypt_init(ctx) == 1);
	set_oaep(ctx, digest, mgf1, label);
	EXPECT(EVP_PKEY_encrypt(ctx, ciphertext, &ciphertext_len, (const unsigned char *)message, strlen(message)) == 1);
	EVP_PKEY_CTX_free(ctx);

	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	EXPECT(EVP_PKEY_decrypt_init(ctx) == 1);
	set_oaep(ctx, digest, mgf1, label);
	EXPECT(EVP_PKEY_decrypt(ctx, plaintext, &plaintext_len, ciphertext, ciphertext_len) == 1);
	EXPECT(plaintext_len == strlen(message) && memcmp(plaintext, message, plaintext_len) == 0);

	ciphertext[10] ^= 1;
	plaintext_len = sizeof(plaintext);
	EXPECT(EVP_PKEY_decrypt(ctx, plaintext, &plaintext_len, ciphertext, ciphertext_len) != 1);
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
}

/* decrypt KEY: OAEP with every hash, MGF1 hash and label */
int promise_decrypt(int argc, char **argv)
{
	EVP_PKEY *key, *public_half;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	round_trip(key, public_half, NULL, NULL, NULL);
	round_trip(key, key, "SHA1", NULL, NULL);
	round_trip(key, public_half, "SHA224", NULL, NULL);
	round_trip(key, key, "SHA256", NULL, "a label");
	round_trip(key, public_half, "SHA384", "SHA1", NULL);
	round_trip(key, public_half, "SHA512", "SHA256", "another");
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}

/* mid_hash KEY: a context copied half-way gives the same, and goes on by itself */
int promise_mid_hash(int argc, char **argv)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	EVP_PKEY *key, *public_half;
	unsigned char sig[1024];
	size_t sig_len = sizeof(sig);

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	public_half = host_public(key);
	EXPECT(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
	EXPECT(EVP_DigestSignUpdate(ctx, "one ", 4) == 1);
	EXPECT(EVP_MD_CTX_copy_ex(copy, ctx) == 1);
	EXPECT(EVP_DigestSignUpdate(ctx, "two", 3) == 1);
	EXPECT(EVP_DigestSignUpdate(copy, "three", 5) == 1);
	EXPECT(EVP_DigestSignFinal(ctx, sig, &sig_len) == 1);
	EXPECT(host_verifies(public_half, "SHA256", sig, sig_len, "one two"));
	EVP_MD_CTX_free(ctx);
	sig_len = sizeof(sig);
	EXPECT(EVP_DigestSignFinal(copy, sig, &sig_len) == 1);
	EXPECT(host_verifies(public_half, "SHA256", sig, sig_len, "one three"));
	EVP_MD_CTX_free(copy);
	EVP_PKEY_free(public_half);
	EVP_PKEY_free(key);
	return 0;
}

/* rounds KEY: 20 signatures by different paths, and much that is none; the script
 * counts what reached the daemon */
int promise_rounds(int argc, char **argv)
{
	EVP_PKEY *key;
	unsigned char sig[1024];
	size_t sig_len;

	EXPECT(argc == 1);
	key = host_load(NULL, argv[0]);
	for (int i = 0; i < 10; i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();

		/* what libssl does to see whether it could */
		EXPECT(EVP_DigestSignInit_ex(ctx, NULL, host_digest(key), NULL, NULL, key, NULL) == 1);
		EVP_MD_CTX_free(ctx);
		host_sign_and_verify(NULL, key, message);
		if (host_digest(key) != NULL) {
			sig_len = sign_in_parts(key, "SHA256", sig);
			EXPECT(host_verifies(key, "SHA256", sig, sig_len, message));
		} else {
			host_sign_and_verify(NULL, key, message);
		}
	}
	EVP_PKEY_free(key);
	return 0;
}

/* Gives the AlgorithmIdentifier that a context says its signatures have; returns its length. */
static size_t algorithm_identifier(EVP_PKEY *key, const char *digest, const char *mgf1, int salt, unsigned char out[256])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	OSSL_PARAM params[2];

	EXPECT(EVP_DigestSignInit_ex(ctx, &pctx, digest, NULL, NULL, key, NULL) == 1);
	if (mgf1 != NULL)
		set_pss(pctx, salt, mgf1);
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, out, 256);
	params[1] = OSSL_PARAM_construct_end();
	EXPECT(EVP_PKEY_CTX_get_params(pctx, params) == 1);
	EXPECT(OSSL_PARAM_modified(&params[0]));
	EVP_MD_CTX_free(ctx);
	return params[0].return_size;
}

static void same_identifier(EVP_PKEY *key, EVP_PKEY *software, const char *digest, const char *mgf1, int salt)
{
	unsigned char ours[256], theirs[256];
	size_t ours_len = algorithm_identifier(key, digest, mgf1, salt, ours);
	size_t theirs_len = algorithm_identifier(software, digest, mgf1, salt, theirs);

	EXPECT(ours_len == theirs_len && memcmp(ours, theirs, ours_len) == 0);
}

/* identifier KEY SOFTWARE-KEY: AlgorithmIdentifiers are, to the byte, the default provider's;
 * both keys are of one type and size */
int promise_identifier(int argc, char **argv)
{
	static const char *const digests[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };
	static const int salts[] = { 0, 20, 32, 130 };
	EVP_PKEY *key, *software;
	size_t n = sizeof(digests) / sizeof(digests[0]);

	EXPECT(argc == 2);
	key = host_load(NULL, argv[0]);
	software = host_load(NULL, argv[1]);
	if (host_digest(key) == NULL)
		same_identifier(key, software, NULL, NULL, 0);
	for (size_t i = 0; host_digest(key) != NULL && i < n; i++)
		same_identifier(key, software, digests[i], NULL, 0);
	for (size_t i = 0; EVP_PKEY_is_a(key, "RSA") && i < n * n * 4; i++)
		same_identifier(key, software, digests[i % n], digests[i / n % n], salts[i / n / n]);
	EVP_PKEY_free(key);
	EVP_PKEY_free(software);
	return 0;
}
