/* SPDX-License-Identifier: Apache-2.0 */
/* Key files and passphrases: read straight into locked memory, which is wiped
 * when it is freed; never through stdio. */
#ifndef SR_CLI_SECRET_H
#define SR_CLI_SECRET_H

#include "base/result.h"

struct secret {
	uint8_t *p;             /* locked, not dumped; NULL: none */
	size_t n, cap;
};

/* Room for cap bytes.  Errors: NOMEM, LIMIT (it cannot be locked). */
SR_RESULT secret_init(struct secret *secret, size_t cap);
/* Wipes and frees; zeroed is fine. */
void secret_finish(struct secret *secret);
#define SR_AUTO_SECRET __attribute__((cleanup(secret_finish))) struct secret

/* Reads the descriptor to its end, at most max bytes.
 * Errors: TOO_LARGE, NOMEM, LIMIT, by errno. */
SR_RESULT secret_read(int fd, size_t max, struct secret *out);
/* Asks on the terminal that is standard input, without echo; n is 0 when
 * nothing was typed.  Errors: IO (also: interrupted), NOMEM, LIMIT. */
SR_RESULT secret_prompt(const char *prompt, size_t max, struct secret *out);

#endif
