/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/backlog.h"

#include <string.h>

#include "daemon/backend/locked.h"

#define CAP_MIN 4096

static SR_RESULT grow(struct backlog *backlog, struct limits *limits, struct account *account, size_t need)
{
	size_t cap = backlog->cap > 0 ? backlog->cap : CAP_MIN;
	uint8_t *p;

	while (cap < need)
		cap *= 2;
	if (!limits_buffer_take(limits, account, cap - backlog->cap))
		return SR_LIMIT;
	p = locked_realloc(backlog->p, cap);
	if (p == NULL) {
		limits_buffer_give(limits, account, cap - backlog->cap);
		return SR_LIMIT;
	}
	backlog->p = p;
	backlog->cap = cap;
	return SR_OK;
}

SR_RESULT backlog_append(struct backlog *backlog, struct limits *limits, struct account *account, struct sr_bytes more)
{
	size_t waiting = backlog->end - backlog->start;

	if (more.n == 0)
		return SR_OK;
	if (backlog->start > 0) {
		memmove(backlog->p, backlog->p + backlog->start, waiting);
		backlog->start = 0;
		backlog->end = waiting;
	}
	if (waiting + more.n > backlog->cap)
		SR_TRY(grow(backlog, limits, account, waiting + more.n));
	memcpy(backlog->p + waiting, more.p, more.n);
	backlog->end = waiting + more.n;
	return SR_OK;
}

void backlog_consume(struct backlog *backlog, struct limits *limits, struct account *account, size_t n)
{
	backlog->start += n;
	SR_ASSERT(backlog->start <= backlog->end);
	if (backlog->start == backlog->end)
		backlog_clear(backlog, limits, account);
}

void backlog_clear(struct backlog *backlog, struct limits *limits, struct account *account)
{
	locked_free(backlog->p);        /* wipes */
	if (backlog->cap > 0)
		limits_buffer_give(limits, account, backlog->cap);
	*backlog = (struct backlog){ 0 };
}
