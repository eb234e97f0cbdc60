/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the administrator's command for checkpoints (audit_checkpoint_command), which gets
 * the note on stdin.  One at a time; while it runs the newest checkpoint waits and
 * those between are passed over.  It never blocks.  One thread at a time. */
#ifndef SR_DAEMON_AUDIT_COMMAND_H
#define SR_DAEMON_AUDIT_COMMAND_H

#include <sys/types.h>

#include "base/note.h"

#define COMMAND_DEADLINE_MS 60000       /* then it is killed */

struct command {
	const char *text;               /* for /bin/sh -c; borrowed; NULL: none */
	pid_t pid;                      /* of the one that runs; 0: none does */
	uint64_t started_ms;
	bool waiting;                   /* a newer note is in `note` */
	char note[NOTE_MAX + 1];
	bool failed;                    /* the last one, as was logged */
};

/* Runs it with this note, at once or when the one that runs is done. */
void command_offer(struct command *command, struct sr_str note);
/* Sees whether it ended; to be called now and then.  True while one runs. */
bool command_poll(struct command *command);
/* Waits this long at most for it to end, with the note that waits too; then kills it. */
void command_finish(struct command *command, uint64_t wait_ms);

#endif
