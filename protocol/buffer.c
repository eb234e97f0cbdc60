/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/buffer.h"

#include <string.h>

void buffer_init(struct buffer *b, void *storage, size_t storage_n)
{
	*b = (struct buffer){ .p = storage, .cap = storage_n, .inline_p = storage, .inline_cap = storage_n };
}

/* Not realloc: it would leave a copy behind. */
enum sr_err buffer_reserve(struct buffer *b, size_t cap)
{
	size_t n = b->n;
	uint8_t *grown;

	if (cap <= b->cap)
		return SR_OK;
	grown = malloc(cap);
	if (grown == NULL)
		return SR_NOMEM;
	memcpy(grown, b->p, n);
	buffer_reset(b);
	b->p = grown;
	b->cap = cap;
	b->n = n;
	return SR_OK;
}

void buffer_reset(struct buffer *b)
{
	explicit_bzero(b->p, b->n);
	if (b->p != b->inline_p)
		free(b->p);
	b->p = b->inline_p;
	b->cap = b->inline_cap;
	b->n = 0;
}
