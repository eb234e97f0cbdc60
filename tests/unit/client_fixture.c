/* SPDX-License-Identifier: Apache-2.0 */
#include "client_fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "base/str.h"
#include "protocol/link.h"

struct client_fixture fx;

struct sr_client *fixture_client(uint32_t timeout_ms)
{
	struct sr_client_options o = { .socket = fx.d.path, .timeout_ms = timeout_ms, .daemon_uid = -1, .name = "test" };
	struct sr_client *client;

	cr_assert_eq(sr_client_new(&o, &client), SR_OK);
	return client;
}

void fixture_begin(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	fake_init(&fx.d);
	fake_start(&fx.d, geteuid());
	fx.client = fixture_client(TIMEOUT_MS);
	cr_assert_eq(sr_call_new(&fx.call), SR_OK);
}

void fixture_end(void)
{
	sr_call_free(fx.call);
	sr_client_free(fx.client);
	fake_finish(&fx.d);
}

unsigned fixture_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	cr_assert_not_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

enum sr_err fixture_sign_with(struct sr_client *client, struct sr_call *call, const char *how,
	struct sr_key_sign_rep *reply)
{
	static const uint8_t digest[32] = { 1, 2, 3 };
	struct sr_key_sign_req q = { .key = SR_STR("strongroom://web/keys/tls"), .alg = str_of(how) };

	SR_SET(key_sign_req, &q, digest, ((struct sr_bytes){ digest, sizeof digest }));
	return sr_key_sign(client, call, &q, reply);
}

enum sr_err fixture_sign(const char *how)
{
	struct sr_key_sign_rep r;

	return fixture_sign_with(fx.client, fx.call, how, &r);
}

unsigned fixture_elapsed_ms(uint64_t since_ns)
{
	return (unsigned)((link_now() - since_ns) / 1000000);
}
