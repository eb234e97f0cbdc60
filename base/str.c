/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct sr_str a, struct sr_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool str_is_utf8(struct sr_str s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	for (size_t i = 0; i < s.n;) {
		uint8_t first = p[i++], low, high;

		if (first < 0x80)
			continue;
		if (first < 0xc2 || first > 0xf4)
			return false;
		/* overlong forms, surrogates and what is above U+10FFFF show in the second byte */
		low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
		high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
		for (int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3; more > 0; more--, low = 0x80, high = 0xbf)
			if (i == s.n || p[i] < low || p[i++] > high)
				return false;
	}
	return true;
}

bool str_copy(struct sr_str s, char *out, size_t out_size)
{
	out[0] = '\0';
	if (s.n >= out_size)
		return false;
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

void hex_encode(struct sr_bytes in, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < in.n; i++) {
		out[2 * i] = digits[in.p[i] >> 4];
		out[2 * i + 1] = digits[in.p[i] & 15];
	}
	out[2 * in.n] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct sr_str in, uint8_t *out, size_t n)
{
	if (in.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(in.p[2 * i]), low = hex_digit(in.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
