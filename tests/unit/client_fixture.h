/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the client share: a client, a call and a daemon for each test. */
#ifndef SR_TESTS_CLIENT_FIXTURE_H
#define SR_TESTS_CLIENT_FIXTURE_H

#include <strongroom/strongroom.h>

#include "fake_daemon.h"

#define TIMEOUT_MS 400          /* of the client that each test has */
#define SLACK_MS   400          /* this machine may be busy */

struct client_fixture {
	struct fake_daemon d;
	struct sr_client *client;
	struct sr_call *call;
};
extern struct client_fixture fx;

/* For TestSuite: before and after each test. */
void fixture_begin(void);
void fixture_end(void);

struct sr_client *fixture_client(uint32_t timeout_ms);
unsigned fixture_count_fds(void);
/* key_sign with how as its alg, which tells the daemon what to do. */
enum sr_err fixture_sign_with(struct sr_client *client, struct sr_call *call, const char *how,
	struct sr_key_sign_rep *reply);
enum sr_err fixture_sign(const char *how);
unsigned fixture_elapsed_ms(uint64_t since_ns);

#endif
