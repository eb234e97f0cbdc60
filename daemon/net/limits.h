/* SPDX-License-Identifier: Apache-2.0 */
/* What one user, and all together, may take of the daemon: connections, slow
 * calls, bytes that wait.  Nobody can use up what others need.  Any thread. */
#ifndef SR_DAEMON_LIMITS_H
#define SR_DAEMON_LIMITS_H

#include <sys/types.h>

#include "base/result.h"

struct limits_options {
	uint64_t connections_max, connections_per_uid;
	uint64_t calls_per_uid;
	uint64_t buffer_total, buffer_per_uid;
};

/* Users who are there at once are spread over so many lanes, which workers serve
 * in turn: however much one asks for, the next one's request is not far behind. */
#define LIMITS_LANES 64

struct limits;
struct account;         /* of one uid; lives while it has a connection */

#define LIMITS_WHY_MAX 128

SR_RESULT limits_new(const struct limits_options *options, struct limits **out);
/* No account may be left.  NULL is fine. */
void limits_free(struct limits *limits);

/* Counts one more connection of this uid.  Errors, told in why: LIMIT, NOMEM. */
SR_RESULT limits_connect(struct limits *limits, uid_t uid, struct account **out, char why[static LIMITS_WHY_MAX]);
void limits_disconnect(struct limits *limits, struct account *account);
/* Its lane, of LIMITS_LANES: the one with the fewest users when it came. */
size_t limits_lane(const struct account *account);
/* How many there are now. */
uint64_t limits_connections(struct limits *limits);
/* Are there more than half of what there may be?  The rest is for users that have
 * any right: one person can have many uids (user namespaces), each with its limit. */
bool limits_crowded(struct limits *limits);

/* One more slow call; false, told in why: there are enough. */
bool limits_call_begin(struct limits *limits, struct account *account, char why[static LIMITS_WHY_MAX]);
void limits_call_end(struct limits *limits, struct account *account);

/* n more bytes that wait in the daemon; false: there are enough. */
bool limits_buffer_take(struct limits *limits, struct account *account, size_t n);
void limits_buffer_give(struct limits *limits, struct account *account, size_t n);

/* May a line be logged that a client caused?  A few a second may; how many were
 * left out is logged with the next one. */
bool limits_may_log(struct limits *limits);

#endif
