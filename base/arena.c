/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *arena_get(struct arena *a, size_t n)
{
	size_t at = (a->used + 15) & ~(size_t)15;

	if (at > a->cap || n > a->cap - at)
		return NULL;
	a->used = at + n;
	return memset(a->base + at, 0, n);
}

struct sr_str arena_str(struct arena *a, struct sr_str s)
{
	char *copy = arena_get(a, s.n + 1);

	if (copy == NULL)
		return (struct sr_str){ NULL, 0 };
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return (struct sr_str){ copy, s.n };
}

struct sr_str arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || (text = arena_get(a, (size_t)n + 1)) == NULL)
		return (struct sr_str){ NULL, 0 };
	va_start(args, format);
	(void)vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return (struct sr_str){ text, (size_t)n };
}

void arena_reset(struct arena *a)
{
	explicit_bzero(a->base, a->used);
	a->used = 0;
}
