/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers on spans of text and bytes. */
#ifndef SR_BASE_STR_H
#define SR_BASE_STR_H

#include <string.h>
#include <strongroom/types.h>

static inline struct sr_str str_of(const char *s)
{
	return (struct sr_str){ s, strlen(s) };
}

/* Not for secrets: those are compared with sodium_memcmp. */
static inline bool str_eq(struct sr_str a, struct sr_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct sr_str a, const char *b)
{
	return str_eq(a, str_of(b));
}

/* ASCII only, whatever the locale. */
bool str_eq_nocase(struct sr_str a, struct sr_str b);

/* UTF-8 as RFC 3629 has it. */
bool str_is_utf8(struct sr_str s);

/* Copies into out (NUL-terminated); false, and out is "", if it does not fit. */
bool str_copy(struct sr_str s, char *out, size_t out_size);

/* Writes 2 * n lower-case hex digits and a NUL. */
void hex_encode(struct sr_bytes in, char *out);
/* Reads exactly 2 * n hex digits of either case; false if they are not. */
bool hex_decode(struct sr_str in, uint8_t *out, size_t n);

#endif
