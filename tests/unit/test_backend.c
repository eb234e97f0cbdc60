/* SPDX-License-Identifier: Apache-2.0 */
/* Software keys: made, opened, and signing, judged by plain OpenSSL. */
#include <openssl/core_names.h>
#include <openssl/provider.h>
#include <pthread.h>

#include "tests/unit/backend_rig.h"

#define ALL_KINDS(kind) enum key_kind kind = 0; kind < KEY_KINDS; kind++
#define ALL_ALGS(alg)   enum sign_alg alg = 0; alg < SIGN_ALGS; alg++

static const uint8_t message[] = "What the caller wants to have signed";

/* Which curve an algorithm names; NULL: any of its type. */
static const char *curve_of(enum sign_alg alg)
{
	return alg == SIGN_ALG_es256 ? "P-256" : alg == SIGN_ALG_es384 ? "P-384" :
		alg == SIGN_ALG_es512 ? "P-521" : alg == SIGN_ALG_es256k ? "P-256K" : NULL;
}

static bool fits(enum key_kind kind, enum sign_alg alg)
{
	if (strcmp(key_kinds[kind].kty, sign_algs[alg].kty) != 0)
		return false;
	return curve_of(alg) == NULL || strcmp(curve_of(alg), key_kinds[kind].crv) == 0;
}

static size_t digest(const char *hash, uint8_t out[64])
{
	unsigned n;

	CHECK(EVP_Digest(message, sizeof(message), out, &n, EVP_get_digestbyname(hash), NULL));
	return n;
}

/* What stands in the signature, if it is good; by the default context. */
static bool verifies(EVP_PKEY *public, enum sign_alg alg, struct sr_bytes input, int salt, const char *mgf,
	const uint8_t *sig, size_t n)
{
	const struct sign_alg_info *info = &sign_algs[alg];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public, NULL);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good;

	if (info->padding == SIGN_MESSAGE) {
		CHECK(EVP_DigestVerifyInit(md, NULL, NULL, NULL, public));
		good = EVP_DigestVerify(md, sig, n, input.p, input.n) == 1;
	} else {
		CHECK(EVP_PKEY_verify_init(ctx) == 1);
		if (strcmp(info->kty, "RSA") == 0)
			CHECK(EVP_PKEY_CTX_set_rsa_padding(ctx, info->padding == SIGN_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1);
		if (strcmp(info->kty, "RSA") == 0 && info->hash[0] != '\0')
			CHECK(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(info->hash)) == 1);
		if (info->padding == SIGN_PSS)
			CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1 &&
				EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(mgf)) == 1);
		good = EVP_PKEY_verify(ctx, sig, n, input.p, input.n) == 1;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return good;
}

/* Generation. */

PRISTINE(generated_keys_are_of_their_kind_and_canonical)
{
	start();
	for (ALL_KINDS(kind)) {
		struct key_material m, again;
		EVP_PKEY *public, *private;
		char group[32] = "";

		CHECK(backend_generate(backend, kind, &arena, &m) == SR_OK && m.kind == kind);
		CHECK(locked_contains(m.private_key.p, m.private_key.n));
		public = rig_public(&m);
		private = rig_private(&m);
		CHECK(EVP_PKEY_is_a(public, key_kinds[kind].type) && EVP_PKEY_eq(public, private) == 1);
		CHECK(EVP_PKEY_get_bits(public) == (int)key_kinds[kind].size || key_kinds[kind].kty[0] == 'O');
		if (key_kinds[kind].group[0] != '\0') {
			CHECK(EVP_PKEY_get_group_name(public, group, sizeof(group), NULL));
			CHECK(strcmp(group, key_kinds[kind].group) == 0);
			CHECK(memchr(m.spki.p, 4, 40) != NULL);
		}
		CHECK(rig_import(m.private_key, "", &again) == SR_OK && again.kind == kind);
		CHECK(again.private_key.n == m.private_key.n && again.spki.n == m.spki.n);
		CHECK(memcmp(again.private_key.p, m.private_key.p, m.private_key.n) == 0);
		CHECK(memcmp(again.spki.p, m.spki.p, m.spki.n) == 0);
		EVP_PKEY_free(public);
		EVP_PKEY_free(private);
	}
}

PRISTINE(small_arena_is_said_to_be_small)
{
	struct key_material m;
	uint8_t block[64];
	struct arena small = { block, sizeof(block), 0 };

	start();
	CHECK(backend_generate(backend, KEY_p256, &small, &m) == SR_NOMEM);
	CHECK(ERR_peek_error() == 0);
}

/* Names. */

PRISTINE(kinds_and_algorithms_are_found_by_name)
{
	static const struct { const char *kty, *crv; uint64_t size; int kind; } cases[] = {
		{ "RSA", "", 0, KEY_rsa2048 }, { "RSA", "", 3072, KEY_rsa3072 }, { "RSA", "", 4096, KEY_rsa4096 },
		{ "RSA", "", 1024, -1 }, { "RSA", "", 2049, -1 }, { "RSA", "P-256", 0, -1 },
		{ "EC", "", 0, KEY_p256 }, { "EC", "P-256K", 0, KEY_p256k }, { "EC", "P-521", 521, KEY_p521 },
		{ "EC", "P-521", 256, -1 }, { "EC", "Ed25519", 0, -1 }, { "EC", "P-257", 0, -1 }, { "EC", "p-256", 0, -1 },
		{ "OKP", "", 0, KEY_ed25519 }, { "OKP", "Ed448", 0, KEY_ed448 }, { "OKP", "P-256", 0, -1 },
		{ "", "", 0, -1 }, { "oct", "", 0, -1 }, { "rsa", "", 0, -1 }, { "EC", "", 256, KEY_p256 },
	};
	enum sign_alg sign;
	enum decrypt_alg decrypt;
	enum key_kind kind;

	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		enum sr_err err = key_kind_find(str_of(cases[i].kty), str_of(cases[i].crv), cases[i].size, &kind, &detail);

		CHECK(err == (cases[i].kind < 0 ? SR_BAD_PARAMETER : SR_OK));
		CHECK(err == SR_OK ? (int)kind == cases[i].kind : detail[0] != '\0');
	}
	for (ALL_ALGS(alg))
		CHECK(sign_alg_find(str_of(sign_algs[alg].name), &sign) == SR_OK && sign == alg);
	for (enum decrypt_alg alg = 0; alg < DECRYPT_ALGS; alg++)
		CHECK(decrypt_alg_find(str_of(decrypt_algs[alg].name), &decrypt) == SR_OK && decrypt == alg);
	CHECK(sign_alg_find(SR_STR("RS25"), &sign) == SR_UNSUPPORTED);
	CHECK(sign_alg_find(SR_STR(""), &sign) == SR_UNSUPPORTED);
	CHECK(decrypt_alg_find(SR_STR("RSA-OAEP-2566"), &decrypt) == SR_UNSUPPORTED);
}

/* Signatures. */

static void check_signature(const struct key_material *m, struct backend_key *key, enum sign_alg alg, bool has_digest)
{
	const struct sign_alg_info *info = &sign_algs[alg];
	EVP_PKEY *public = rig_public(m);
	uint8_t sig[SIGNATURE_MAX], hashed[64];
	size_t n = 0, hashed_n = digest(info->hash[0] != '\0' ? info->hash : "SHA256", hashed);
	struct sr_bytes input = info->padding == SIGN_MESSAGE ? (struct sr_bytes){ message, sizeof(message) } :
		(struct sr_bytes){ hashed, hashed_n };
	struct sr_bytes given = has_digest ? input : (struct sr_bytes){ message, sizeof(message) };

	CHECK(rig_sign(key, (struct sign_params){ alg, has_digest, given, -1, { NULL, 0 } }, sig, &n) == SR_OK);
	CHECK(n > 0 && n <= SIGNATURE_MAX);
	CHECK(verifies(public, alg, input, (int)info->digest_len, info->hash, sig, n));
	sig[n / 2] ^= 1;
	CHECK(!verifies(public, alg, input, (int)info->digest_len, info->hash, sig, n));
	EVP_PKEY_free(public);
}

/* Every kind with every algorithm, digest or message: verified, or refused. */
PRISTINE(signatures_verify_and_misfits_are_refused)
{
	uint8_t sig[SIGNATURE_MAX];
	size_t n, done = 0;

	start();
	for (ALL_KINDS(kind)) {
		struct key_material m = rig_material(kind);
		struct backend_key *key = rig_open(&m);

		for (ALL_ALGS(alg)) {
			bool takes_digest = sign_algs[alg].padding != SIGN_MESSAGE;
			bool takes_message = !takes_digest || sign_algs[alg].hash[0] != '\0';
			struct sr_bytes input = { message, sign_algs[alg].digest_len };

			if (!fits(kind, alg)) {
				CHECK(rig_sign(key, (struct sign_params){ alg, true, input, -1, { NULL, 0 } }, sig, &n) == SR_UNSUPPORTED);
				CHECK(detail[0] != '\0');
				continue;
			}
			for (unsigned has_digest = 0; has_digest < 2; has_digest++) {
				if (has_digest ? takes_digest : takes_message)
					check_signature(&m, key, alg, has_digest);
				else
					CHECK(rig_sign(key, (struct sign_params){ alg, has_digest, { message, 32 }, -1, { NULL, 0 } }, sig, &n) == SR_BAD_PARAMETER);
			}
			done++;
		}
		backend_key_close(key);
	}
	CHECK(done == 3 * 11 + 4 * 2 + 2);
}

PRISTINE(digest_of_a_wrong_length_is_refused)
{
	struct key_material rsa, p256, p521;
	struct backend_key *keys[3];
	static const uint8_t input[512];
	uint8_t sig[SIGNATURE_MAX];
	size_t n;

	start();
	rsa = rig_material(KEY_rsa2048);
	p256 = rig_material(KEY_p256);
	p521 = rig_material(KEY_p521);
	keys[0] = rig_open(&rsa);
	keys[1] = rig_open(&p256);
	keys[2] = rig_open(&p521);
	for (ALL_ALGS(alg)) {
		const struct sign_alg_info *info = &sign_algs[alg];
		struct backend_key *key = info->kty[0] == 'R' ? keys[0] : alg == SIGN_ALG_es512 ? keys[2] : keys[1];
		size_t max = alg == SIGN_ALG_rsnull ? 256 - 11 : 64;

		if (info->padding == SIGN_MESSAGE || alg == SIGN_ALG_es384 || alg == SIGN_ALG_es256k)
			continue;
		for (size_t len = 0; len <= 300; len++) {
			bool right = info->digest_len != 0 ? len == info->digest_len : len >= 1 && len <= max;

			if (right && len % 16 != 0 && len != 1 && len != max)
				continue;       /* sparing time */
			CHECK(rig_sign(key, (struct sign_params){ alg, true, { input, len }, -1, { NULL, 0 } }, sig, &n) ==
				(right ? SR_OK : SR_BAD_PARAMETER));
		}
	}
	for (size_t i = 0; i < 3; i++)
		backend_key_close(keys[i]);
}

/* A digest longer than the order is cut by ECDSA itself; by both sides alike. */
PRISTINE(ecdsa_takes_digests_of_any_length)
{
	uint8_t input[64], sig[SIGNATURE_MAX];
	size_t n;

	start();
	memset(input, 0xd1, sizeof(input));
	for (enum key_kind kind = KEY_p256; kind <= KEY_p256k; kind++) {
		struct key_material m = rig_material(kind);
		struct backend_key *key = rig_open(&m);
		EVP_PKEY *public = rig_public(&m);

		for (size_t len = 1; len <= 64; len += 7) {
			CHECK(rig_sign(key, (struct sign_params){ SIGN_ALG_ecdsa, true, { input, len }, -1, { NULL, 0 } }, sig, &n) == SR_OK);
			CHECK(verifies(public, SIGN_ALG_ecdsa, (struct sr_bytes){ input, len }, 0, "", sig, n));
		}
		EVP_PKEY_free(public);
		backend_key_close(key);
	}
}

PRISTINE(rsnull_signs_what_stands_behind_the_padding)
{
	struct key_material m;
	struct backend_key *key;
	EVP_PKEY *public;
	uint8_t input[256 - 11], sig[SIGNATURE_MAX], raw[256];
	size_t n, raw_n = sizeof(raw);
	EVP_PKEY_CTX *ctx;

	start();
	m = rig_material(KEY_rsa2048);
	key = rig_open(&m);
	public = rig_public(&m);
	memset(input, 7, sizeof(input));
	CHECK(rig_sign(key, (struct sign_params){ SIGN_ALG_rsnull, true, { input, sizeof(input) }, -1, { NULL, 0 } }, sig, &n) == SR_OK);
	ctx = EVP_PKEY_CTX_new(public, NULL);
	CHECK(EVP_PKEY_verify_recover_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1);
	CHECK(EVP_PKEY_verify_recover(ctx, raw, &raw_n, sig, n) == 1 && raw_n == 256);
	CHECK(raw[0] == 0 && raw[1] == 1 && raw[2] == 0xff && raw[10] == 0 && memcmp(raw + 11, input, sizeof(input)) == 0);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(public);
	backend_key_close(key);
}

PRISTINE(pss_takes_any_salt_and_mask_hash_that_fit)
{
	static const struct { int64_t salt; const char *mgf; enum sr_err err; const char *mgf_name; } cases[] = {
		{ -1, "", SR_OK, "SHA256" }, { 0, "", SR_OK, "SHA256" }, { 1, "", SR_OK, "SHA256" }, { 20, "SHA1", SR_OK, "SHA1" },
		{ 32, "SHA2-512", SR_OK, "SHA512" }, { 222, "SHA384", SR_OK, "SHA384" }, { 223, "", SR_BAD_PARAMETER, "" },
		{ -2, "", SR_BAD_PARAMETER, "" }, { INT64_MAX, "", SR_BAD_PARAMETER, "" }, { INT64_MIN, "", SR_BAD_PARAMETER, "" },
		{ (int64_t)1 << 32, "", SR_BAD_PARAMETER, "" }, { -1, "MD5", SR_BAD_PARAMETER, "" },
		/* What one call asked for does not stick to the next. */
		{ 5, "SHA512", SR_OK, "SHA512" }, { -1, "", SR_OK, "SHA256" },
		{ -1, "SHA256 and a name that is much too long for any hash", SR_BAD_PARAMETER, "" },
	};
	struct key_material m;
	struct backend_key *key;
	EVP_PKEY *public;
	uint8_t hashed[64], sig[SIGNATURE_MAX];
	size_t n;

	start();
	m = rig_material(KEY_rsa2048);
	key = rig_open(&m);
	public = rig_public(&m);
	digest("SHA256", hashed);
	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct sign_params params = { SIGN_ALG_ps256, true, { hashed, 32 }, cases[i].salt, str_of(cases[i].mgf) };

		CHECK(rig_sign(key, params, sig, &n) == cases[i].err);
		if (cases[i].err == SR_OK)
			CHECK(verifies(public, SIGN_ALG_ps256, params.input, params.salt < 0 ? 32 : (int)params.salt, cases[i].mgf_name, sig, n));
	}
	EVP_PKEY_free(public);
	backend_key_close(key);
}

PRISTINE(eddsa_signs_messages_of_any_length)
{
	static uint8_t text[100000];
	uint8_t sig[SIGNATURE_MAX];
	size_t n;

	start();
	for (enum key_kind kind = KEY_ed25519; kind <= KEY_ed448; kind++) {
		struct key_material m = rig_material(kind);
		struct backend_key *key = rig_open(&m);
		EVP_PKEY *public = rig_public(&m);

		for (size_t len = 0; len <= sizeof(text); len = len * 7 + 1) {
			CHECK(rig_sign(key, (struct sign_params){ SIGN_ALG_eddsa, false, { text, len }, -1, { NULL, 0 } }, sig, &n) == SR_OK);
			CHECK(n == (kind == KEY_ed25519 ? 64 : 114));
			CHECK(verifies(public, SIGN_ALG_eddsa, (struct sr_bytes){ text, len }, 0, "", sig, n));
		}
		EVP_PKEY_free(public);
		backend_key_close(key);
	}
}

/* Opening. */

static void open_garbage(enum key_kind kind)
{
	struct key_material m = rig_material(kind);
	struct sr_secret garbage = rig_secret(m.private_key.p, m.private_key.n);
	struct backend_key *key = NULL;
	size_t cost;

	for (size_t n = 0; n < m.private_key.n; n++)
		CHECK(backend_key_open(backend, kind, (struct sr_secret){ m.private_key.p, n }, &key, &cost) == SR_CORRUPT);
	for (ALL_KINDS(other))
		CHECK(other == kind || backend_key_open(backend, other, m.private_key, &key, &cost) == SR_CORRUPT);
	memset(garbage.p, 0xff, garbage.n);
	CHECK(backend_key_open(backend, kind, garbage, &key, &cost) == SR_CORRUPT);
	CHECK(key == NULL && ERR_peek_error() == 0);
}

PRISTINE(stored_garbage_is_corrupt)
{
	size_t before = 0;

	start();
	for (unsigned pass = 0; pass < 2; pass++) {
		for (ALL_KINDS(kind))
			open_garbage(kind);
		arena_reset(&arena);
		CHECK(pass == 0 || rig_used() == before);
		before = rig_used();
	}
}

/* Threads. */

struct shared {
	struct backend_key *key;
	enum sign_alg alg;
	EVP_PKEY *public;
	unsigned rounds;
};

static void *sign_much(void *arg)
{
	struct shared *s = arg;
	uint8_t hashed[32] = { 1 }, sig[SIGNATURE_MAX];
	const char *said;
	size_t n;

	for (unsigned i = 0; i < s->rounds; i++) {
		struct sign_params params = { s->alg, s->alg != SIGN_ALG_eddsa, { hashed, sizeof(hashed) }, -1, { NULL, 0 } };

		hashed[0] = (uint8_t)i;
		CHECK(backend_sign(s->key, &params, sig, &n, &said) == SR_OK);
		CHECK(verifies(s->public, s->alg, params.input, 32, "SHA256", sig, n));
	}
	return NULL;
}

PRISTINE(many_threads_share_a_key)
{
	static const struct { enum key_kind kind; enum sign_alg alg; } cases[] = {
		{ KEY_p256, SIGN_ALG_es256 }, { KEY_ed25519, SIGN_ALG_eddsa }, { KEY_rsa2048, SIGN_ALG_rs256 }, { KEY_rsa2048, SIGN_ALG_ps256 },
	};
	pthread_t threads[6];

	start();
	for (size_t c = 0; c < SR_COUNT(cases); c++) {
		struct key_material m = rig_material(cases[c].kind);
		struct shared shared = { rig_open(&m), cases[c].alg, rig_public(&m), 50 };

		for (size_t i = 0; i < SR_COUNT(threads); i++)
			CHECK(locked_thread(&threads[i], (size_t)128 << 10, sign_much, &shared) == SR_OK);
		for (size_t i = 0; i < SR_COUNT(threads); i++)
			locked_join(threads[i]);
		EVP_PKEY_free(shared.public);
		backend_key_close(shared.key);
	}
}

/* Memory. */

static void use_everything(void)
{
	for (ALL_KINDS(kind)) {
		struct key_material m = rig_material(kind);
		struct backend_key *key = rig_open(&m);
		uint8_t sig[SIGNATURE_MAX], out[PLAINTEXT_MAX], bad[512] = { 0, 1 };
		size_t n;

		for (ALL_ALGS(alg)) {
			for (size_t len = 31; len < 34; len++) {
				struct sign_params sign = { alg, len != 31, { message, len }, len == 33 ? 5 : -1, SR_STR("SHA1") };

				(void)!rig_sign(key, sign, sig, &n);
			}
		}
		for (enum decrypt_alg alg = 0; alg < DECRYPT_ALGS; alg++) {
			struct decrypt_params decrypt = { alg, { bad, key_kinds[kind].size / 8 }, SR_STR("SHA1"), { message, 9 }, 0 };

			(void)!backend_decrypt(key, &decrypt, out, &n, &detail);
			CHECK(ERR_peek_error() == 0);
		}
		backend_key_close(key);
	}
	arena_reset(&arena);
}

PRISTINE(nothing_is_left_behind)
{
	size_t before;

	start();
	use_everything();
	before = rig_used();
	for (unsigned i = 0; i < 3; i++)
		use_everything();
	CHECK(rig_used() == before);
}

/* Takes the whole region but for about so many bytes. */
static size_t fill_region(void **taken, size_t max, size_t leave)
{
	static const size_t sizes[] = { 65536, 4096, 2048, 1024, 512, 256, 128, 64, 48, 32, 16 };
	size_t n = 0;
	void *rest = locked_alloc(leave);

	CHECK(rest != NULL);
	for (size_t i = 0; i < SR_COUNT(sizes); i++) {
		void *p;

		while (n < max && (p = locked_alloc(sizes[i])) != NULL)
			taken[n++] = p;
	}
	CHECK(n < max);
	locked_free(rest);
	return n;
}

/* With less and less memory: an error, never a crash, and all is well after. */
PRISTINE(full_region_is_an_error)
{
	static void *taken[200000];
	static const uint8_t digest_bytes[32], sealed[512] = { 0, 1 };
	size_t failed = 0;

	start();
	for (ALL_KINDS(kind)) {
		struct key_material m = rig_material(kind), made;
		struct backend_key *key;
		uint8_t sig[SIGNATURE_MAX], out[PLAINTEXT_MAX];
		size_t n, cost, mark = arena.used;
		enum sign_alg alg = kind <= KEY_rsa4096 ? SIGN_ALG_ps256 : kind <= KEY_p256k ? SIGN_ALG_ecdsa : SIGN_ALG_eddsa;
		struct sign_params sign = { alg, alg != SIGN_ALG_eddsa, { digest_bytes, 32 }, -1, { NULL, 0 } };
		struct decrypt_params decrypt = { DECRYPT_ALG_rsa1_5, { sealed, key_kinds[kind].size / 8 }, { NULL, 0 }, { NULL, 0 }, 0 };

		for (size_t leave = 16; leave <= 64 << 10; leave += leave < 8192 ? 256 : 4096) {
			size_t filled = fill_region(taken, SR_COUNT(taken), leave);
			enum sr_err err = backend_key_open(backend, kind, m.private_key, &key, &cost);

			CHECK(err == SR_OK || err == SR_NOMEM);
			failed += err != SR_OK;
			if (err == SR_OK) {
				err = rig_sign(key, sign, sig, &n);
				CHECK(err == SR_OK || err == SR_NOMEM);
				if (kind <= KEY_rsa4096)
					err = backend_decrypt(key, &decrypt, out, &n, &detail);
				CHECK(err == SR_OK || err == SR_NOMEM);
				backend_key_close(key);
			}
			err = backend_generate(backend, KEY_p256, &arena, &made);
			CHECK(err == SR_OK || err == SR_NOMEM);
			err = rig_import(m.private_key, "", &made);
			CHECK(err == SR_OK || err == SR_NOMEM);
			while (filled > 0)
				locked_free(taken[--filled]);
			arena.used = mark;
		}
		CHECK(backend_generate(backend, KEY_p256, &arena, &made) == SR_OK);
		CHECK(rig_import(m.private_key, "", &made) == SR_OK);
		CHECK(backend_key_open(backend, kind, m.private_key, &key, &cost) == SR_OK);
		CHECK(rig_sign(key, sign, sig, &n) == SR_OK);
		backend_key_close(key);
	}
	CHECK(failed > 0);
}

PRISTINE(backend_closes_whole)
{
	struct backend *other = NULL;
	size_t before;

	start();
	CHECK(backend_software_open(&other) == SR_OK);
	backend_close(other);
	before = rig_used();
	CHECK(backend_software_open(&other) == SR_OK);
	backend_close(other);
	CHECK(rig_used() == before);
	backend_close(NULL);
	backend_key_close(NULL);
}

/* openssl.cnf could load the strongroom provider into the daemon. */
PRISTINE(no_configuration_file_is_read)
{
	char path[] = "/tmp/strongroom-test-XXXXXX";
	static const char text[] = "openssl_conf = x\n[x]\nproviders = p\n[p]\nlegacy = l\n[l]\nactivate = 1\n";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1 && close(fd) == 0);
	CHECK(setenv("OPENSSL_CONF", path, 1) == 0);
	start();
	for (ALL_KINDS(kind)) {
		struct key_material m = rig_material(kind);
		EVP_PKEY *public = rig_public(&m);

		EVP_PKEY_free(public);
		backend_key_close(rig_open(&m));
	}
	CHECK(unlink(path) == 0);
	CHECK(!OSSL_PROVIDER_available(NULL, "legacy"));
	CHECK(OSSL_PROVIDER_available(NULL, "default"));
}

/* With nothing but the null provider there, whoever asks the default context fails. */
PRISTINE(default_context_is_never_asked)
{
	static const uint8_t digest_bytes[64], sealed[512] = { 0, 1 };
	OSSL_PROVIDER *null_provider;
	struct key_material m;
	uint8_t sig[SIGNATURE_MAX], out[PLAINTEXT_MAX];
	size_t n;

	start();
	null_provider = OSSL_PROVIDER_load(NULL, "null");
	CHECK(null_provider != NULL);
	CHECK(EVP_MD_fetch(NULL, "SHA256", NULL) == NULL);
	ERR_clear_error();
	for (ALL_KINDS(kind)) {
		struct backend_key *key;

		if (strcmp(key_kinds[kind].kty, "RSA") != 0 || kind == KEY_rsa2048)
			CHECK(backend_generate(backend, kind, &arena, &m) == SR_OK);
		m = rig_material(kind);
		key = rig_open(&m);
		for (ALL_ALGS(alg)) {
			bool whole = sign_algs[alg].padding == SIGN_MESSAGE;
			size_t len = sign_algs[alg].digest_len != 0 ? sign_algs[alg].digest_len : 32;
			struct sign_params sign = { alg, !whole, { digest_bytes, len }, -1, { NULL, 0 } };

			CHECK(!fits(kind, alg) || rig_sign(key, sign, sig, &n) == SR_OK);
			sign.has_digest = false;
			CHECK(!fits(kind, alg) || sign_algs[alg].hash[0] == '\0' || rig_sign(key, sign, sig, &n) == SR_OK);
		}
		for (enum decrypt_alg alg = 0; alg < DECRYPT_ALGS && kind <= KEY_rsa4096; alg++) {
			struct decrypt_params params = { alg, { sealed, key_kinds[kind].size / 8 }, { NULL, 0 }, { NULL, 0 }, 0 };

			CHECK(backend_decrypt(key, &params, out, &n, &detail) == (alg == DECRYPT_ALG_rsa1_5 ? SR_OK : SR_CRYPTO));
		}
		backend_key_close(key);
	}
	OSSL_PROVIDER_unload(null_provider);
}
