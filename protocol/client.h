/* SPDX-License-Identifier: Apache-2.0 */
/* The client, inside: whom it talks to, and its connections.
 *
 * Each slot holds one connection and, in owner, the pid that is using it; 0 is
 * free.  It is taken by compare-and-exchange, so there is no lock that a fork in
 * the middle of a call could leave locked in the child: to the child, a slot whose
 * owner is another pid is simply free. */
#ifndef SR_PROTOCOL_CLIENT_H
#define SR_PROTOCOL_CLIENT_H

#include "protocol/link.h"

#define CLIENT_SLOTS 64

struct slot {
	_Atomic pid_t owner;
	struct link link;       /* for the owner only */
};

struct sr_client {
	struct link_target target;
	atomic_uint_least64_t last_id;
	_Atomic pid_t pid;      /* who called last; another than this process just after a fork */
	struct slot slots[CLIENT_SLOTS];
};

#endif
