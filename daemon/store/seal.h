/* SPDX-License-Identifier: Apache-2.0 */
/* A seal: how the key that seals the root key is itself kept.  A setting names
 * its kind and place:
 *
 *   ""            file:DIR/seal.key, DIR being the data directory
 *   file:/PATH    a key file: SEALED_KEY_LEN bytes, or as many in hex with a newline or
 *                 without; a regular file of our own that nobody else can read
 *
 * Another kind is another row in seal.c.  For one thread, at start. */
#ifndef SR_DAEMON_SEAL_H
#define SR_DAEMON_SEAL_H

#include "daemon/store/problem.h"
#include "daemon/store/sealed.h"

#define SEAL_FILE_NAME     "seal.key"
#define SEAL_FILE_NEW_NAME SEAL_FILE_NAME ".new"        /* while it is made */

struct seal;

/* Finds the seal that the setting names, without reading the key.  dirfd and dir are
 * the data directory and its path, both borrowed for the call.  Errors, each told
 * in problem: BAD_PARAMETER (no such setting), NOT_FOUND (no such place), by errno. */
SR_RESULT seal_open(const char *setting, int dirfd, const char *dir, struct seal **out,
	char problem[static PROBLEM_MAX]);
/* NULL is fine. */
void seal_close(struct seal *seal);
SR_DEFINE_AUTO(seal, seal_close)

/* Is there a key, of whatever quality?  Errors: by errno, told in problem. */
SR_RESULT seal_exists(const struct seal *seal, bool *out, char problem[static PROBLEM_MAX]);
/* Makes a new key, durably.  Errors, told in problem: CONFLICT (there is one), by errno. */
SR_RESULT seal_make(const struct seal *seal, char problem[static PROBLEM_MAX]);
/* Gets the key: SEALED_KEY_LEN bytes in key, which must be locked memory.  Errors,
 * told in problem: NOT_FOUND, DENIED (others could read or replace it), BAD_SEAL (not
 * a key), NOMEM (locked memory is used up), by errno. */
SR_RESULT seal_get(const struct seal *seal, uint8_t *key, char problem[static PROBLEM_MAX]);

/* Does the key lie in the data directory, where a copy of that would include it? */
bool seal_is_inside(const struct seal *seal);
/* Where it is, for words to people; lives as long as the seal. */
const char *seal_place(const struct seal *seal);

#endif
