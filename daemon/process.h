/* SPDX-License-Identifier: Apache-2.0 */
/* What the process does to itself before anything else. */
#ifndef SR_DAEMON_PROCESS_H
#define SR_DAEMON_PROCESS_H

#include "base/result.h"

/* No core dumps, no tracing by the same user, nothing readable by others that it
 * makes, descriptors 0 to 2 in use, as many descriptors as allowed, no variables
 * that make libcrypto load what the administrator of the daemon did not mean.
 * For one thread.  Errors: by errno. */
SR_RESULT process_harden(void);

/* Signals that the daemon waits for are blocked, here and in all threads to
 * come; a descriptor to read them from.  Others that a write can raise are ignored.
 * Errors: by errno. */
SR_RESULT process_signals(int *out);

#endif
