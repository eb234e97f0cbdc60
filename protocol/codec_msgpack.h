/* SPDX-License-Identifier: Apache-2.0 */
/* What codec.c and frame.c share: the walk between schemas and msgpack-c's
 * objects.  Only these two include it. */
#ifndef SR_PROTOCOL_CODEC_MSGPACK_H
#define SR_PROTOCOL_CODEC_MSGPACK_H

#include <msgpack.h>

#include "protocol/codec.h"

/* Decodes a map.  *field names the field that is wrong, if one is. */
SR_RESULT codec_read(const struct schema *schema, const msgpack_object *object, enum codec_unknown unknown,
	void *message, struct arena *arena, const char **field);
/* Encodes a map.  Errors: TOO_LARGE. */
SR_RESULT codec_write(msgpack_packer *packer, const struct schema *schema, const void *message);
/* A packer that appends to out, and fails when it is full. */
void codec_packer(msgpack_packer *packer, struct codec_out *out);

#endif
