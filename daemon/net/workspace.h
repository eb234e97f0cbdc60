/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread that runs requests has of its own: locked memory to read into,
 * and the arena that a call lives in. */
#ifndef SR_DAEMON_WORKSPACE_H
#define SR_DAEMON_WORKSPACE_H

#include "base/arena.h"
#include "base/result.h"

#define WORKSPACE_INPUT (64 * 1024)
#define WORKSPACE_ARENA (256 * 1024)
#define WORKSPACE_STACK (256 * 1024)    /* of the threads that have one */

struct workspace {
	struct arena arena;
	uint8_t *input;                 /* WORKSPACE_INPUT bytes; NULL where nothing is read */
};

/* Errors: NOMEM (locked memory is used up). */
SR_RESULT workspace_init(struct workspace *workspace, bool reads);
void workspace_finish(struct workspace *workspace);

#endif
