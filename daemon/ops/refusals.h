/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody may use the audit log to stop the service: failures are recorded one by
 * one up to a rate for each uid; what comes faster is counted and summed into
 * one line a second.  One person can have many uids (user namespaces), so that all
 * together have 16 times the rate, and 16 sums a second, of one.  Bounded memory:
 * uids that do not fit share one count. */
#ifndef SR_DAEMON_REFUSALS_H
#define SR_DAEMON_REFUSALS_H

#include <sys/types.h>

#include "base/result.h"

struct refusals;

/* rate: lines per second and uid; as many again may come in a burst. */
SR_RESULT refusals_new(uint32_t rate, struct refusals **out);
void refusals_free(struct refusals *refusals);

/* May this failure have a line of its own?  Otherwise it was counted.  Any thread. */
bool refusals_admit(struct refusals *refusals, uid_t uid, uint64_t now_ns);
/* Hands out, and forgets, what was counted and not written yet; fn answers false
 * when it could not write it down: then it is kept.  uid (uid_t)-1: several. */
void refusals_flush(struct refusals *refusals, bool (*fn)(uid_t uid, uint64_t count, void *arg), void *arg);

#endif
