/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to msgpack and back, by schema.  A message list (messages.def, or the
 * daemon's records.def) is read once for structs and once for schemas; this file
 * walks the schemas.  The only file besides frame.c that knows msgpack-c.
 *
 * Bytes from outside are walked by shape_check before msgpack-c sees them, since
 * it allocates what a header claims. */
#ifndef SR_PROTOCOL_CODEC_H
#define SR_PROTOCOL_CODEC_H

#include "base/arena.h"
#include "base/result.h"

enum wire_kind  { WIRE_U64, WIRE_BOOL, WIRE_STR, WIRE_BYTES, WIRE_SECRET, WIRE_STRS, WIRE_MESSAGE, WIRE_LIST };
enum wire_flags { WIRE_OPT = 0, WIRE_REQ = 1, WIRE_SUBJECT = 2 };

struct schema;
struct schema_field {
	const char *name;
	enum wire_kind kind;
	unsigned flags;
	uint64_t max;
	size_t offset;
	const struct schema *elem;      /* MESSAGE and LIST */
};
struct schema {
	const char *name;
	const struct schema_field *fields;
	size_t fields_n;
	size_t size;                    /* of the struct */
};

/* Deepest nesting of a frame, and most values in one. */
#define CODEC_DEPTH_MAX  8
#define CODEC_VALUES_MAX 65536

/* Is in one whole msgpack value and nothing more, of kinds that we use, with no
 * header claiming more elements than bytes remain, no deeper and with no more
 * values than the limits above?  Allocates nothing. */
bool codec_shape_ok(struct sr_bytes in);

/* A place for encoded bytes: fixed room, never grows. */
struct codec_out {
	uint8_t *p;
	size_t cap, n;
};

/* Appends the message as a msgpack map.  Errors: TOO_LARGE (out is full). */
SR_RESULT codec_encode(const struct schema *schema, const void *message, struct codec_out *out);

/* What to do with unknown fields, and with strings that are not UTF-8. */
enum codec_unknown { CODEC_REFUSE_UNKNOWN, CODEC_IGNORE_UNKNOWN };

/* Decodes one message from bytes (a stored record).  Spans point into in, lists
 * live in the arena.  *message is zeroed first.  Errors: BAD_MESSAGE, TOO_LARGE (a
 * field over its max), NOMEM. */
SR_RESULT codec_decode(const struct schema *schema, struct sr_bytes in, enum codec_unknown unknown,
	void *message, struct arena *arena);

#endif
