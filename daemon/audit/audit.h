/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: JSON lines in segments, leaves of an RFC 6962 Merkle tree, with
 * tlog-tiles beside them and signed checkpoints over them (design sections 6, 9).
 *
 *   DIR/audit/NNNNNNNNNN.jsonl        lines, the file named by its first line's index
 *   DIR/audit/NNNNNNNNNN.checkpoint   the checkpoint that closed that segment
 *   DIR/audit/checkpoint              the newest signed checkpoint
 *   DIR/audit/tile/...                full hash tiles (C2SP tlog-tiles)
 *
 * It keeps two things in the store, through the callbacks of audit_keeper, since
 * it knows nothing of the store itself: the newest checkpoint's size and root,
 * and which outbox records are durably in the log. */
#ifndef SR_DAEMON_AUDIT_H
#define SR_DAEMON_AUDIT_H

#include "base/arena.h"
#include "base/result.h"

#define AUDIT_HASH_LEN 32
#define AUDIT_SEED_LEN 32       /* Ed25519 seed of the key that signs checkpoints */
#define AUDIT_LINE_MAX 4096     /* a whole line with its newline */
#define AUDIT_ID_LEN   32       /* hex digits of a record's unique id (correlationId) */

/* 80 ms of hashing at 0.8 GB/s: start does not wait for more of the log to be checked. */
#define AUDIT_CHECK_BYTES ((uint64_t)64 << 20)

struct audit;

struct audit_mark {             /* the newest checkpoint, as the store knows it */
	uint64_t size;
	uint8_t root[AUDIT_HASH_LEN];
};

struct audit_options {
	int dirfd;                      /* DIR/audit, 0700; stays the caller's */
	const char *origin;             /* checkpoint's first line and key name, such as strongroom/ID */
	const uint8_t *seed;            /* AUDIT_SEED_LEN bytes; copied into locked memory */
	bool sync_always;               /* fdatasync before append returns, many to one sync */
	uint64_t segment_bytes;         /* a segment is closed when it is this long */
	uint64_t reserve_bytes;         /* allocated ahead, so that a full disk is known early */
	uint64_t keep_bytes;            /* closed segments beyond this are deleted, oldest first; 0: all are kept */
	uint64_t check_bytes;           /* start hashes the newest segments up to this many bytes, the rest in the
	                                 * background; 0: AUDIT_CHECK_BYTES */
	uint32_t interval_ms;           /* between checkpoints while lines come; 0: 1000 */
	const char *command;            /* run for each checkpoint, which it gets on stdin; NULL: none */
	struct audit_mark mark;         /* from the store; size 0: a new log */
	/* Puts the mark into the store and removes these outbox records, in one
	 * commit; called from the audit log's own thread.  ids: n times AUDIT_ID_LEN digits. */
	enum sr_err (*keep)(void *arg, const struct audit_mark *mark, const char *ids, size_t n);
	void *arg;
};

/* Opens the log: cuts a half line behind the mark (and records that), rebuilds the tree from
 * tiles and the lines behind them, and holds it against the mark.  A log that is
 * shorter than the mark, or different, is opened all the same, but every append
 * fails and audit_problem names the segment; so it is, later, when the check in the background
 * finds an older line that was changed.  Needs SIGXFSZ to be ignored where RLIMIT_FSIZE is set.
 * Errors: by errno, NOMEM, CORRUPT (cannot even be read). */
SR_RESULT audit_open(const struct audit_options *options, struct audit **out);
/* Drains what is due, signs a last checkpoint, closes.  NULL is fine. */
void audit_close(struct audit *audit);

/* Appends one line: {"seq":N, and then body, which is the rest of the JSON
 * object (from after the comma up to and with the closing brace, without newline).
 * When it returns SR_OK the line is in the file, and with sync_always on the disk.  Any thread.
 * id: NULL, or the AUDIT_ID_LEN digits of the outbox record that this line
 * settles: it is handed to keep() after the line is on the disk.
 * Errors: AUDIT (cannot be written, now; audit_problem says why), TOO_LARGE (not such a body). */
SR_RESULT audit_append(struct audit *audit, struct sr_str body, const char *id);
/* Was a line with this id, as its correlationId, at or behind the start's mark?  Such a line is on
 * the disk.  For recovery: lines appended since audit_open are not looked at. */
bool audit_has(struct audit *audit, const char *id);

/* Lines written, and lines under the newest checkpoint. */
void audit_sizes(struct audit *audit, uint64_t *size, uint64_t *covered);
/* What is wrong, in words for the administrator, or "" : copied into out.  While the log cannot be
 * written this also tries whether it can be now. */
void audit_problem(struct audit *audit, char *out, size_t out_size);

/* Reads up to max whole lines from index `from` on, one at least, as many as fit into the
 * arena's rest and are in one segment.  Errors: NOT_FOUND (behind the end, or no longer kept), CORRUPT, NOMEM (not even one fits), by errno. */
SR_RESULT audit_read(struct audit *audit, uint64_t from, uint64_t max, struct arena *arena,
	struct sr_bytes *lines, uint64_t *count);
/* Syncs, signs and stores a checkpoint over all lines now; text in the arena.  Of a damaged log it
 * is the one that the log does not lead to, so that whoever verifies sees it.
 * Errors: AUDIT (damaged, and there is none), NOMEM, by errno, what keep() returned. */
SR_RESULT audit_checkpoint(struct audit *audit, struct arena *arena, struct sr_str *out);
/* The verifier key (signed note format), in the arena. */
SR_RESULT audit_vkey(struct audit *audit, struct arena *arena, struct sr_str *out);
/* The line (without its newline), its audit path (RFC 6962 2.1.1) and the
 * checkpoint that it leads to, which is made now if the line is not under one yet.
 * Errors: NOT_FOUND, CORRUPT (line and tiles do not fit), AUDIT (the log is damaged), as audit_checkpoint. */
SR_RESULT audit_prove(struct audit *audit, uint64_t index, struct arena *arena,
	struct sr_bytes *line, struct sr_bytes *proof, struct sr_str *checkpoint);

#endif
