/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of one connection that have to wait: unfinished or pipelined requests,
 * answers that the client has not taken.  In locked memory, counted against the
 * client's account, and only as large as what is really there. */
#ifndef SR_DAEMON_BACKLOG_H
#define SR_DAEMON_BACKLOG_H

#include "daemon/net/limits.h"

struct backlog {
	uint8_t *p;
	size_t start, end, cap;         /* what waits is [start, end) */
};

static inline struct sr_bytes backlog_bytes(const struct backlog *backlog)
{
	return (struct sr_bytes){ backlog->p + backlog->start, backlog->end - backlog->start };
}

/* Errors: LIMIT (the account's or all accounts' share is used up, or locked memory). */
SR_RESULT backlog_append(struct backlog *backlog, struct limits *limits, struct account *account, struct sr_bytes more);
/* The first n bytes are done with; they are wiped when the last one is. */
void backlog_consume(struct backlog *backlog, struct limits *limits, struct account *account, size_t n);
void backlog_clear(struct backlog *backlog, struct limits *limits, struct account *account);

#endif
