/* SPDX-License-Identifier: Apache-2.0 */
/* What is secret here: em, everything derived from base, and whether the padding
 * was right.  So choices are made with masks, 0 or all ones, and loops run over
 * n, which is public. */
#include "daemon/backend/rsa_depad.h"

#include <sodium.h>
#include <string.h>

#define HEADER   10             /* 00 02 and at least eight bytes of padding */
#define LENGTHS  128            /* candidates for the length of a synthetic message */

/* Keeps the compiler from finding out that a mask has two values only. */
static uint32_t opaque(uint32_t v)
{
	__asm__("" : "+r"(v));
	return v;
}

static uint32_t is_zero(uint32_t v)
{
	return 0 - (opaque(~v & (v - 1)) >> 31);
}

static uint32_t is_equal(uint32_t a, uint32_t b)
{
	return is_zero(a ^ b);
}

/* For a and b below 2^31. */
static uint32_t is_less(uint32_t a, uint32_t b)
{
	return 0 - (opaque(a - b) >> 31);
}

static uint32_t choose(uint32_t mask, uint32_t a, uint32_t b)
{
	mask = opaque(mask);
	return (a & mask) | (b & ~mask);
}

/* The draft's IRPRF: HMAC-SHA256 in counter mode over a label. */
static void prf(const uint8_t key[32], const char *label, uint8_t *out, size_t n)
{
	uint8_t block[crypto_auth_hmacsha256_BYTES];
	size_t bits = n * 8;

	for (size_t i = 0; i * sizeof(block) < n; i++) {
		const uint8_t counter[2] = { (uint8_t)(i >> 8), (uint8_t)i };
		const uint8_t length[2] = { (uint8_t)(bits >> 8), (uint8_t)bits };
		size_t left = n - i * sizeof(block);
		crypto_auth_hmacsha256_state hmac;

		crypto_auth_hmacsha256_init(&hmac, key, 32);
		crypto_auth_hmacsha256_update(&hmac, counter, sizeof(counter));
		crypto_auth_hmacsha256_update(&hmac, (const uint8_t *)label, strlen(label));
		crypto_auth_hmacsha256_update(&hmac, length, sizeof(length));
		crypto_auth_hmacsha256_final(&hmac, block);
		memcpy(out + i * sizeof(block), block, left < sizeof(block) ? left : sizeof(block));
		sodium_memzero(&hmac, sizeof(hmac));
	}
	sodium_memzero(block, sizeof(block));
}

/* The length of the synthetic message: the last candidate that fits. */
static uint32_t synthetic_length(const uint8_t key[32], size_t n)
{
	uint8_t candidates[LENGTHS * 2];
	uint32_t limit = (uint32_t)n - HEADER, mask = limit, length = 0;

	for (unsigned shift = 1; shift < 32; shift *= 2)
		mask |= mask >> shift;
	prf(key, "length", candidates, sizeof(candidates));
	for (size_t i = 0; i < sizeof(candidates); i += 2) {
		uint32_t candidate = ((uint32_t)candidates[i] << 8 | candidates[i + 1]) & mask;

		length = choose(is_less(candidate, limit), candidate, length);
	}
	sodium_memzero(candidates, sizeof(candidates));
	return length;
}

/* All ones if em is well padded; then *length is that of its message. */
static uint32_t find_message(const uint8_t *em, size_t n, uint32_t *length)
{
	uint32_t good = is_zero(em[0]) & is_equal(em[1], 2), found = 0, separator = 0;

	for (size_t i = 2; i < n; i++) {
		uint32_t here = is_zero(em[i]) & ~found;

		separator = choose(here, (uint32_t)i, separator);
		found |= here;
	}
	good &= found & ~is_less(separator, HEADER);
	*length = (uint32_t)n - 1 - separator;
	return good;
}

/* Moves the last bytes of a buffer to its front, by steps of powers of two that
 * are each taken or not. */
static void shift_left(uint8_t *buf, size_t n, uint32_t by)
{
	for (size_t step = 1; step <= n; step *= 2) {
		uint32_t taken = ~is_zero(by & (uint32_t)step);

		for (size_t i = 0; i < n; i++)
			buf[i] = (uint8_t)choose(taken, i + step < n ? buf[i + step] : 0, buf[i]);
	}
}

size_t rsa_depad(const struct rsa_depad *in, uint8_t *out)
{
	uint8_t key[crypto_auth_hmacsha256_BYTES];
	uint32_t good, length, synthetic;

	crypto_auth_hmacsha256(key, in->ciphertext, in->n, in->base);
	prf(key, "message", out, in->n);
	synthetic = synthetic_length(key, in->n);
	good = find_message(in->em, in->n, &length);
	if (in->length != 0) {
		good &= is_equal(length, (uint32_t)in->length);
		synthetic = (uint32_t)in->length;
	}
	length = choose(good, length, synthetic);
	for (size_t i = 0; i < in->n; i++)
		out[i] = (uint8_t)choose(good, in->em[i], out[i]);
	shift_left(out, in->n, (uint32_t)in->n - length);
	sodium_memzero(key, sizeof(key));
	return length;
}
