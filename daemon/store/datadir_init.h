/* SPDX-License-Identifier: Apache-2.0 */
/* The first start of a data directory; for datadir.c only. */
#ifndef SR_DAEMON_DATADIR_INIT_H
#define SR_DAEMON_DATADIR_INIT_H

#include "daemon/store/problem.h"
#include "daemon/store/seal.h"

#define DATADIR_FORMAT_FILE "FORMAT"
#define DATADIR_FORMAT_NAME "strongroom-data"
#define DATADIR_INIT_FILE   "INIT"
#define DATADIR_STORE       "store"
#define DATADIR_AUDIT       "audit"

/* Puts all parts into DIR, which is empty or was emptied by datadir_init_undo; path
 * is DIR's, for words.  Killed at any point it leaves DIR empty, or with INIT
 * and without FORMAT, or complete.  Errors: by errno, the store's; told in problem. */
SR_RESULT datadir_init(int dirfd, const char *path, const struct seal *seal, size_t map_size,
	char problem[static PROBLEM_MAX]);
/* Removes what a datadir_init that was cut short left, but INIT itself.  Looks at
 * all of it first: if anything else is there, it is named and nothing is removed.
 * Errors: CONFLICT (something else), by errno; told in problem. */
SR_RESULT datadir_init_undo(int dirfd, const char *path, char problem[static PROBLEM_MAX]);
/* The first start is over: removes INIT.  Errors: by errno; told in problem. */
SR_RESULT datadir_init_end(int dirfd, const char *path, char problem[static PROBLEM_MAX]);

#endif
