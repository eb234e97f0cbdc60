/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/call.h"

#include <strongroom/strongroom.h>
#include <string.h>

/* A request may hold one field of FRAME_MAX_DEFAULT, and more beside it; what the
 * daemon takes is known only once it said hello. */
#define REQUEST_MAX (4u * FRAME_MAX_DEFAULT)
/* Structs are larger than what they were on the wire, but each has to have been
 * there, and CODEC_VALUES_MAX bounds how many can be. */
#define LISTS_MAX   (32u * FRAME_MAX_DEFAULT)
#define GROWTH      4

enum sr_err sr_call_new(struct sr_call **out)
{
	struct sr_call *call = malloc(sizeof *call);

	if (call == NULL)
		return SR_NOMEM;
	call->detail.text[0] = '\0';
	buffer_init(&call->request, call->request_storage, sizeof call->request_storage);
	buffer_init(&call->answer, call->answer_storage, sizeof call->answer_storage);
	buffer_init(&call->lists, call->lists_storage, sizeof call->lists_storage);
	*out = call;
	return SR_OK;
}

void sr_call_free(struct sr_call *call)
{
	if (call == NULL)
		return;
	call_forget(call);
	free(call);
}

const char *sr_call_detail(const struct sr_call *call)
{
	return call->detail.text;
}

void call_forget_request(struct sr_call *call)
{
	buffer_reset(&call->request);
}

void call_forget(struct sr_call *call)
{
	buffer_reset(&call->request);
	buffer_reset(&call->answer);
	buffer_reset(&call->lists);
}

enum sr_err call_encode(struct sr_call *call, uint64_t id, const struct op *op, const void *request)
{
	for (;;) {
		struct buffer *b = &call->request;
		struct codec_out out = { b->p, b->cap, 0 };
		enum sr_err err = frame_encode_request(id, op->name, op->request, request, &out);

		b->n = out.n;
		if (err != SR_TOO_LARGE || b->cap >= REQUEST_MAX)
			return err;
		if (buffer_reserve(b, b->cap * GROWTH) != SR_OK)
			return SR_NOMEM;
	}
}

enum sr_err call_decode(struct sr_call *call, const struct frame *frame, const struct op *op, void *reply)
{
	for (;;) {
		struct buffer *b = &call->lists;
		struct arena arena = { b->p, b->cap, 0 };
		const char *field;
		enum sr_err err = frame_decode(frame, op->reply, CODEC_IGNORE_UNKNOWN, reply, &arena, &field);

		b->n = arena.used;
		if (err == SR_BAD_MESSAGE || err == SR_TOO_LARGE)
			return error_detail_set(&call->detail, SR_BAD_MESSAGE, "strongroomd's answer to %s has a wrong field: %s",
				op->name, field != NULL ? field : "unnamed");
		if (err != SR_NOMEM || b->cap >= LISTS_MAX)
			return err;
		if (buffer_reserve(b, b->cap * GROWTH) != SR_OK)
			return SR_NOMEM;
	}
}
