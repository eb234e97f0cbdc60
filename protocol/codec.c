/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec.h"

#include <string.h>

#include "base/str.h"
#include "protocol/codec_msgpack.h"

#define STRS_EACH_MAX 255       /* bytes of one string of a STRS field */

struct list { void *v; size_t n; };

/* ---- the shape of bytes from outside ---- */

/* One value's head: how many bytes of length follow it, or what it says itself. */
struct head {
	size_t length_bytes;
	uint64_t body, items;
	bool container;
	unsigned items_each;    /* values for each element: 2 for a map */
};

/* False for what this protocol has no use for: ext, float, and the reserved byte. */
static bool head_of(uint8_t t, struct head *h)
{
	*h = (struct head){ .items_each = 1 };
	if (t <= 0x7f || t >= 0xe0 || t == 0xc0 || t == 0xc2 || t == 0xc3)
		return true;                                    /* fixint, nil, bool */
	if (t <= 0x8f || t == 0xde || t == 0xdf) {              /* map */
		h->container = true;
		h->items_each = 2;
		h->items = t <= 0x8f ? t & 0x0fu : 0;
		h->length_bytes = t <= 0x8f ? 0 : t == 0xde ? 2 : 4;
	} else if (t <= 0x9f || t == 0xdc || t == 0xdd) {       /* array */
		h->container = true;
		h->items = t <= 0x9f ? t & 0x0fu : 0;
		h->length_bytes = t <= 0x9f ? 0 : t == 0xdc ? 2 : 4;
	} else if (t <= 0xbf) {
		h->body = t & 0x1fu;                            /* short str */
	} else if (t >= 0xc4 && t <= 0xc6) {
		h->length_bytes = (size_t)1 << (t - 0xc4);      /* bin */
	} else if (t >= 0xd9 && t <= 0xdb) {
		h->length_bytes = (size_t)1 << (t - 0xd9);      /* str */
	} else if (t >= 0xcc && t <= 0xcf) {
		h->body = UINT64_C(1) << (t - 0xcc);            /* uint */
	} else if (t >= 0xd0 && t <= 0xd3) {
		h->body = UINT64_C(1) << (t - 0xd0);            /* int */
	} else {
		return false;
	}
	return true;
}

/* Reads one head and skips its body; *items is what it still owes. */
static bool shape_step(struct sr_bytes in, size_t *at, struct head *h)
{
	uint64_t length = 0;

	if (*at == in.n || !head_of(in.p[(*at)++], h) || h->length_bytes > in.n - *at)
		return false;
	for (size_t i = 0; i < h->length_bytes; i++)
		length = length << 8 | in.p[(*at)++];
	if (h->length_bytes > 0 && h->container)
		h->items = length;
	else if (h->length_bytes > 0)
		h->body = length;
	h->items *= h->items_each;
	if (h->body > in.n - *at || h->items > in.n - *at)
		return false;
	*at += (size_t)h->body;
	return true;
}

bool codec_shape_ok(struct sr_bytes in)
{
	uint64_t due[CODEC_DEPTH_MAX + 1] = { 1 };      /* values still due at each depth */
	size_t depth = 0, at = 0, values = 0;
	struct head h;

	for (;;) {
		while (due[depth] == 0) {
			if (depth == 0)
				return at == in.n;
			depth--;
		}
		due[depth]--;
		if (++values > CODEC_VALUES_MAX || !shape_step(in, &at, &h))
			return false;
		if (!h.container)
			continue;
		if (depth == CODEC_DEPTH_MAX)
			return false;
		due[++depth] = h.items;
	}
}

/* ---- decoding ---- */

/* Who refuses unknown fields is the daemon reading a request: what it would not
 * understand it must not keep and hand to others, whose languages have it that
 * every string is UTF-8. */
static SR_RESULT read_str(const msgpack_object *o, uint64_t max, enum codec_unknown unknown, struct sr_str *out)
{
	if (o->type != MSGPACK_OBJECT_STR)
		return SR_BAD_MESSAGE;
	if (o->via.str.size > max)
		return SR_TOO_LARGE;
	if (o->via.str.size > 0 && memchr(o->via.str.ptr, '\0', o->via.str.size) != NULL)
		return SR_BAD_MESSAGE;
	*out = (struct sr_str){ o->via.str.ptr, o->via.str.size };
	return unknown == CODEC_IGNORE_UNKNOWN || str_is_utf8(*out) ? SR_OK : SR_BAD_MESSAGE;
}

static SR_RESULT read_bin(const msgpack_object *o, uint64_t max, struct sr_bytes *out)
{
	if (o->type != MSGPACK_OBJECT_BIN)
		return SR_BAD_MESSAGE;
	if (o->via.bin.size > max)
		return SR_TOO_LARGE;
	*out = (struct sr_bytes){ (const uint8_t *)o->via.bin.ptr, o->via.bin.size };
	return SR_OK;
}

static SR_RESULT read_strs(const msgpack_object *o, uint64_t max, enum codec_unknown unknown, struct sr_strs *out,
	struct arena *arena)
{
	struct sr_str *v;

	if (o->type != MSGPACK_OBJECT_ARRAY)
		return SR_BAD_MESSAGE;
	if (o->via.array.size > max)
		return SR_TOO_LARGE;
	if ((v = arena_get(arena, o->via.array.size * sizeof *v)) == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < o->via.array.size; i++)
		SR_TRY(read_str(&o->via.array.ptr[i], STRS_EACH_MAX, unknown, &v[i]));
	*out = (struct sr_strs){ v, o->via.array.size };
	return SR_OK;
}

static SR_RESULT read_list(const struct schema_field *f, const msgpack_object *o, enum codec_unknown unknown,
	struct list *out, struct arena *arena, const char **field)
{
	uint8_t *v;

	if (o->type != MSGPACK_OBJECT_ARRAY)
		return SR_BAD_MESSAGE;
	if (o->via.array.size > f->max)
		return SR_TOO_LARGE;
	if ((v = arena_get(arena, o->via.array.size * f->elem->size)) == NULL)
		return SR_NOMEM;
	for (size_t i = 0; i < o->via.array.size; i++)
		SR_TRY(codec_read(f->elem, &o->via.array.ptr[i], unknown, v + i * f->elem->size, arena, field));
	*out = (struct list){ v, o->via.array.size };
	return SR_OK;
}

static SR_RESULT read_value(const struct schema_field *f, const msgpack_object *o, enum codec_unknown unknown,
	uint8_t *at, struct arena *arena, const char **field)
{
	/* the struct's member has exactly the type that the list gave it
	 * (messages.h), so the cast names what is there */
	void *member = at;

	switch (f->kind) {
	case WIRE_U64:
		if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
			return SR_BAD_MESSAGE;
		if (o->via.u64 > f->max)
			return SR_TOO_LARGE;
		*(uint64_t *)member = o->via.u64;
		return SR_OK;
	case WIRE_BOOL:
		if (o->type != MSGPACK_OBJECT_BOOLEAN)
			return SR_BAD_MESSAGE;
		*(bool *)member = o->via.boolean;
		return SR_OK;
	case WIRE_STR:
		return read_str(o, f->max, unknown, member);
	case WIRE_BYTES:
		return read_bin(o, f->max, member);
	case WIRE_SECRET:
		/* same shape; what it points to stays in the frame's own memory */
		return read_bin(o, f->max, member);
	case WIRE_STRS:
		return read_strs(o, f->max, unknown, member, arena);
	case WIRE_MESSAGE:
		return codec_read(f->elem, o, unknown, member, arena, field);
	case WIRE_LIST:
		return read_list(f, o, unknown, member, arena, field);
	}
	return SR_INTERNAL;
}

static const struct schema_field *field_named(const struct schema *schema, const msgpack_object_str *name)
{
	for (size_t i = 0; i < schema->fields_n; i++)
		if (str_is((struct sr_str){ name->ptr, name->size }, schema->fields[i].name))
			return &schema->fields[i];
	return NULL;
}

SR_RESULT codec_read(const struct schema *schema, const msgpack_object *object, enum codec_unknown unknown,
	void *message, struct arena *arena, const char **field)
{
	uint64_t present = 0;

	memset(message, 0, schema->size);
	if (object->type != MSGPACK_OBJECT_MAP)
		return SR_BAD_MESSAGE;
	for (size_t i = 0; i < object->via.map.size; i++) {
		const msgpack_object_kv *kv = &object->via.map.ptr[i];
		const struct schema_field *f;
		uint64_t bit;

		if (kv->key.type != MSGPACK_OBJECT_STR)
			return SR_BAD_MESSAGE;
		f = field_named(schema, &kv->key.via.str);
		if (f == NULL && unknown == CODEC_IGNORE_UNKNOWN)
			continue;
		if (f == NULL)
			return SR_BAD_MESSAGE;
		bit = UINT64_C(1) << (f - schema->fields);
		*field = f->name;
		if (present & bit)
			return SR_BAD_MESSAGE;          /* given twice */
		present |= bit;
		SR_TRY(read_value(f, &kv->val, unknown, (uint8_t *)message + f->offset, arena, field));
		*field = NULL;
	}
	for (size_t i = 0; i < schema->fields_n; i++)
		if ((schema->fields[i].flags & WIRE_REQ) != 0 && (present >> i & 1) == 0) {
			*field = schema->fields[i].name;
			return SR_BAD_MESSAGE;
		}
	memcpy(message, &present, sizeof present);      /* every message begins with it */
	return SR_OK;
}

SR_RESULT codec_decode(const struct schema *schema, struct sr_bytes in, enum codec_unknown unknown,
	void *message, struct arena *arena)
{
	msgpack_unpacked tree;
	const char *field = NULL;
	enum sr_err err = SR_BAD_MESSAGE;
	size_t end = 0;

	memset(message, 0, schema->size);
	if (!codec_shape_ok(in))
		return SR_BAD_MESSAGE;
	msgpack_unpacked_init(&tree);
	if (msgpack_unpack_next(&tree, (const char *)in.p, in.n, &end) == MSGPACK_UNPACK_SUCCESS)
		err = codec_read(schema, &tree.data, unknown, message, arena, &field);
	msgpack_unpacked_destroy(&tree);
	return err;
}

/* ---- encoding ---- */

static int append(void *data, const char *p, size_t n)
{
	struct codec_out *out = data;

	if (n > out->cap - out->n)
		return -1;
	memcpy(out->p + out->n, p, n);
	out->n += n;
	return 0;
}

void codec_packer(msgpack_packer *packer, struct codec_out *out)
{
	msgpack_packer_init(packer, out, append);
}

/* msgpack-c answers 0, or what append() answered. */
static SR_RESULT packed(int result)
{
	return result == 0 ? SR_OK : SR_TOO_LARGE;
}

static SR_RESULT write_str(msgpack_packer *packer, struct sr_str s)
{
	return packed(msgpack_pack_str_with_body(packer, s.n == 0 ? "" : s.p, s.n));
}

static SR_RESULT write_strs(msgpack_packer *packer, const struct sr_strs *strs)
{
	SR_TRY(packed(msgpack_pack_array(packer, strs->n)));
	for (size_t i = 0; i < strs->n; i++)
		SR_TRY(write_str(packer, strs->v[i]));
	return SR_OK;
}

static SR_RESULT write_list(msgpack_packer *packer, const struct schema *elem, const struct list *list)
{
	SR_TRY(packed(msgpack_pack_array(packer, list->n)));
	for (size_t i = 0; i < list->n; i++)
		SR_TRY(codec_write(packer, elem, (const uint8_t *)list->v + i * elem->size));
	return SR_OK;
}

static SR_RESULT write_value(msgpack_packer *packer, const struct schema_field *f, const uint8_t *at)
{
	const void *member = at;

	switch (f->kind) {
	case WIRE_U64:
		return packed(msgpack_pack_uint64(packer, *(const uint64_t *)member));
	case WIRE_BOOL:
		return packed(*(const bool *)member ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
	case WIRE_STR: {
		const struct sr_str *s = member;

		return s->n > f->max ? SR_TOO_LARGE : write_str(packer, *s);
	}
	case WIRE_BYTES:
	case WIRE_SECRET: {
		const struct sr_bytes *b = member;

		return b->n > f->max ? SR_TOO_LARGE : packed(msgpack_pack_bin_with_body(packer, b->n == 0 ? "" : (const void *)b->p, b->n));
	}
	case WIRE_STRS:
		return write_strs(packer, member);
	case WIRE_MESSAGE:
		return codec_write(packer, f->elem, member);
	case WIRE_LIST:
		return write_list(packer, f->elem, member);
	}
	return SR_INTERNAL;
}

/* Required fields always go out, lists unless they are empty, others when their bit is set. */
static bool goes_out(const struct schema *schema, size_t i, const uint8_t *message)
{
	const struct schema_field *f = &schema->fields[i];
	uint64_t present;

	memcpy(&present, message, sizeof present);
	if ((f->flags & WIRE_REQ) != 0)
		return true;
	if (f->kind == WIRE_LIST)
		return ((const struct list *)(const void *)(message + f->offset))->n > 0;
	return (present >> i & 1) != 0;
}

SR_RESULT codec_write(msgpack_packer *packer, const struct schema *schema, const void *message)
{
	size_t n = 0;

	for (size_t i = 0; i < schema->fields_n; i++)
		n += goes_out(schema, i, message);
	SR_TRY(packed(msgpack_pack_map(packer, n)));
	for (size_t i = 0; i < schema->fields_n; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (!goes_out(schema, i, message))
			continue;
		SR_TRY(write_str(packer, str_of(f->name)));
		SR_TRY(write_value(packer, f, (const uint8_t *)message + f->offset));
	}
	return SR_OK;
}

SR_RESULT codec_encode(const struct schema *schema, const void *message, struct codec_out *out)
{
	msgpack_packer packer;

	codec_packer(&packer, out);
	return codec_write(&packer, schema, message);
}
