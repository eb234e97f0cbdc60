/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: 4 bytes of length, big-endian, then one msgpack value in msgpack-rpc's
 * shape (design section 5):
 *
 *     [0, id, "op", {fields}]              a request
 *     [1, id, failure or nil, {fields}]    its answer
 */
#ifndef SR_PROTOCOL_FRAME_H
#define SR_PROTOCOL_FRAME_H

#include "protocol/codec.h"
#include "protocol/messages.h"

#define FRAME_HEAD 4                            /* bytes of length */
#define FRAME_MAX_DEFAULT (1024 * 1024)         /* bytes behind the length */

/* The length that a head claims. */
static inline uint32_t frame_length(const uint8_t head[FRAME_HEAD])
{
	return (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

struct frame_body;      /* msgpack-c's tree */
struct frame {
	uint64_t id;
	struct sr_str op;               /* request; points into the bytes */
	enum sr_err err;                /* answer: the failure's code */
	struct sr_str failure;          /* answer: its message; points into the bytes */
	struct frame_body *body;
};

/* The operation's name, if these bytes begin as a request does; else n == 0.
 * Allocates nothing; says nothing about the rest. */
struct sr_str frame_peek_op(struct sr_bytes in);

/* Takes apart what stands behind the length.  in must outlive *out, which
 * frame_finish releases, also after a failure of frame_decode.
 * id_out, where the frame is wrong, still gets the id if that could be read.
 * *detail, static text: what is wrong.  Errors: BAD_MESSAGE, NOMEM. */
SR_RESULT frame_parse_request(struct sr_bytes in, struct frame *out, const char **detail);
SR_RESULT frame_parse_answer(struct sr_bytes in, struct frame *out);
void frame_finish(struct frame *frame);

/* Decodes the frame's fields.  Spans point into the frame's bytes, lists live in
 * the arena.  *field, static text or NULL, names the field that is wrong.
 * Errors: as codec_decode. */
SR_RESULT frame_decode(const struct frame *frame, const struct schema *schema, enum codec_unknown unknown,
	void *message, struct arena *arena, const char **field);

/* Writes whole frames, length and all, to an empty out.  Errors: TOO_LARGE. */
SR_RESULT frame_encode_request(uint64_t id, const char *op, const struct schema *schema, const void *message,
	struct codec_out *out);
SR_RESULT frame_encode_answer(uint64_t id, const struct schema *schema, const void *message, struct codec_out *out);
SR_RESULT frame_encode_failure(uint64_t id, enum sr_err err, struct sr_str message, struct codec_out *out);

#endif
