/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(struct sr_bytes in, char *out)
{
	char *at = out;

	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		uint32_t group = (uint32_t)in.p[i] << 16;

		if (left > 1)
			group |= (uint32_t)in.p[i + 1] << 8;
		if (left > 2)
			group |= in.p[i + 2];
		*at++ = digits[group >> 18];
		*at++ = digits[group >> 12 & 63];
		*at++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[group & 63] : '=';
	}
	*at = '\0';
	return (size_t)(at - out);
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

bool base64_decode(struct sr_str in, uint8_t *out, size_t n)
{
	size_t chars = (n * 8 + 5) / 6;
	uint32_t bits = 0;
	unsigned have = 0;

	if (in.n != BASE64_LEN(n))
		return false;
	for (size_t i = 0; i < chars; i++) {
		int value = digit_value(in.p[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			*out++ = (uint8_t)(bits >> have);
			bits &= (UINT32_C(1) << have) - 1;
		}
	}
	if (bits != 0)          /* the last digit holds bits of no byte: they must be 0 */
		return false;
	for (size_t i = chars; i < in.n; i++)
		if (in.p[i] != '=')
			return false;
	return true;
}
