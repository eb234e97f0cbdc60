/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/frame.h"

#include <string.h>

#include "base/str.h"
#include "protocol/codec_msgpack.h"

enum frame_kind { FRAME_REQUEST = 0, FRAME_ANSWER = 1 };

struct frame_body {
	msgpack_unpacked tree;
	const msgpack_object *fields;
};

/* Skips one unsigned integer that stands at *at. */
static bool skip_uint(struct sr_bytes in, size_t *at)
{
	size_t n;

	if (*at >= in.n)
		return false;
	n = in.p[*at] <= 0x7f ? 1 : in.p[*at] >= 0xcc && in.p[*at] <= 0xcf ? 1 + ((size_t)1 << (in.p[*at] - 0xcc)) : 0;
	*at += n;
	return n > 0 && *at <= in.n;
}

struct sr_str frame_peek_op(struct sr_bytes in)
{
	const struct sr_str none = { NULL, 0 };
	size_t at = 2, n;

	if (in.n < 4 || in.p[0] != 0x94 || in.p[1] != FRAME_REQUEST || !skip_uint(in, &at) || at >= in.n)
		return none;
	if (in.p[at] >= 0xa0 && in.p[at] <= 0xbf)
		n = in.p[at++] & 0x1fu;
	else
		return none;            /* no operation has a name over 31 bytes */
	return n > in.n - at ? none : (struct sr_str){ (const char *)in.p + at, n };
}

void frame_finish(struct frame *frame)
{
	if (frame->body == NULL)
		return;
	msgpack_unpacked_destroy(&frame->body->tree);
	free(frame->body);
	frame->body = NULL;
}

/* The part that requests and answers have in common; items are the array's four. */
static SR_RESULT parse(struct sr_bytes in, enum frame_kind kind, struct frame *out, const msgpack_object **items)
{
	const msgpack_object *root;
	size_t end = 0;

	*out = (struct frame){ 0 };
	if (!codec_shape_ok(in))
		return SR_BAD_MESSAGE;
	if ((out->body = malloc(sizeof *out->body)) == NULL)
		return SR_NOMEM;
	msgpack_unpacked_init(&out->body->tree);
	if (msgpack_unpack_next(&out->body->tree, (const char *)in.p, in.n, &end) != MSGPACK_UNPACK_SUCCESS)
		return SR_BAD_MESSAGE;
	root = &out->body->tree.data;
	if (root->type != MSGPACK_OBJECT_ARRAY || root->via.array.size != 4)
		return SR_BAD_MESSAGE;
	*items = root->via.array.ptr;
	if ((*items)[0].type != MSGPACK_OBJECT_POSITIVE_INTEGER || (*items)[0].via.u64 != (uint64_t)kind)
		return SR_BAD_MESSAGE;
	if ((*items)[1].type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return SR_BAD_MESSAGE;
	out->id = (*items)[1].via.u64;
	if ((*items)[3].type != MSGPACK_OBJECT_MAP)
		return SR_BAD_MESSAGE;
	out->body->fields = &(*items)[3];
	return SR_OK;
}

SR_RESULT frame_parse_request(struct sr_bytes in, struct frame *out, const char **detail)
{
	const msgpack_object *items;
	enum sr_err err = parse(in, FRAME_REQUEST, out, &items);

	*detail = "not a request: [0, id, \"operation\", {fields}] is expected";
	if (err != SR_OK)
		return err;
	if (items[2].type != MSGPACK_OBJECT_STR)
		return SR_BAD_MESSAGE;
	out->op = (struct sr_str){ items[2].via.str.ptr, items[2].via.str.size };
	/* Where a request runs is decided by frame_peek_op: no spelling may hide a slow one from it. */
	if (op_find(out->op) != NULL && !str_eq(frame_peek_op(in), out->op)) {
		*detail = "a request's array, id and operation must be encoded in msgpack's short forms";
		return SR_BAD_MESSAGE;
	}
	*detail = NULL;
	return SR_OK;
}

SR_RESULT frame_parse_answer(struct sr_bytes in, struct frame *out)
{
	const msgpack_object *items;
	struct sr_failure failure;
	uint8_t room[256];
	struct arena arena = { room, sizeof room, 0 };
	const char *field = NULL;

	SR_TRY(parse(in, FRAME_ANSWER, out, &items));
	if (items[2].type == MSGPACK_OBJECT_NIL)
		return SR_OK;
	SR_TRY(codec_read(&failure_schema, &items[2], CODEC_IGNORE_UNKNOWN, &failure, &arena, &field));
	if (failure.code == SR_OK)
		return SR_BAD_MESSAGE;
	out->err = (enum sr_err)failure.code;
	out->failure = failure.message;
	return SR_OK;
}

SR_RESULT frame_decode(const struct frame *frame, const struct schema *schema, enum codec_unknown unknown,
	void *message, struct arena *arena, const char **field)
{
	*field = NULL;
	return codec_read(schema, frame->body->fields, unknown, message, arena, field);
}

/* ---- encoding ---- */

static void begin(struct codec_out *out, msgpack_packer *packer)
{
	/* the length's place; too small an out shows itself at the next append */
	out->n = out->cap < FRAME_HEAD ? out->cap : FRAME_HEAD;
	codec_packer(packer, out);
}

static SR_RESULT end(struct codec_out *out)
{
	size_t n = out->n - FRAME_HEAD;

	if (n > UINT32_MAX)
		return SR_TOO_LARGE;
	for (int i = 0; i < FRAME_HEAD; i++)
		out->p[i] = (uint8_t)(n >> (24 - 8 * i));
	return SR_OK;
}

static SR_RESULT envelope(msgpack_packer *packer, enum frame_kind kind, uint64_t id)
{
	return msgpack_pack_array(packer, 4) != 0 || msgpack_pack_uint8(packer, (uint8_t)kind) != 0 ||
		msgpack_pack_uint64(packer, id) != 0 ? SR_TOO_LARGE : SR_OK;
}

SR_RESULT frame_encode_request(uint64_t id, const char *op, const struct schema *schema, const void *message,
	struct codec_out *out)
{
	msgpack_packer packer;

	begin(out, &packer);
	SR_TRY(envelope(&packer, FRAME_REQUEST, id));
	if (msgpack_pack_str_with_body(&packer, op, strlen(op)) != 0)
		return SR_TOO_LARGE;
	SR_TRY(codec_write(&packer, schema, message));
	return end(out);
}

SR_RESULT frame_encode_answer(uint64_t id, const struct schema *schema, const void *message, struct codec_out *out)
{
	msgpack_packer packer;

	begin(out, &packer);
	SR_TRY(envelope(&packer, FRAME_ANSWER, id));
	if (msgpack_pack_nil(&packer) != 0)
		return SR_TOO_LARGE;
	SR_TRY(codec_write(&packer, schema, message));
	return end(out);
}

static const char *const error_codes[] = {
#define E(code, name, text_code, exit_status, text) [code] = text_code,
#include <strongroom/errors.def>
#undef E
};

SR_RESULT frame_encode_failure(uint64_t id, enum sr_err err, struct sr_str message, struct codec_out *out)
{
	struct sr_failure failure = { .code = (uint64_t)err, .message = message };
	msgpack_packer packer;

	if ((size_t)err < SR_COUNT(error_codes))
		failure.name = (struct sr_str){ error_codes[err], strlen(error_codes[err]) };
	begin(out, &packer);
	SR_TRY(envelope(&packer, FRAME_ANSWER, id));
	SR_TRY(codec_write(&packer, &failure_schema, &failure));
	if (msgpack_pack_map(&packer, 0) != 0)
		return SR_TOO_LARGE;
	return end(out);
}
