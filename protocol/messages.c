/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/messages.h"

#include "base/str.h"

/* the flags as messages.def writes them */
#define REQ     WIRE_REQ
#define OPT     WIRE_OPT
#define SUBJECT WIRE_SUBJECT

#define MSG(m) static const struct schema_field m##_fields[] = {
#define F(m, field, kind, flags, max) { #field, WIRE_##kind, flags, max, offsetof(struct sr_##m, field), NULL },
#define M(m, field, elem, flags)      { #field, WIRE_MESSAGE, flags, 0, offsetof(struct sr_##m, field), &elem##_schema },
#define L(m, field, elem, max)        { #field, WIRE_LIST, OPT, max, offsetof(struct sr_##m, field), &elem##_schema },
#define END(m) \
	{ NULL, WIRE_U64, 0, 0, 0, NULL } }; \
	const struct schema m##_schema = { #m, m##_fields, SR_COUNT_##m, sizeof(struct sr_##m) }; \
	_Static_assert(SR_COUNT_##m <= 64, "`present` has a bit for each field"); \
	_Static_assert(offsetof(struct sr_##m, present) == 0, "the codec finds `present` at the front");
#include <strongroom/messages.def>
#undef MSG
#undef F
#undef M
#undef L
#undef END

const struct op ops[OP_COUNT] = {
#define OP(name, audit_name, permission, audit, runs, summary) \
	{ #name, #audit_name, &name##_req_schema, &name##_rep_schema, PERM_##permission, AUDIT_##audit, RUNS_##runs, summary },
#include <strongroom/operations.def>
#undef OP
};

const struct op *op_find(struct sr_str name)
{
	for (size_t i = 0; i < OP_COUNT; i++)
		if (str_is(name, ops[i].name))
			return &ops[i];
	return NULL;
}
