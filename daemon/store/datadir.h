/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory, DIR: whose it is, who may enter it, what is in it.
 *
 *   DIR/FORMAT      "strongroom-data 1": all is there; written last
 *   DIR/INIT        the first start is not over: all beside it is its own and may go
 *   DIR/store/      the sealed store
 *   DIR/seal.key    the seal's key, unless the setting seal keeps it elsewhere
 *   DIR/audit/      the audit log
 *
 * A first start that was cut short at any point leads to another first start; a
 * directory that is complete but for a part is refused, never made anew.  For one
 * thread, at start. */
#ifndef SR_DAEMON_DATADIR_H
#define SR_DAEMON_DATADIR_H

#include "daemon/store/problem.h"
#include "daemon/store/sealed.h"

#define DATADIR_FORMAT_VERSION 1
#define DATADIR_WARNINGS_MAX   4
#define DATADIR_WARNING_MAX    256

struct datadir_options {
	const char *path;               /* made if missing, its parent is not */
	const char *seal;               /* setting: see seal.h; NULL or "": the default */
	size_t store_map_size;          /* see store.h */
};

struct datadir {
	int dirfd;                      /* holds the lock on DIR */
	int auditfd;                    /* DIR/audit */
	struct store *store;
	struct sealed *sealed;
	bool first_start;               /* DIR was made by this very call */
	size_t warnings_n;              /* for the log and for status */
	char warnings[DATADIR_WARNINGS_MAX][DATADIR_WARNING_MAX];
};

/* Opens DIR, or makes it.  What is wrong is told in problem.  Errors: FORMAT (not
 * a data directory, or of another version), CONFLICT (another strongroomd has it, or
 * something is in the way), DENIED (not ours alone), NOT_FOUND (a part is missing),
 * BAD_SEAL, CORRUPT, NOMEM, by errno. */
SR_RESULT datadir_open(const struct datadir_options *options, struct datadir **out, char problem[static PROBLEM_MAX]);
/* Closes all that datadir_open opened.  NULL is fine. */
void datadir_close(struct datadir *datadir);
SR_DEFINE_AUTO(datadir, datadir_close)

#endif
