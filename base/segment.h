/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's files as they lie on disk, for those who read them: the daemon at
 * start and `strongroom audit verify`.  DIR/NNNNNNNNNN.jsonl holds the lines from
 * index NNNNNNNNNN on; line i begins {"seq":i, and ends }.  All of it is untrusted. */
#ifndef SR_BASE_SEGMENT_H
#define SR_BASE_SEGMENT_H

#include "base/result.h"

#define SEGMENT_LINE_MAX 4096           /* a whole line with its newline */
#define SEGMENT_NAME_LEN 40
#define SEGMENT_LINES      ".jsonl"
#define SEGMENT_CHECKPOINT ".checkpoint"
#define SEGMENT_NEWEST     "checkpoint" /* the newest checkpoint of all */

struct segment {
	uint64_t first;         /* index of its first line */
	uint64_t bytes;         /* length when it was listed */
};
struct segment_list {           /* by first, ascending */
	struct segment *v;
	size_t n;
};

/* Writes the file's name, such as 0000000000.jsonl. */
void segment_name(uint64_t first, const char *suffix, char out[static SEGMENT_NAME_LEN]);
/* All files of this suffix.  segment_list_finish frees them.  Errors: NOMEM, by errno. */
SR_RESULT segment_list_load(int dirfd, const char *suffix, struct segment_list *out);
void segment_list_finish(struct segment_list *list);

/* What keeps these bytes (without newline) from being line index, in a few words; NULL:
 * nothing does. */
const char *segment_line_fault(struct sr_bytes line, uint64_t index);

/* Called for each whole line, without its newline; offset is where it begins.  Anything
 * but SR_OK ends the walk. */
typedef enum sr_err segment_line_fn(void *arg, struct sr_bytes line, uint64_t offset);

struct segment_end {
	uint64_t offset;        /* behind the last line that fn took */
	uint64_t rest;          /* bytes behind the last whole line: a half one */
};

/* Reads a segment from offset on, line by line.  *end is set on success only.
 * Errors: what fn returned, CORRUPT (a line longer than SEGMENT_LINE_MAX), NOMEM, by errno. */
SR_RESULT segment_walk(int dirfd, uint64_t first, uint64_t offset, segment_line_fn *fn, void *arg,
	struct segment_end *end);

#endif
