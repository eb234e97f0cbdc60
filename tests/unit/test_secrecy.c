/* SPDX-License-Identifier: Apache-2.0 */
/* The factors and the private exponent of an RSA key, and an EC scalar, are
 * nowhere in the process but in locked memory, while the key is at work and
 * after.  What is looked for is itself kept masked. */
#include <openssl/core_names.h>

#include "tests/unit/backend_rig.h"

#define PIECE 32
#define MASK  0x5a
#define NEEDLES_MAX 16

static struct {
	uint8_t masked[PIECE];
	size_t n;
} needles[NEEDLES_MAX];
static size_t needles_n;

/* Both byte orders: DER's, and that of libcrypto's numbers. */
static void needle_add(const uint8_t *p, size_t n)
{
	size_t len = n < PIECE ? n : PIECE;

	CHECK(needles_n + 2 <= NEEDLES_MAX && len >= 16);
	p += (n - len) / 2;
	for (size_t i = 0; i < len; i++) {
		needles[needles_n].masked[i] = p[i] ^ MASK;
		needles[needles_n + 1].masked[len - 1 - i] = p[i] ^ MASK;
	}
	needles[needles_n].n = needles[needles_n + 1].n = len;
	needles_n += 2;
}

static bool is_needle(const volatile uint8_t *at, size_t left)
{
	for (size_t k = 0; k < needles_n; k++) {
		size_t i = 0;

		while (i < needles[k].n && i < left && (at[i] ^ MASK) == needles[k].masked[i])
			i++;
		if (i == needles[k].n)
			return true;
	}
	return false;
}

__attribute__((no_sanitize("address"))) static size_t count_in(uintptr_t from, uintptr_t to)
{
	size_t found = 0;

	for (uintptr_t at = from; at < to; at++)
		found += is_needle((const volatile uint8_t *)at, to - at);
	return found;
}

/* How often a needle stands in readable memory, inside of the region or stacks of
 * ours, or outside. */
static void count_everywhere(size_t *inside, size_t *outside)
{
	static char text[1 << 16];
	FILE *f = fopen("/proc/self/maps", "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	unsigned long from, to;
	char mode[5], *save = NULL;

	CHECK(n > 0 && n < sizeof(text) - 1);
	fclose(f);
	text[n] = '\0';
	*inside = *outside = 0;
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		CHECK(sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3);
		/* The sanitizers' shadow is terabytes, and the kernel's pages are its own. */
		if (mode[0] != 'r' || strstr(line, "[v") != NULL || to - from > (1ul << 30))
			continue;
		*(locked_contains((void *)from, 1) ? inside : outside) += count_in(from, to);
	}
}

static void remember(const struct key_material *m, const char *const *names)
{
	EVP_PKEY *pkey = rig_private(m);

	for (; *names != NULL; names++) {
		BIGNUM *n = NULL;
		uint8_t *bytes;

		CHECK(EVP_PKEY_get_bn_param(pkey, *names, &n));
		bytes = OPENSSL_malloc((size_t)BN_num_bytes(n));
		needle_add(bytes, (size_t)BN_bn2bin(n, bytes));
		OPENSSL_free(bytes);
		BN_free(n);
	}
	EVP_PKEY_free(pkey);
}

static void work(struct backend_key *key, enum sign_alg alg)
{
	static const uint8_t input[32], sealed[256] = { 0, 1 };
	uint8_t sig[SIGNATURE_MAX], *plain = locked_alloc(PLAINTEXT_MAX);
	size_t n;

	for (unsigned i = 0; i < 10; i++)
		CHECK(rig_sign(key, (struct sign_params){ alg, true, { input, 32 }, -1, { NULL, 0 } }, sig, &n) == SR_OK);
	for (enum decrypt_alg d = 0; d < DECRYPT_ALGS; d++) {
		struct decrypt_params params = { d, { sealed, 256 }, { NULL, 0 }, { NULL, 0 }, 0 };

		(void)!backend_decrypt(key, &params, plain, &n, &detail);
	}
	locked_free(plain);
}

static struct backend_key *rsa, *ec;

static void *use_keys(void *arg)
{
	static const char *const rsa_names[] = { OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL };
	static const char *const ec_names[] = { OSSL_PKEY_PARAM_PRIV_KEY, NULL };
	struct key_material m;

	m = rig_material(KEY_rsa2048);
	remember(&m, rsa_names);
	rsa = rig_open(&m);
	work(rsa, SIGN_ALG_ps256);
	work(rsa, SIGN_ALG_rs256);
	m = rig_material(KEY_p256);
	remember(&m, ec_names);
	ec = rig_open(&m);
	work(ec, SIGN_ALG_es256);
	arena_reset(&arena);
	return arg;
}

static void *close_keys(void *arg)
{
	backend_key_close(rsa);
	backend_key_close(ec);
	return arg;
}

static void on_locked_stack(void *(*fn)(void *))
{
	pthread_t thread;

	CHECK(locked_thread(&thread, (size_t)256 << 10, fn, NULL) == SR_OK && pthread_join(thread, NULL) == 0);
}

PRISTINE(private_numbers_are_in_locked_memory_only)
{
	size_t inside, outside;
	uint8_t *bait;

	start();
	on_locked_stack(use_keys);
	count_everywhere(&inside, &outside);
	CHECK(inside > 0);
	CHECK(outside == 0);

	/* What is there would be found. */
	bait = malloc(PIECE);
	for (size_t i = 0; i < PIECE; i++)
		bait[i] = needles[0].masked[i] ^ MASK;
	count_everywhere(&inside, &outside);
	CHECK(outside >= 1);
	explicit_bzero(bait, PIECE);
	free(bait);

	/* Closed: gone from the region as well, but for the stacks of threads. */
	on_locked_stack(close_keys);
	count_everywhere(&inside, &outside);
	CHECK(outside == 0);
}
