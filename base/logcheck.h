/* SPDX-License-Identifier: Apache-2.0 */
/* Checks an audit log against its signed checkpoints: for `strongroom audit verify`, on
 * a directory or on lines as they come over the socket, and for the daemon when it
 * must say what is wrong.  Everything it reads is untrusted but the key. */
#ifndef SR_BASE_LOGCHECK_H
#define SR_BASE_LOGCHECK_H

#include <stdatomic.h>

#include "base/checkpoint.h"
#include "base/segment.h"

/* The line with which the log itself says that its oldest lines were deleted. */
#define LOGCHECK_TRIMMED "\"operationName\":\"AuditTrimmed\",\"resultType\":\"Success\",\"firstKept\":"

/* Raises *first to what this line says that it is, if it is such a line. */
void logcheck_trimmed(struct sr_bytes line, uint64_t *first);

struct logcheck_report {
	uint64_t first;         /* the first line that there is; those before it only as hashes in tiles */
	uint64_t size;          /* lines of the log, so size - first were read */
	uint64_t covered;       /* those under a checkpoint that fits */
	uint64_t checkpoints;   /* that fit */
	uint64_t half;          /* bytes of a half line at the end: of a crash, or of a daemon that writes just now */
	char problem[384];      /* the first bad thing, in words for people; "": nothing is wrong */
	char file[SEGMENT_NAME_LEN];    /* where, "" if it is in no one file */
	uint64_t line;          /* which line, or the first of those that it may be */
};

/* ---- lines as they come ---- */

struct logcheck;

/* key is copied.  Errors: NOMEM, CRYPTO. */
SR_RESULT logcheck_new(const struct note_key *key, struct logcheck **out);
void logcheck_free(struct logcheck *check);             /* NULL is fine */
SR_DEFINE_AUTO(logcheck, logcheck_free)

/* The log must lead to this checkpoint, an untrusted note; name is for the report.
 * Before the first line.  Errors: CORRUPT (not a checkpoint signed by key; the report
 * says so), NOMEM. */
SR_RESULT logcheck_expect(struct logcheck *check, struct sr_str note, const char *name);
/* Likewise one that needs no signature, since it comes from where we trust. */
SR_RESULT logcheck_expect_root(struct logcheck *check, const struct checkpoint *checkpoint, const char *name);
/* The lines begin at range->size, since those before are no longer kept.  Before the first line. */
SR_RESULT logcheck_begin(struct logcheck *check, const struct merkle_range *range);
/* Takes lines, whole ones with their newlines.  Errors: CORRUPT (the report says what; nothing more
 * is checked), CRYPTO. */
SR_RESULT logcheck_lines(struct logcheck *check, struct sr_bytes lines);
/* What came out; after the last line.  A checkpoint that was not reached is a problem. */
void logcheck_finish(struct logcheck *check, struct logcheck_report *out);

/* ---- a directory ---- */

struct logcheck_options {
	const struct note_key *key;
	const struct checkpoint *mark;  /* one more that the log must lead to, trusted; NULL: none */
	uint64_t limit;                 /* lines behind these are not looked at; 0: all are */
	const atomic_bool *stop;        /* gives up when it becomes true; NULL: never */
};

/* Checks every line, every checkpoint and every tile under the newest checkpoint.  A log that is
 * wrong is no error: look at problem.  Errors: NOT_FOUND (no log there), STOPPING, NOMEM, by errno. */
SR_RESULT logcheck_dir(int dirfd, const struct logcheck_options *options, struct logcheck_report *out);

#endif
