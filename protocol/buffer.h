/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on the client's side of the socket: a request that is being written or
 * an answer that is being read.  Starts in storage that its owner gave and moves
 * to the heap when it must grow; whatever it leaves is wiped, since requests and
 * answers may hold secrets. */
#ifndef SR_PROTOCOL_BUFFER_H
#define SR_PROTOCOL_BUFFER_H

#include "base/result.h"

struct buffer {
	uint8_t *p;
	size_t cap, n;          /* nothing is ever written beyond n without n being raised */
	uint8_t *inline_p;      /* borrowed */
	size_t inline_cap;
};

/* Empty, over storage that must outlive the buffer. */
void buffer_init(struct buffer *b, void *storage, size_t storage_n);
/* Makes room for at least cap bytes in all; what is in it stays.  Errors: NOMEM. */
SR_RESULT buffer_reserve(struct buffer *b, size_t cap);
/* Wipes it and goes back to the owner's storage. */
void buffer_reset(struct buffer *b);

#endif
