/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the audit log share; nobody else includes it.
 *
 *   append.c    lines into the live segment: the hot path
 *   round.c     hashes into the tree, checkpoints; the log's own thread
 *   trim.c      deletes the oldest segments (audit_keep)
 *   recover.c   start: holds the files against the store's mark
 *   reader.c    lines and proofs for readers
 *   audit.c     opens and closes
 *
 * Two locks: tree_lock (may be held over disk waits) is taken before lock (never held
 * over one, but when a segment is closed). */
#ifndef SR_DAEMON_AUDIT_INTERNAL_H
#define SR_DAEMON_AUDIT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/checkpoint.h"
#include "base/segment.h"
#include "daemon/audit/audit.h"
#include "daemon/audit/command.h"
#include "daemon/audit/pending.h"
#include "daemon/audit/tilestore.h"
#include "daemon/audit/writer.h"

struct audit {
	/* set by audit_open, not changed afterwards */
	struct audit_options options;
	char *command_text;
	struct note_signer *signer;
	struct checkpoint ref;          /* at start: what the log had to lead to */
	struct id_list found;           /* ids at and behind the start's mark, sorted */
	pthread_t round_thread, recheck_thread;
	bool has_round_thread, has_recheck_thread;
	atomic_bool recheck_stop, recheck_runs;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t synced_changed, wake;
	struct merkle_hasher *leaf_hasher;
	struct writer writer;
	struct segment_list closed;     /* the segments before the live one */
	uint64_t size;                  /* lines written */
	uint64_t synced;                /* those on the disk */
	bool syncing;                   /* a thread is in fdatasync without the lock */
	uint64_t covered;               /* those under the newest checkpoint */
	struct leaf_queue leaves;       /* of lines that the tree has not seen */
	struct id_list ids;             /* of records that these lines settle */
	bool stop, asleep;              /* the log's own thread shall end; waits without end */
	char damage[512];               /* the log is not what it should be: no append until it is opened again */
	char fault[256];                /* it cannot be written just now */
	bool full;                      /* ... since the disk is full: what is reserved is for outbox records */
	int64_t fault_since;            /* unix time */
	uint64_t looked_ms;             /* when the files were looked at last */

	/* guarded by tree_lock */
	pthread_mutex_t tree_lock;
	struct merkle_hasher *hasher;
	struct tile_edge edge;
	struct tilestore tiles;
	struct leaf_queue taken;        /* leaves on their way into the tree */
	struct id_list taken_ids;       /* to be given to keep() with the next mark */
	struct checkpoint newest;
	char note[NOTE_MAX + 1];        /* the newest checkpoint, signed */
	size_t note_len;
	struct command command;
	uint64_t trim_to;               /* segments before this line go with the next checkpoint; 0: none */

	/* guarded by read_lock */
	pthread_mutex_t read_lock;
	struct line_index {
		uint64_t first;         /* the segment that was read last */
		uint64_t offset, lines; /* indexed so far */
		uint64_t *at;           /* offset of each 256th line */
		size_t n;
	} index;
};

/* ---- append.c: all with the lock held ---- */

/* Looks at files and disk if it has not been done for some milliseconds, and tries to go
 * on where the log could not be written. */
void append_look(struct audit *audit);
/* One of our own lines; members are more of the JSON object, each with a comma behind it. */
SR_RESULT append_own(struct audit *audit, const char *operation, const char *members);
/* Waits until the first `upto` lines are on the disk, and syncs if nobody else does; gives up the
 * lock meanwhile.  Errors: AUDIT. */
SR_RESULT append_sync(struct audit *audit, uint64_t upto);
/* The log is damaged, or its state unknown: nothing is appended any more. */
void append_damage(struct audit *audit, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- round.c ---- */

/* Puts all lines written so far under a signed checkpoint; tree_lock held.  Errors: AUDIT
 * (damaged), by errno, what keep() returned. */
SR_RESULT round_run(struct audit *audit);
void *round_main(void *audit);

/* ---- trim.c: with tree_lock held ---- */

/* Deletes what may go, and says in the log what shall go next.  Right after a checkpoint over all lines. */
void trim_run(struct audit *audit);

/* ---- recover.c ---- */

/* Brings up tree and writer from the files.  *whole: every line that is kept was checked.
 * A damaged log is no error, see audit->damage. */
SR_RESULT recover_run(struct audit *audit, bool *whole);
/* Checks every line against the start's reference, in a thread of its own. */
void *recover_recheck(void *audit);

#endif
