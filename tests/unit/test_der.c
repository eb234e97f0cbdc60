/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of DER: what it takes, and what it does not even look at. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/result.h"
#include "daemon/backend/der.h"

/* A copy that ends where its memory ends, so that AddressSanitizer sees a step too far. */
static struct sr_bytes exactly(const char *bytes, size_t n)
{
	uint8_t *p = malloc(n > 0 ? n : 1);

	if (n > 0)
		memcpy(p, bytes, n);
	return (struct sr_bytes){ p, n };
}

static void release(struct sr_bytes in)
{
	union { const uint8_t *from; void *to; } p = { .from = in.p };

	free(p.to);
}

#define BYTES(literal) (literal), sizeof(literal) - 1

Test(der, takes_minimal_definite_lengths_only)
{
	static const struct { const char *bytes; size_t n; bool good; size_t contents, rest; } cases[] = {
		{ BYTES("\x04\x00"), true, 0, 0 },
		{ BYTES("\x04\x01x"), true, 1, 0 },
		{ BYTES("\x04\x01xyz"), true, 1, 2 },
		{ BYTES(""), false, 0, 0 },
		{ BYTES("\x04"), false, 0, 0 },
		{ BYTES("\x04\x01"), false, 0, 0 },
		{ BYTES("\x04\x02x"), false, 0, 0 },
		{ BYTES("\x05\x00"), false, 0, 0 },
		{ BYTES("\x04\x80\x00\x00"), false, 0, 0 },
		{ BYTES("\x04\x81\x01x"), false, 0, 0 },
		{ BYTES("\x04\x81"), false, 0, 0 },
		{ BYTES("\x04\x81\x80"), false, 0, 0 },
		{ BYTES("\x04\x82\x00\x80"), false, 0, 0 },
		{ BYTES("\x04\x82\xff"), false, 0, 0 },
		{ BYTES("\x04\x83\xff\xff\xff"), false, 0, 0 },
		{ BYTES("\x04\x84\x00\x00\x00\x01x"), false, 0, 0 },
		{ BYTES("\x04\x84\xff\xff\xff\xff"), false, 0, 0 },
		{ BYTES("\x04\x88\xff\xff\xff\xff\xff\xff\xff\xff"), false, 0, 0 },
		{ BYTES("\x04\xff"), false, 0, 0 },
	};

	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct sr_bytes whole = exactly(cases[i].bytes, cases[i].n), in = whole, out = { 0 };

		cr_assert_eq(der_get(&in, DER_OCTETS, &out), cases[i].good, "case %zu", i);
		cr_assert_eq(in.n, cases[i].good ? cases[i].rest : cases[i].n, "case %zu", i);
		cr_assert_eq(out.n, cases[i].contents, "case %zu", i);
		release(whole);
	}
}

Test(der, long_lengths_are_read)
{
	for (size_t n = 128; n < 70000; n = n * 2 - 1) {
		uint8_t *p = calloc(1, n + 5);
		size_t head = n < 256 ? 3 : n < 65536 ? 4 : 5;
		struct sr_bytes in = { p, head + n }, out;

		p[0] = 0x30;
		p[1] = (uint8_t)(0x80 + head - 2);
		for (size_t i = 2; i < head; i++)
			p[i] = (uint8_t)(n >> 8 * (head - 1 - i));
		cr_assert(der_get_last(&in, DER_SEQUENCE, &out) && out.n == n && in.n == 0);
		in = (struct sr_bytes){ p, head + n - 1 };
		cr_assert(!der_skip(&in) && in.n == head + n - 1);
		free(p);
	}
}

Test(der, numbers_are_minimal_and_not_negative)
{
	static const struct { const char *bytes; size_t n; bool good; uint64_t value; } cases[] = {
		{ BYTES("\x02\x01\x00"), true, 0 }, { BYTES("\x02\x01\x7f"), true, 127 }, { BYTES("\x02\x02\x00\x80"), true, 128 },
		{ BYTES("\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff"), true, UINT64_MAX },
		{ BYTES("\x02\x09\x01\xff\xff\xff\xff\xff\xff\xff\xff"), false, 0 },
		{ BYTES("\x02\x00"), false, 0 }, { BYTES("\x02\x01\x80"), false, 0 }, { BYTES("\x02\x02\x00\x7f"), false, 0 },
		{ BYTES("\x02\x02\x00\x00"), false, 0 }, { BYTES("\x0a\x01\x00"), false, 0 },
	};

	for (size_t i = 0; i < SR_COUNT(cases); i++) {
		struct sr_bytes whole = exactly(cases[i].bytes, cases[i].n), in = whole;
		uint64_t value = 0;

		cr_assert_eq(der_number(&in, &value), cases[i].good, "case %zu", i);
		cr_assert_eq(value, cases[i].value, "case %zu", i);
		cr_assert_eq(in.n, cases[i].good ? 0 : cases[i].n, "case %zu", i);
		release(whole);
	}
}

Test(der, bit_strings_are_of_whole_bytes)
{
	struct sr_bytes whole = exactly(BYTES("\x03\x02\x00x")), in = whole, out;

	cr_assert(der_bits(&in, &out) && out.n == 1 && out.p[0] == 'x');
	release(whole);
	whole = in = exactly(BYTES("\x03\x02\x01x"));
	cr_assert(!der_bits(&in, &out) && in.n == 4);
	release(whole);
	whole = in = exactly(BYTES("\x03\x00"));
	cr_assert(!der_bits(&in, &out) && in.n == 2);
	release(whole);
}

Test(der, algorithm_is_a_name_and_one_element_at_most)
{
	struct sr_bytes whole = exactly(BYTES("\x30\x05\x06\x01x\x05\x00")), in = whole, oid, params;

	cr_assert(der_algorithm(&in, &oid, &params) && oid.n == 1 && params.n == 2 && in.n == 0);
	release(whole);
	whole = in = exactly(BYTES("\x30\x07\x06\x01x\x05\x00\x05\x00"));
	cr_assert(!der_algorithm(&in, &oid, &params) && in.n == 9);
	release(whole);
	whole = in = exactly(BYTES("\x30\x02\x05\x00"));
	cr_assert(!der_algorithm(&in, &oid, &params) && in.n == 4);
	release(whole);
}
