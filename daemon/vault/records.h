/* SPDX-License-Identifier: Apache-2.0 */
/* The structs and schemas of stored records, from records.def, and their paths. */
#ifndef SR_DAEMON_RECORDS_H
#define SR_DAEMON_RECORDS_H

#include <strongroom/messages.h>
#include <strongroom/strongroom.h>

#include "daemon/store/sealed.h"
#include "protocol/codec.h"

#define MSG(m)                        enum { REC_AT_##m##_first_ = -1,
#define F(m, field, kind, flags, max) REC_AT_##m##_##field,
#define L(m, field, elem, max)        REC_AT_##m##_##field,
#define END(m)                        REC_COUNT_##m };
#include "daemon/vault/records.def"
#undef MSG
#undef F
#undef L
#undef END

#define MSG(m)                        struct m##_record { uint64_t present;
#define F(m, field, kind, flags, max) SR_TYPE_##kind field;
#define L(m, field, elem, max)        struct { struct elem##_record *v; size_t n; } field;
#define END(m)                        }; extern const struct schema m##_record_schema;
#include "daemon/vault/records.def"
#undef MSG
#undef F
#undef L
#undef END

#define REC_HAS(m, rec, field) (((rec)->present >> REC_AT_##m##_##field & 1) != 0)
#define REC_SET(m, rec, field, value) \
	((void)((rec)->field = (value), (rec)->present |= UINT64_C(1) << REC_AT_##m##_##field))
#define REC_CLEAR(m, rec, field) ((void)((rec)->present &= ~(UINT64_C(1) << REC_AT_##m##_##field)))

/* A record's path; names in it are checked already (sr_uri_parse), so none holds a slash. */
struct record_path {
	char text[256];
	size_t n;
};
struct record_path path_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct record_path path_vault(const struct sr_uri *uri);
struct record_path path_key(const struct sr_uri *uri);
struct record_path path_version(const struct sr_uri *uri);      /* with an empty version: the prefix of all */
struct record_path path_material(const struct sr_uri *uri);
static inline struct sr_str path_str(const struct record_path *path)
{
	return (struct sr_str){ path->text, path->n };
}

/* Reads a record and decodes it; its spans and lists live in the arena.
 * Errors: sealed_get's, CORRUPT (does not decode). */
SR_RESULT record_get(struct sealed_txn *txn, const struct record_path *path, const struct schema *schema,
	void *record, struct arena *arena);
/* Encodes and stores one.  Errors: sealed_put's, TOO_LARGE. */
SR_RESULT record_put(struct sealed_txn *txn, const struct record_path *path, const struct schema *schema, const void *record);
/* Decodes one that was read otherwise.  Errors: CORRUPT, NOMEM. */
SR_RESULT record_decode(struct sr_bytes bytes, const struct schema *schema, void *record, struct arena *arena);

#endif
