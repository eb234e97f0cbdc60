/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the frame path: what a peer may send behind a frame's length, taken apart
 * and decoded by every schema.  What is accepted must survive being encoded and
 * decoded again; nothing may allocate what only a header claims (run.sh sets
 * the limit). */
#include <string.h>

#include "base/arena.h"
#include "protocol/frame.h"
#include "protocol/messages.h"
#include "tests/fuzz/promise.h"

#define ARENA_SIZE (4u << 20)
#define MESSAGE_MAX 4096        /* no message's struct is larger */

static struct arena arena, again_arena;
static uint8_t message[MESSAGE_MAX], again[MESSAGE_MAX];
static uint8_t encoded[2 * FRAME_MAX_DEFAULT], encoded_again[2 * FRAME_MAX_DEFAULT];

static void arena_setup(struct arena *a)
{
	a->base = malloc(ARENA_SIZE);
	a->cap = ARENA_SIZE;
	promise(a->base != NULL, "memory");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	arena_setup(&arena);
	arena_setup(&again_arena);
	for (size_t i = 0; i < OP_COUNT; i++)
		promise(ops[i].request->size <= MESSAGE_MAX && ops[i].reply->size <= MESSAGE_MAX, "MESSAGE_MAX is enough");
	return 0;
}

/* Encodes the decoded request, decodes that, and encodes once more: both
 * encodings must be the same bytes. */
static void request_survives(const struct frame *frame, const struct op *op)
{
	struct codec_out out = { .p = encoded, .cap = sizeof(encoded) };
	struct codec_out out_again = { .p = encoded_again, .cap = sizeof(encoded_again) };
	struct frame second = { 0 };
	const char *detail = NULL, *field = NULL;

	promise(frame_encode_request(frame->id, op->name, op->request, message, &out) == SR_OK, "a decoded request can be encoded");
	promise(frame_length(out.p) + FRAME_HEAD == out.n, "the length stands before the frame");
	promise(frame_parse_request((struct sr_bytes){ out.p + FRAME_HEAD, out.n - FRAME_HEAD }, &second, &detail) == SR_OK,
		"our own encoding is a request");
	promise(second.id == frame->id, "the id stays");
	promise(frame_decode(&second, op->request, CODEC_REFUSE_UNKNOWN, again, &again_arena, &field) == SR_OK,
		"our own encoding can be decoded");
	promise(frame_encode_request(second.id, op->name, op->request, again, &out_again) == SR_OK, "and encoded again");
	promise(out_again.n == out.n && memcmp(out.p, out_again.p, out.n) == 0, "nothing changes on the way");
	frame_finish(&second);
	arena_reset(&again_arena);
}

static void fuzz_request(struct sr_bytes in)
{
	struct frame frame = { 0 };
	const char *detail = NULL, *field = NULL;
	struct sr_str peeked = frame_peek_op(in);

	if (frame_parse_request(in, &frame, &detail) == SR_OK) {
		const struct op *op = op_find(frame.op);

		promise(op == NULL || (peeked.n == frame.op.n && memcmp(peeked.p, frame.op.p, peeked.n) == 0),
			"peek and parse see the same operation");
		for (size_t i = 0; i < OP_COUNT; i++) {
			bool ok = frame_decode(&frame, ops[i].request, CODEC_REFUSE_UNKNOWN, message, &arena, &field) == SR_OK;

			if (ok && op == &ops[i])
				request_survives(&frame, op);
			arena_reset(&arena);
		}
	} else {
		promise(detail != NULL, "what is wrong is said");
	}
	frame_finish(&frame);
}

static void fuzz_answer(struct sr_bytes in)
{
	struct frame frame = { 0 };
	const char *field = NULL;

	if (frame_parse_answer(in, &frame) == SR_OK && frame.err == SR_OK)
		for (size_t i = 0; i < OP_COUNT; i++) {
			if (frame_decode(&frame, ops[i].reply, CODEC_IGNORE_UNKNOWN, message, &arena, &field) != SR_OK)
				memset(message, 0, sizeof(message));
			arena_reset(&arena);
		}
	frame_finish(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sr_bytes in = { data, size };

	fuzz_request(in);
	fuzz_answer(in);
	return 0;
}
