/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom: the command.  Reads the command line by the lists, then runs the
 * handler of its row.  Holds key material and plaintext for moments, so it
 * leaves no core dump and lets no other process of its user look in. */
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/output.h"

/* Descriptors 0 to 2 are taken, so that no file we open becomes "stdout". */
static bool hold_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool harden(void)
{
	const struct rlimit none = { 0, 0 };

	/* openssl.cnf may name our own provider, which would call the daemon for this very command */
	return hold_standard_descriptors() &&
		setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1 && sodium_init() >= 0;
}

#define SLOW_MS 60000

static SR_RESULT read_globals(const struct args *args, struct sr_client_options *client, bool *json, char problem[static 128])
{
	const char *output = ARGS_VALUE(args, output), *timeout = ARGS_VALUE(args, timeout), *daemon_uid = ARGS_VALUE(args, daemon_uid);
	uint64_t ms = 0, uid = 0;

	*json = output != NULL && strcmp(output, "json") == 0;
	if (output != NULL && !*json && strcmp(output, "table") != 0) {
		(void)snprintf(problem, 128, "--output takes table or json, not \"%.32s\"", output);
		return SR_BAD_PARAMETER;
	}
	if (timeout != NULL && (!args_number(timeout, 3600 * 1000, &ms) || ms == 0)) {
		(void)snprintf(problem, 128, "--timeout takes milliseconds, 1 to 3600000, not \"%.32s\"", timeout);
		return SR_BAD_PARAMETER;
	}
	if (daemon_uid != NULL && !args_number(daemon_uid, UINT32_MAX - 1, &uid)) {
		(void)snprintf(problem, 128, "--daemon-uid takes a number, not \"%.32s\"", daemon_uid);
		return SR_BAD_PARAMETER;
	}
	if (daemon_uid != NULL)
		client->daemon_uid = (int64_t)uid;
	client->socket = ARGS_VALUE(args, socket);
	/* a large RSA key may take longer to find than the library's default waits */
	client->timeout_ms = timeout == NULL && args->command->run == cmd_key_create ? SLOW_MS : (uint32_t)ms;
	return SR_OK;
}

static int run(const struct args *args)
{
	struct sr_client_options wanted = { .daemon_uid = -1, .name = "strongroom" };
	struct cli cli = { 0 };
	char problem[128];
	int status;
	enum sr_err err = read_globals(args, &wanted, &cli.json, problem);

	if (err != SR_OK)
		return fail(&cli, err, "%s", problem);
	err = sr_client_new(&wanted, &cli.client);
	if (err == SR_OK)
		err = sr_call_new(&cli.call);
	if (err != SR_OK)
		status = fail(&cli, err, "%s", err == SR_BAD_PARAMETER ? "the socket's path is too long" : sr_strerror(err));
	else
		status = args->command->run(&cli, args);
	sr_call_free(cli.call);
	sr_client_free(cli.client);
	return status;
}

static int usage_problem(bool json, const struct args_problem *problem)
{
	int status = fail_early(json, SR_BAD_PARAMETER, "%s", problem->text);

	if (!json && problem->command != NULL)
		help_usage(stderr, problem->command);
	return status;
}

int main(int argc, char **argv)
{
	bool json = args_want_json(argc, argv);
	struct args_problem problem;
	struct args args;
	int status = 0;

	if (!harden())
		return fail_early(json, SR_INTERNAL, "cannot shield this process from core dumps and debuggers");
	if (argc < 2) {
		help_print(stderr, &(struct args){ 0 });
		return sr_error_exit(SR_BAD_PARAMETER);
	}
	if (args_parse(argc, argv, &args, &problem) != SR_OK)
		return usage_problem(json, &problem);
	if (args.help)
		help_print(stdout, &args);
	else if (ARGS_HAS(&args, version))
		printf("strongroom %s (protocol %d)\n", SR_VERSION, SR_PROTOCOL_VERSION);
	else
		status = run(&args);
	if (!output_finish() && status == 0)
		return fail_early(json, SR_IO, "cannot write the output");
	return status;
}
