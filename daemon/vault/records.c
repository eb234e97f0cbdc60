/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/vault/records.h"

#include <stdarg.h>

#define RECORD_MAX 16384        /* bytes of an encoded record */

#define REQ WIRE_REQ
#define OPT WIRE_OPT
#define MSG(m) static const struct schema_field m##_fields[] = {
#define F(m, field, kind, flags, max) { #field, WIRE_##kind, flags, max, offsetof(struct m##_record, field), NULL },
#define L(m, field, elem, max)        { #field, WIRE_LIST, OPT, max, offsetof(struct m##_record, field), &elem##_record_schema },
#define END(m) \
	{ NULL, WIRE_U64, 0, 0, 0, NULL } }; \
	const struct schema m##_record_schema = { #m, m##_fields, REC_COUNT_##m, sizeof(struct m##_record) };
#include "daemon/vault/records.def"
#undef MSG
#undef F
#undef L
#undef END

struct record_path path_printf(const char *format, ...)
{
	struct record_path path;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(path.text, sizeof path.text, format, args);
	va_end(args);
	SR_ASSERT(n > 0 && (size_t)n < sizeof path.text);
	path.n = (size_t)n;
	return path;
}

struct record_path path_vault(const struct sr_uri *uri)
{
	return path_printf("tenant/%s/vault/%s", uri->tenant, uri->vault);
}

struct record_path path_key(const struct sr_uri *uri)
{
	return path_printf("tenant/%s/key/%s/%s", uri->tenant, uri->vault, uri->name);
}

struct record_path path_version(const struct sr_uri *uri)
{
	return path_printf("tenant/%s/version/%s/%s/%s", uri->tenant, uri->vault, uri->name, uri->version);
}

struct record_path path_material(const struct sr_uri *uri)
{
	return path_printf("tenant/%s/material/%s/%s/%s", uri->tenant, uri->vault, uri->name, uri->version);
}

SR_RESULT record_decode(struct sr_bytes bytes, const struct schema *schema, void *record, struct arena *arena)
{
	/* unknown fields: a newer daemon may have written them before a step back */
	enum sr_err err = codec_decode(schema, bytes, CODEC_IGNORE_UNKNOWN, record, arena);

	return err == SR_OK || err == SR_NOMEM ? err : SR_CORRUPT;
}

SR_RESULT record_get(struct sealed_txn *txn, const struct record_path *path, const struct schema *schema,
	void *record, struct arena *arena)
{
	struct sr_bytes bytes;

	SR_TRY(sealed_get(txn, path_str(path), arena, &bytes));
	return record_decode(bytes, schema, record, arena);
}

SR_RESULT record_put(struct sealed_txn *txn, const struct record_path *path, const struct schema *schema, const void *record)
{
	uint8_t room[RECORD_MAX];
	struct codec_out out = { room, sizeof room, 0 };

	SR_TRY(codec_encode(schema, record, &out));
	return sealed_put(txn, path_str(path), (struct sr_bytes){ out.p, out.n });
}
