/* SPDX-License-Identifier: Apache-2.0 */
/* Decryption: OAEP as OpenSSL encrypts it, and RSA1_5 without an oracle. */
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "daemon/backend/rsa_depad.h"
#include "tests/unit/backend_rig.h"

static struct key_material material;
static struct backend_key *key;
static EVP_PKEY *public;

static void start_with(enum key_kind kind)
{
	start();
	material = rig_material(kind);
	key = rig_open(&material);
	public = rig_public(&material);
}

static void stop(void)
{
	EVP_PKEY_free(public);
	backend_key_close(key);
}

static enum sr_err decrypt(struct decrypt_params params, uint8_t *out, size_t *n)
{
	enum sr_err err = backend_decrypt(key, &params, out, n, &detail);

	CHECK(ERR_peek_error() == 0);
	CHECK(err == SR_OK || detail[0] != '\0');
	return err;
}

/* As a stranger encrypts: OpenSSL's default context, the public key. */
static size_t encrypt(int padding, const char *hash, const char *mgf, struct sr_bytes label, struct sr_bytes in, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);
	size_t n = 512;

	CHECK(EVP_PKEY_encrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1);
	if (padding == RSA_PKCS1_OAEP_PADDING)
		CHECK(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_get_digestbyname(hash)) == 1 &&
			EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(mgf)) == 1);
	if (label.n > 0)
		CHECK(EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_memdup(label.p, label.n), (int)label.n) == 1);
	CHECK(EVP_PKEY_encrypt(ctx, out, &n, in.p, in.n) == 1);
	EVP_PKEY_CTX_free(ctx);
	return n;
}

/* OAEP. */

PRISTINE(oaep_opens_what_openssl_sealed)
{
	static const uint8_t text[] = "sixteen bytes !!", label[] = "a label";
	static const char *const hashes[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };
	uint8_t sealed[512], out[PLAINTEXT_MAX];
	size_t sealed_n, n;

	start_with(KEY_rsa2048);
	for (enum decrypt_alg alg = 0; alg < DECRYPT_ALG_rsa1_5; alg++) {
		for (size_t h = 0; h < SR_COUNT(hashes); h++) {
			bool same = strcmp(hashes[h], decrypt_algs[alg].hash) == 0;
			struct sr_bytes with = { label, h % 2 == 0 ? sizeof(label) : 0 };
			struct sr_str mgf = same ? (struct sr_str){ NULL, 0 } : str_of(hashes[h]);
			struct decrypt_params params = { alg, { sealed, 0 }, mgf, with, 0 };

			sealed_n = encrypt(RSA_PKCS1_OAEP_PADDING, decrypt_algs[alg].hash, hashes[h], with,
				(struct sr_bytes){ text, sizeof(text) }, sealed);
			params.ciphertext.n = sealed_n;
			CHECK(decrypt(params, out, &n) == SR_OK && n == sizeof(text) && memcmp(out, text, n) == 0);

			params.label = (struct sr_bytes){ text, 3 };
			CHECK(decrypt(params, out, &n) == SR_CRYPTO);
			params.label = with;
			params.mgf = same ? SR_STR("SHA1") : (struct sr_str){ NULL, 0 };
			CHECK(decrypt(params, out, &n) == SR_CRYPTO || (same && alg == DECRYPT_ALG_rsa_oaep));
			params.mgf = mgf;
			params.alg = (alg + 1) % DECRYPT_ALG_rsa1_5;
			CHECK(decrypt(params, out, &n) == SR_CRYPTO);
		}
	}
	stop();
}

PRISTINE(oaep_opens_the_shortest_and_the_longest)
{
	static const uint8_t text[512 - 42];
	uint8_t sealed[512], out[PLAINTEXT_MAX];
	size_t n;

	start_with(KEY_rsa4096);
	for (size_t len = 0; len <= sizeof(text); len += sizeof(text) / 2) {
		struct decrypt_params params = { DECRYPT_ALG_rsa_oaep, { sealed, 512 }, { NULL, 0 }, { NULL, 0 }, 0 };

		CHECK(encrypt(RSA_PKCS1_OAEP_PADDING, "SHA1", "SHA1", params.label, (struct sr_bytes){ text, len }, sealed) == 512);
		CHECK(decrypt(params, out, &n) == SR_OK && n == len);
		sealed[100] ^= 1;
		CHECK(decrypt(params, out, &n) == SR_CRYPTO);
	}
	stop();
}

PRISTINE(parameters_that_do_not_fit_are_refused)
{
	static uint8_t bytes[5000];
	uint8_t out[PLAINTEXT_MAX];
	size_t n;

	start_with(KEY_rsa2048);
	for (enum decrypt_alg alg = 0; alg < DECRYPT_ALGS; alg++) {
		for (size_t len = 0; len < 600; len += len % 256 == 255 ? 2 : 1)
			CHECK(len == 256 || decrypt((struct decrypt_params){ .alg = alg, .ciphertext = { bytes, len } }, out, &n) == SR_BAD_PARAMETER);
		/* Not below the modulus. */
		memset(bytes, 0xff, 256);
		CHECK(decrypt((struct decrypt_params){ .alg = alg, .ciphertext = { bytes, 256 } }, out, &n) == SR_CRYPTO);
	}
	memset(bytes, 0, sizeof(bytes));
	CHECK(decrypt((struct decrypt_params){ .alg = DECRYPT_ALG_rsa_oaep, .ciphertext = { bytes, 256 }, .mgf = SR_STR("MD5") }, out, &n) == SR_BAD_PARAMETER);
	CHECK(decrypt((struct decrypt_params){ .alg = DECRYPT_ALG_rsa_oaep, .ciphertext = { bytes, 256 }, .label = { bytes, 5000 } }, out, &n) == SR_BAD_PARAMETER);
	CHECK(decrypt((struct decrypt_params){ .alg = DECRYPT_ALG_rsa1_5, .ciphertext = { bytes, 256 }, .length = 246 }, out, &n) == SR_BAD_PARAMETER);
	CHECK(decrypt((struct decrypt_params){ .alg = DECRYPT_ALG_rsa1_5, .ciphertext = { bytes, 256 }, .length = UINT64_MAX }, out, &n) == SR_BAD_PARAMETER);
	stop();
}

PRISTINE(only_rsa_decrypts)
{
	static const uint8_t bytes[512];
	uint8_t out[PLAINTEXT_MAX];
	size_t n;

	start();
	for (enum key_kind kind = KEY_p256; kind < KEY_KINDS; kind++) {
		material = rig_material(kind);
		key = rig_open(&material);
		for (enum decrypt_alg alg = 0; alg < DECRYPT_ALGS; alg++)
			CHECK(decrypt((struct decrypt_params){ .alg = alg, .ciphertext = { bytes, key_kinds[kind].size / 8 } }, out, &n) == SR_UNSUPPORTED);
		backend_key_close(key);
	}
}

/* RSA1_5, whole. */

static struct decrypt_params rsa1_5(const uint8_t *sealed, uint64_t length)
{
	return (struct decrypt_params){ DECRYPT_ALG_rsa1_5, { sealed, key_kinds[material.kind].size / 8 }, { NULL, 0 }, { NULL, 0 }, length };
}

PRISTINE(rsa1_5_opens_what_openssl_sealed)
{
	uint8_t text[512], sealed[512], out[PLAINTEXT_MAX];
	size_t n;

	start_with(KEY_rsa2048);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 5);
	for (size_t len = 0; len <= 256 - 11; len += 7) {
		CHECK(encrypt(RSA_PKCS1_PADDING, NULL, NULL, (struct sr_bytes){ NULL, 0 }, (struct sr_bytes){ text, len }, sealed) == 256);
		CHECK(decrypt(rsa1_5(sealed, 0), out, &n) == SR_OK && n == len && memcmp(out, text, n) == 0);
		CHECK(decrypt(rsa1_5(sealed, len), out, &n) == SR_OK && n == len && memcmp(out, text, n) == 0);
		/* Another length than the one asked for counts as bad padding. */
		CHECK(decrypt(rsa1_5(sealed, len + 1 <= 245 ? len + 1 : 1), out, &n) == SR_OK);
		CHECK(n == (len + 1 <= 245 ? len + 1 : 1));
		CHECK(n < 8 || memcmp(out, text, n) != 0);
	}
	stop();
}

/* Raw RSA with the public key: a ciphertext of any block, well padded or not. */
static void seal_raw(const uint8_t *block, uint8_t *sealed)
{
	CHECK(encrypt(RSA_NO_PADDING, NULL, NULL, (struct sr_bytes){ NULL, 0 }, (struct sr_bytes){ block, 256 }, sealed) == 256);
}

static void good_block(uint8_t block[256], size_t length)
{
	memset(block, 0x55, 256);
	block[0] = 0;
	block[1] = 2;
	block[255 - length] = 0;
	memset(block + 256 - length, 0xaa, length);
}

PRISTINE(rsa1_5_never_tells_of_bad_padding)
{
	static const struct { size_t at; uint8_t value; } flaws[] = { { 0, 1 }, { 1, 1 }, { 1, 0 }, { 2, 0 }, { 9, 0 }, { 255 - 48, 1 } };
	uint8_t block[256], sealed[256], out[PLAINTEXT_MAX], again[PLAINTEXT_MAX];
	size_t n, again_n;

	start_with(KEY_rsa2048);
	good_block(block, 48);
	seal_raw(block, sealed);
	CHECK(decrypt(rsa1_5(sealed, 48), out, &n) == SR_OK && n == 48 && out[0] == 0xaa && out[47] == 0xaa);
	for (size_t i = 0; i < SR_COUNT(flaws); i++) {
		struct backend_key *first = key;

		good_block(block, 48);
		block[flaws[i].at] = flaws[i].value;
		seal_raw(block, sealed);
		CHECK(decrypt(rsa1_5(sealed, 0), out, &n) == SR_OK && n <= 245);
		CHECK(n < 8 || memmem(block, 256, out, 8) == NULL);
		/* The same answer each time, also by the key opened anew. */
		key = rig_open(&material);
		CHECK(decrypt(rsa1_5(sealed, 0), again, &again_n) == SR_OK && again_n == n && memcmp(again, out, n) == 0);
		backend_key_close(key);
		key = first;
		CHECK(decrypt(rsa1_5(sealed, 48), out, &n) == SR_OK && n == 48);
		CHECK(memmem(block, 256, out, 8) == NULL);
	}
	stop();
}

/* As OpenSSL 4.0 answers; of ciphertexts whose padding is bad. */
static const struct vector {
	const char *pem;
	unsigned bits, seed;
	const char *plaintext;           /* hex */
} vectors[] = {
	{ PEM_RSA2048, 2048, 0, "1ab4" },
	{ PEM_RSA2048, 2048, 1,
		"33eed05d123c1596d2794d3ef73718b36edc202e17c3b284f63ffd91cc9d5b9b9742526b452c2f20e3d4d37d70fca3c8"
		"d1ed32ed13af52e4ebe57bb56de0ded54812f7f63158f01533571090221273754dbc2182220f14bcc65ff5b426ae0df8"
		"8c0d5e8402dbe8c3fcb6e3a727ae6a5789968cdecfd7ca41157948cd563070733e6c070d50cc2caf" },
	{ PEM_RSA2048, 2048, 2,
		"a81db2dc13fdacf5ecf86924b5e834e41c50b478f2b0d8d85fa3b47137ec9f09802258571e0b738307a133004be2a13b"
		"c6b8b14fc790c798494e757b3a5d9afc5588f8b807bdd5b7a10d900fec4c45bf40c095eea58c5ea9ac46f496d7ddc32b"
		"23ea792aea2fe07ea37596bf4bd825dd13c019b938f9bf983ea7d8875e3d7db84f1ef3f9cc1ccfcc42d9d903c721414b"
		"f1909f8c5d776982c567ea2e25dbb4cb8464793c614a904007ed2e330ae84517d44f64c16928b413198d055a7058a6e3"
		"6eaaac8088a2224f8e16a83b95fa71dd1954c5ceb2c422655dc0d4e70c89deae1ceb5c88e739939ffea36185d3d130ca" },
	{ PEM_RSA2048, 2048, 3,
		"0df049326c4f190592d8110b5c4bc92a59e51fb998521a99aec345edcbb145a5d12ce4773ce2a5214366ff54d08b9fb2"
		"6b5f3d4360dc5fc1f867ce03f7f3d9f30a186d87486e2a4e46594aaae6b1c98248e5606ae083bda8c28b259fc1a487ff"
		"47ed18cacc3d6c83440fae5aa6fa20e2eb2a1f487f515dd5c3939312bbbab8b76baabddeabd52d2a9eb07d08c7743c8a"
		"77d5a6d4a93671620357bc63ddc5648ea4af5a955c368d5836bd82ac17abbe0097cc7fe2c4642c73f310" },
	{ PEM_RSA2048, 2048, 4,
		"439482590d9178a68a602d85b04d054a0785a1a355df3fd4d6ce2fe24933267ca9d76b55d598ca02a90837d76c697ada"
		"1e415c4f5ed0a734f34c6fe51a842ac0e2b89abf0035611a04c80aac102ee0f9230c2e976b6e27037286aee4ae8b4570"
		"64c9de056e5bec0a8adab62c8b395b93f933fcf4cce0188064bb98c920c085aadb3801d506be68d11edacdfebcfccd07"
		"610807f79f56768528d3c5d1fe6c20af380e72fbc4cef80318fc1bd374f3019a9cf4727e" },
	{ PEM_RSA2048, 2048, 5,
		"1315aeeb2a8d79b8a55fb4dd8158bcfe3a530a7a7a563150818d0f70f73a7102866ea84d07b41d49bdaba87adadf44f9"
		"fe3577b53266ed75fd0df4feb00fa4812969e4e3ef063e5aa2fb18f46802d9264567f5c39b35a94eadc044b2e71e995a"
		"283037c0e6abb8ab92b49ad28e557aa9854ff3fba2f7b35f39c54bdbc8d5acc77cd2f4811aae0ddc3c4cfcf9da20f0f0"
		"c2b4307d" },
	{ PEM_RSA3072, 3072, 0,
		"7aa0dcd124b75a15e5f869599ea949ef1e248ec77aed9eb70e9377f011815d4f2b065f61cc56fb2d432f1269e215f0f8"
		"d53ae7daf70d56433d30163dc4e631726739783ece10703b31a23a42872dddf51322338daab8e5d670b366d8b3a536f3"
		"3e52a4cdebef0f6159a504998188b198600d2f712876a4e58fdd84a9d3c2a55cf427522beb695700ad38b9e2799927a2"
		"000f0ba2c55a0e06870a532748a5aa94a6e55255550724662ace4d172cba6e" },
	{ PEM_RSA3072, 3072, 1,
		"1430f6e1ec3b675a0ba3a5c48e8647bfbda8d9abb53aec39a5845fcb0e8ac23da66b00f3843b8ff453e1811bf086afbe"
		"405fa0f858a1ad78523794b1867aca91010fe51086ee64b414a9fc9c19ab5a99a7ea54348b00a93049f254bad88c9b4b"
		"d576b6096211b6be192707071d89ba9212934233aa5334a69d331ceb62141d5fcd730454d56d4c8ae10ddf0cc3ec02b5"
		"2f5c6645cc7a3864281d922f1ffa6a810d" },
	{ PEM_RSA3072, 3072, 2,
		"11429de90a06029848b74ee7db645ee863b6313c44724dd9add24ca8f1a05346ad04d16ea29923b007ce73" },
	{ PEM_RSA4096, 4096, 0,
		"0a986a1568232bbae46d682736e87f0b2af638c9461ed1ffefe1426b8f2beaad229086995eabfd728176b87edbbb21bf"
		"f15a9d8800ff03043100222f50399547e34ee40a07c61e5a422280d60dddbaac19fe94e1486a1c23a12699ea20c64864"
		"717ae41fd39764494d426c630690af241500ed836c92289a0659ef35d1e0bb0455e0462d6aa78a1ecb6795eed23e7cff"
		"f03a4741bfc3d73a3a61485f73507cc7b7ff987bbc9c37802f6ea4edbadd44c78a4a33d028f62a83c211927ce9fe8acd"
		"f9a21114faf781de19b5b7587bb4612e72dc920a306b06" },
	{ PEM_RSA4096, 4096, 1, "3126953d96c289a986e20c1c28f77db36ea1d7acd03fd845bc733e19df" },
	{ PEM_RSA4096, 4096, 2,
		"45afa76890aac7bde1174ff1a94f4061c6b383eb7dd5b8f64dc5beb0d654e6c224c182eb5674340f57a35fb7" },
};

PRISTINE(rejection_is_as_others_do_it)
{
	uint8_t sealed[512], out[PLAINTEXT_MAX], expected[512];
	size_t n;

	start();
	for (size_t v = 0; v < SR_COUNT(vectors); v++) {
		size_t size = vectors[v].bits / 8, expected_n = strlen(vectors[v].plaintext) / 2;

		CHECK(rig_import(rig_text(vectors[v].pem), "", &material) == SR_OK);
		key = rig_open(&material);
		for (size_t i = 0; i < size; i++)
			sealed[i] = i == 0 ? 0 : (uint8_t)(i * 7 + vectors[v].seed * 13 + 1);
		CHECK(hex_decode(str_of(vectors[v].plaintext), expected, expected_n));
		CHECK(decrypt(rsa1_5(sealed, 0), out, &n) == SR_OK);
		CHECK(n == expected_n && memcmp(out, expected, n) == 0);
		backend_key_close(key);
		arena_reset(&arena);
	}
}

/* The libcrypto at hand, where it rejects implicitly (3.2 and later), as a witness. */
static size_t witness(EVP_PKEY *private, const uint8_t *sealed, size_t sealed_n, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(private, NULL);
	size_t n = PLAINTEXT_MAX;

	CHECK(EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
	CHECK(EVP_PKEY_decrypt(ctx, out, &n, sealed, sealed_n) == 1);
	EVP_PKEY_CTX_free(ctx);
	return n;
}

PRISTINE(rejection_agrees_with_libcrypto)
{
	uint8_t sealed[512] = { 0 }, out[PLAINTEXT_MAX], expected[PLAINTEXT_MAX];

	if (OPENSSL_version_major() == 3 && OPENSSL_version_minor() < 2) {
		fprintf(stderr, "skipped: this libcrypto does not reject implicitly\n");
		return;
	}
	for (enum key_kind kind = KEY_rsa2048; kind <= KEY_rsa4096; kind++) {
		size_t size = key_kinds[kind].size / 8, n, expected_n;
		EVP_PKEY *private;

		if (kind == KEY_rsa2048)
			start();
		material = rig_material(kind);
		key = rig_open(&material);
		private = rig_private(&material);
		for (unsigned i = 0; i < 50; i++) {
			for (size_t at = 1; at < size; at++)
				sealed[at] = (uint8_t)rand();
			CHECK(decrypt(rsa1_5(sealed, 0), out, &n) == SR_OK);
			expected_n = witness(private, sealed, size, expected);
			CHECK(n == expected_n && memcmp(out, expected, n) == 0);
		}
		EVP_PKEY_free(private);
		backend_key_close(key);
	}
}

/* The depadding alone, against a plain version of the draft's words. */

static const uint8_t base[32] = { 9, 8, 7 };

static void plain_prf(const uint8_t *prf_key, const char *label, uint8_t *out, size_t n)
{
	uint8_t in[32], block[32];
	size_t label_n = strlen(label);

	for (size_t i = 0; i < n; i += 32) {
		in[0] = 0;
		in[1] = (uint8_t)(i / 32);
		memcpy(in + 2, label, label_n);
		in[2 + label_n] = (uint8_t)(n * 8 >> 8);
		in[3 + label_n] = (uint8_t)(n * 8);
		HMAC(EVP_sha256(), prf_key, 32, in, 4 + label_n, block, NULL);
		memcpy(out + i, block, n - i < 32 ? n - i : 32);
	}
}

static size_t plain_depad(const struct rsa_depad *in, uint8_t *out)
{
	uint8_t kdk[32], lengths[256], text[512];
	size_t synthetic = 0, mask = 1, at;

	HMAC(EVP_sha256(), in->base, 32, in->ciphertext, in->n, kdk, NULL);
	plain_prf(kdk, "length", lengths, 256);
	plain_prf(kdk, "message", text, in->n);
	while (mask < in->n - 10)
		mask = mask * 2 + 1;
	for (size_t i = 0; i < 256; i += 2) {
		size_t candidate = ((size_t)lengths[i] << 8 | lengths[i + 1]) & mask;

		if (candidate < in->n - 10)
			synthetic = candidate;
	}
	if (in->length != 0)
		synthetic = in->length;
	for (at = 2; at < in->n && in->em[at] != 0; at++)
		;
	if (in->em[0] != 0 || in->em[1] != 2 || at < 10 || at == in->n || (in->length != 0 && in->n - 1 - at != in->length)) {
		memcpy(out, text + in->n - synthetic, synthetic);
		return synthetic;
	}
	memcpy(out, in->em + at + 1, in->n - 1 - at);
	return in->n - 1 - at;
}

static void check_depad(const uint8_t *em, size_t n, uint32_t seed, size_t length)
{
	uint8_t ciphertext[512], got[512], expected[512];
	struct rsa_depad in = { base, ciphertext, em, n, length };
	size_t got_n, expected_n;

	memset(ciphertext, 0, sizeof(ciphertext));
	memcpy(ciphertext, &seed, sizeof(seed));
	got_n = rsa_depad(&in, got);
	expected_n = plain_depad(&in, expected);
	CHECK(got_n == expected_n && got_n <= n - 11 && memcmp(got, expected, got_n) == 0);
	for (size_t i = got_n; i < n; i++)
		CHECK(got[i] == 0);
}

PRISTINE(depad_is_the_drafts_for_every_separator)
{
	static const size_t sizes[] = { 64, 255, 256, 384, 512 };
	uint8_t em[512];

	for (size_t s = 0; s < SR_COUNT(sizes); s++) {
		size_t n = sizes[s];

		for (size_t at = 0; at <= n; at++) {
			memset(em, 0x33, n);
			em[0] = 0;
			em[1] = 2;
			if (at < n)
				em[at] = 0;
			check_depad(em, n, (uint32_t)at, 0);
			check_depad(em, n, (uint32_t)at, at >= 10 && at + 1 < n ? n - 1 - at : 1);
			check_depad(em, n, (uint32_t)at, n - 11);
		}
		for (unsigned v = 0; v < 256; v++) {
			memset(em, 0x33, n);
			em[n - 5] = 0;
			em[0] = (uint8_t)v;
			em[1] = 2;
			check_depad(em, n, v, 0);
			em[0] = 0;
			em[1] = (uint8_t)v;
			check_depad(em, n, v, v % 2 == 0 ? 4 : 0);
		}
	}
}

/* Lengths of synthetic messages are spread over all that can be. */
PRISTINE(synthetic_lengths_are_spread_evenly)
{
	static unsigned seen[256];
	uint8_t em[256] = { 1 }, ciphertext[256] = { 0 }, out[256];
	struct rsa_depad in = { base, ciphertext, em, 256, 0 };
	const unsigned rounds = 246 * 40;

	for (uint32_t i = 0; i < rounds; i++) {
		memcpy(ciphertext, &i, sizeof(i));
		seen[rsa_depad(&in, out)]++;
	}
	for (size_t i = 0; i < 246; i++)
		CHECK(seen[i] > 10 && seen[i] < 90);
	for (size_t i = 246; i < 256; i++)
		CHECK(seen[i] == 0);
}
