/* SPDX-License-Identifier: Apache-2.0 */
/* The factors and the private exponent of an RSA key, and an EC scalar, are
 * nowhere in the process but in locked memory, while the key is at work and
 * after.  What is looked for is itself kept masked. */
#include <fcntl.h>
#include <openssl/core_names.h>

#include "tests/unit/backend_rig.h"

#define PIECE 32
#define MASK  0x5a
#define NEEDLES_MAX 16
#define WINDOW      ((size_t)1 << 16)
#define SHADOW      ((size_t)256 << 20) /* mappings larger than this are the sanitizers' */

static struct {
	uint8_t masked[PIECE];
	size_t n;
} needles[NEEDLES_MAX];
static size_t needles_n;
static bool begins[256];                /* does a needle begin so, masked? */

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
	begins[needles[needles_n].masked[0]] = begins[needles[needles_n + 1].masked[0]] = true;
	needles[needles_n].n = needles[needles_n + 1].n = len;
	needles_n += 2;
}

static bool is_needle(const uint8_t *at, size_t left)
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

/* Read through the kernel, piece by piece into locked memory: the sanitizers
 * watch direct reads, and a copy elsewhere would be found itself. */
static size_t count_in(int mem, unsigned long from, unsigned long to, uint8_t *window)
{
	size_t found = 0;

	for (unsigned long at = from; at < to; at += WINDOW - PIECE + 1) {
		ssize_t n = pread(mem, window, to - at < WINDOW ? to - at : WINDOW, (off_t)at);

		for (ssize_t i = 0; i < n; i++)
			found += begins[window[i] ^ MASK] && is_needle(window + i, (size_t)(n - i));
		explicit_bzero(window, WINDOW);
	}
	return found;
}

/* How often a needle stands in readable memory, inside of the region or stacks of
 * ours, or outside. */
static void count_everywhere(size_t *inside, size_t *outside)
{
	static char text[1 << 16];
	FILE *f = fopen("/proc/self/maps", "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	uint8_t *window = locked_alloc(WINDOW);
	unsigned long from, to;
	char mode[5], *save = NULL;

	CHECK(mem >= 0 && window != NULL && n > 0 && n < sizeof(text) - 1);
	fclose(f);
	text[n] = '\0';
	*inside = *outside = 0;
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		CHECK(sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3);
		/* The kernel's own pages begin with [v. */
		if (mode[0] != 'r' || strstr(line, "[v") != NULL || to - from > SHADOW)
			continue;
		*(locked_contains((void *)from, 1) ? inside : outside) += count_in(mem, from, to, window);
	}
	locked_free(window);
	close(mem);
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
