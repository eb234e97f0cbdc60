/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps the daemon from starting, in words for a tired administrator: what
 * is wrong, with what, and what to do about it. */
#ifndef SR_DAEMON_PROBLEM_H
#define SR_DAEMON_PROBLEM_H

#include "base/result.h"

#define PROBLEM_MAX      512
#define PROBLEM_PATH_MAX 128

/* Writes the words and returns err, so that a refusal is one statement.  %m is
 * errno's text.  Never give it a secret. */
SR_RESULT problem_set(char problem[static PROBLEM_MAX], enum sr_err err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What the error means, from the one list. */
const char *problem_text(enum sr_err err);
/* A path for use in words: shortened at its front if it would leave no room for
 * the rest of them. */
void problem_path(char out[static PROBLEM_PATH_MAX], const char *path);

#endif
