/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the audit log, written by hand since it stands on the hot path.  It
 * is JSON whatever a client sent: every string is escaped, every length bounded. */
#ifndef SR_DAEMON_LINE_H
#define SR_DAEMON_LINE_H

#include "daemon/audit/audit.h"
#include "daemon/net/identity.h"

#define LINE_ROOM (AUDIT_LINE_MAX - 64)         /* the audit log adds "seq" */

struct line {
	char text[LINE_ROOM];
	size_t n;
};

/* What a line says; an empty span leaves its member out. */
struct line_facts {
	const char *operation;                  /* operationName */
	enum sr_err err;                        /* resultType and resultSignature */
	struct sr_str description;              /* resultDescription */
	uint64_t duration_ns;
	const char *id;                         /* correlationId: AUDIT_ID_LEN digits */
	const struct identity *who;
	struct sr_str vault;                    /* resourceId: the vault's URI */
	struct sr_str object;                   /* properties.id */
	struct sr_str algorithm;                /* properties.algorithm */
	struct sr_str principal, role;          /* properties of grants */
	struct sr_str permissions;              /* ... where no role says them */
	uint64_t count;                         /* properties.count; 0: left out */
};

/* Writes the body that audit_append takes. */
void line_write(struct line *line, const struct line_facts *facts);
struct sr_str line_str(const struct line *line);

/* A new unique id (correlationId), AUDIT_ID_LEN digits and a NUL. */
void line_new_id(char out[AUDIT_ID_LEN + 1]);

#endif
