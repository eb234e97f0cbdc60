/* SPDX-License-Identifier: Apache-2.0 */
/* The comments of messages.def, for its documentation.  They stand on the line
 * before a message or a field, or behind a field, each on one line. */
#ifndef SR_PROTOCOL_DOC_COMMENTS_H
#define SR_PROTOCOL_DOC_COMMENTS_H

#include "base/result.h"

#define DOC_LINES_MAX 1024

struct doc_comments {
	char *text;
	struct sr_str lines[DOC_LINES_MAX];
	size_t n;
};

/* Errors: as io_read_file; TOO_LARGE (too many lines). */
SR_RESULT doc_comments_load(struct doc_comments *comments, const char *path);
void doc_comments_finish(struct doc_comments *comments);

/* The comment on the line right before this field's, or before the message's own
 * if field is NULL; n is 0 if there is none.  Lives as long as comments. */
struct sr_str doc_comment_before(const struct doc_comments *comments, const char *message, const char *field);
/* The comment behind the field. */
struct sr_str doc_comment_beside(const struct doc_comments *comments, const char *message, const char *field);

#endif
