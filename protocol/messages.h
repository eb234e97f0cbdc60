/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas of all messages, and the table of operations, from the lists. */
#ifndef SR_PROTOCOL_MESSAGES_H
#define SR_PROTOCOL_MESSAGES_H

#include <strongroom/messages.h>

#include "protocol/codec.h"

#define MSG(m) extern const struct schema m##_schema;
#define F(m, f, kind, flags, max)
#define M(m, f, elem, flags)
#define L(m, f, elem, max)
#define END(m)
#include <strongroom/messages.def>
#undef MSG
#undef F
#undef M
#undef L
#undef END

enum op_code {
#define OP(name, audit_name, permission, audit, runs, summary) OP_##name,
#include <strongroom/operations.def>
#undef OP
	OP_COUNT
};

enum permission {
#define PERMISSION(id, name, summary) PERM_##id,
#include <strongroom/permissions.def>
#undef PERMISSION
	PERM_COUNT,
	/* not granted but given by who one is */
	PERM_any, PERM_operator, PERM_tenant
};

enum op_audit { AUDIT_NONE, AUDIT_EACH, AUDIT_CHANGE };
enum op_runs  { RUNS_INLINE, RUNS_POOL };

struct op {
	const char *name, *audit_name;
	const struct schema *request, *reply;
	enum permission permission;
	enum op_audit audit;
	enum op_runs runs;
	const char *summary;
};
extern const struct op ops[OP_COUNT];

/* NULL if there is none of that name. */
const struct op *op_find(struct sr_str name);

#endif
