/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of what lives in locked memory: includes this once, and the program
 * has a region of LOCKED_FIRST bytes before main.  Later is too late, since
 * Criterion's own libraries use libcrypto. */
#ifndef SR_TESTS_LOCKED_FIRST_H
#define SR_TESTS_LOCKED_FIRST_H

#include "daemon/backend/locked.h"

#ifndef LOCKED_FIRST
#define LOCKED_FIRST ((size_t)4 << 20)         /* an ordinary user has 8 MiB, threads included */
#endif

__attribute__((constructor)) static void locked_first(void)
{
	enum sr_err err = locked_init(LOCKED_FIRST);

	if (err != SR_OK) {
		fprintf(stderr, "locked_init: error %d; is RLIMIT_MEMLOCK large enough?\n", (int)err);
		abort();
	}
}

#endif
