/* SPDX-License-Identifier: Apache-2.0 */
/* What one call needs, inside: its request on the way out, its answer, the lists
 * that the answer decodes into, and the words of a failure.  One allocation holds
 * what ordinary calls need; larger ones grow beyond it and give it back. */
#ifndef SR_PROTOCOL_CALL_H
#define SR_PROTOCOL_CALL_H

#include "base/arena.h"
#include "protocol/buffer.h"
#include "protocol/errors.h"
#include "protocol/frame.h"

struct sr_call {
	struct error_detail detail;
	struct buffer request, answer, lists;
	uint8_t request_storage[1024];
	uint8_t answer_storage[4096];
	_Alignas(max_align_t) uint8_t lists_storage[2048];
};

/* Encodes the request into call->request.  The answer of the call before is still
 * there meanwhile, since the request may quote it.  Errors: TOO_LARGE, NOMEM. */
SR_RESULT call_encode(struct sr_call *call, uint64_t id, const struct op *op, const void *request);
/* Wipes request and answer. */
void call_forget(struct sr_call *call);
/* Wipes the request alone, when it has been sent for the last time. */
void call_forget_request(struct sr_call *call);
/* Decodes the frame that stands in call->answer.  Errors: BAD_MESSAGE, NOMEM. */
SR_RESULT call_decode(struct sr_call *call, const struct frame *frame, const struct op *op, void *reply);

#endif
