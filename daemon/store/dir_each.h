/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a directory, one call for each. */
#ifndef SR_DAEMON_DIR_EACH_H
#define SR_DAEMON_DIR_EACH_H

#include "base/result.h"

/* name: of an entry, "." and ".." left out.  An error ends the walk. */
typedef enum sr_err dir_each_fn(const char *name, void *arg);

/* Walks the directory path, relative to dirfd; a symbolic link is not followed.
 * Errors: fn's, by errno. */
SR_RESULT dir_each(int dirfd, const char *path, dir_each_fn *fn, void *arg);

#endif
