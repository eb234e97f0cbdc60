/* SPDX-License-Identifier: Apache-2.0 */
/* strongroomd: options, settings, and the order in which a process that may hold
 * secrets comes to be.  This thread only waits for signals; all that touches
 * secrets runs in threads with locked stacks. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/log.h"
#include "daemon/backend/locked.h"
#include "daemon/net/listener.h"
#include "daemon/net/notify.h"
#include "daemon/process.h"
#include "daemon/server.h"

#define CONFIG_DEFAULT "/etc/strongroom/strongroomd.cnf"

/* The command line. */
struct options {
	const char *config;             /* NULL: the default, which may be missing */
	const char *data;
	char *sockets;                  /* with commas, as the setting has them; NULL: none given */
	bool check;
};

/* What the main thread and the keeper share. */
struct keeper {
	const struct settings *settings;
	struct plan plan;
	int inherited;
	int stop, done;                 /* eventfds: to the keeper, and from it */
	int status;                     /* its exit status; read after it is joined */
};

static const char usage[] =
	"Usage: strongroomd [--data DIR] [--socket PATH]... [--config FILE]\n"
	"       strongroomd --check [--config FILE]\n"
	"\n"
	"Holds keys and uses them for others.  Runs in the foreground until SIGTERM.\n"
	"\n"
	"  --data DIR        the data directory; made if it is missing\n"
	"  --socket PATH     listen here instead; @NAME is an abstract socket; may be repeated\n"
	"  --config FILE     settings; default " CONFIG_DEFAULT ", if it is there\n"
	"  --check           say whether the settings are right, and exit\n"
	"  --help-settings   list all settings, as a file to start from\n"
	"  --version, --help\n"
	"\n"
	"strongroomd(8) says more.\n";

static int refuse(const char *problem)
{
	log_error("%s", problem);
	return 1;
}

/* ---- the command line ---- */

static void add_socket(struct options *options, const char *path)
{
	char *joined = NULL;

	if (asprintf(&joined, "%s%s%s", options->sockets != NULL ? options->sockets : "",
			options->sockets != NULL ? "," : "", path) < 0)
		joined = NULL;
	SR_ASSERT(joined != NULL);
	free(options->sockets);
	options->sockets = joined;
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *out)
{
	enum { DATA = 1, SOCKET, CONFIG, CHECK, HELP_SETTINGS, VERSION, HELP };
	static const struct option known[] = {
		{ "data", required_argument, NULL, DATA },
		{ "socket", required_argument, NULL, SOCKET },
		{ "config", required_argument, NULL, CONFIG },
		{ "check", no_argument, NULL, CHECK },
		{ "help-settings", no_argument, NULL, HELP_SETTINGS },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case DATA:
			out->data = optarg;
			break;
		case SOCKET:
			add_socket(out, optarg);
			break;
		case CONFIG:
			out->config = optarg;
			break;
		case CHECK:
			out->check = true;
			break;
		case HELP_SETTINGS:
			settings_help(stdout);
			return fflush(stdout) == 0 ? 0 : 1;
		case VERSION:
			return puts("strongroomd " SR_VERSION) >= 0 && fflush(stdout) == 0 ? 0 : 1;
		case HELP:
			return fputs(usage, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
		default:
			fputs("strongroomd --help says more\n", stderr);
			return 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "strongroomd: unexpected argument %s\nstrongroomd --help says more\n", argv[optind]);
		return 1;
	}
	return -1;
}

static SR_RESULT load_settings(const struct options *options, struct settings *out, char why[static SETTINGS_WHY_MAX])
{
	const char *path = options->config != NULL ? options->config : CONFIG_DEFAULT;

	(void)snprintf(why, SETTINGS_WHY_MAX, "out of memory");
	SR_TRY(settings_init(out));
	SR_TRY(settings_read(out, path, /* must_exist= */ options->config != NULL, why));
	if (options->data != NULL)
		SR_TRY(settings_set(out, "data", options->data, why));
	if (options->sockets != NULL)
		SR_TRY(settings_set(out, "listen", options->sockets, why));
	log_set_level((enum log_level)out->log_level);
	return SR_OK;
}

/* ---- running ---- */

static void wait_for(int fd)
{
	eventfd_t ignored;

	while (eventfd_read(fd, &ignored) != 0)
		SR_ASSERT(errno == EINTR);
}

static int keep(const struct keeper *keeper)
{
	char problem[PROBLEM_MAX] = "";
	struct server *server = NULL;
	enum sr_err err = server_start(keeper->settings, &keeper->plan, keeper->inherited, &server, problem);

	if (err != SR_OK)
		return refuse(problem);
	log_info("strongroomd " SR_VERSION " serves %s with %zu workers", keeper->settings->data, keeper->plan.workers);
	notify_send("READY=1\nSTATUS=Serving");
	wait_for(keeper->stop);
	notify_send("STOPPING=1\nSTATUS=Finishing what runs");
	if (server_stop(server))
		return 0;
	return refuse("stop_timeout is over and a request still runs: it is given up; nothing committed is lost");
}

static void *keeper_main(void *arg)
{
	struct keeper *keeper = arg;

	keeper->status = keep(keeper);
	(void)eventfd_write(keeper->done, 1);
	return NULL;
}

/* Until the keeper is done. */
static void wait_for_signals(const struct keeper *keeper, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = keeper->done, .events = POLLIN } };
	struct signalfd_siginfo info;

	while (fds[1].revents == 0) {
		if (poll(fds, SR_COUNT(fds), /* timeout= */ -1) < 0 || (fds[0].revents & POLLIN) == 0
				|| read(signals, &info, sizeof info) != (ssize_t)sizeof info)
			continue;
		if (info.ssi_signo == SIGHUP) {
			log_info("SIGHUP: settings are read at start only; restart strongroomd to change them");
			continue;
		}
		log_info("asked to stop");
		(void)eventfd_write(keeper->stop, 1);
	}
}

static int run(const struct settings *settings, int inherited)
{
	struct keeper keeper = {
		.settings = settings, .inherited = inherited,
		.stop = eventfd(0, EFD_CLOEXEC), .done = eventfd(0, EFD_CLOEXEC),
	};
	char problem[PROBLEM_MAX] = "";
	pthread_t thread;
	int signals;

	if (keeper.stop < 0 || keeper.done < 0 || process_signals(&signals) != SR_OK)
		return refuse("the process cannot be set up");
	if (plan_make(settings, &keeper.plan, problem) != SR_OK)
		return refuse(problem);
	if (locked_init(keeper.plan.region) != SR_OK
			|| locked_thread(&thread, WORKSPACE_STACK, keeper_main, &keeper) != SR_OK)
		return refuse("memory cannot be locked; raise RLIMIT_MEMLOCK (LimitMEMLOCK=) or lower locked_memory");
	wait_for_signals(&keeper, signals);
	if (pthread_join(thread, NULL) != 0)
		return 1;
	return keeper.status;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct settings settings;
	char why[SETTINGS_WHY_MAX] = "";
	int inherited, status = parse_options(argc, argv, &options);

	if (status >= 0)
		return status;
	inherited = listener_inherited();
	if (process_harden() != SR_OK)
		return refuse("the process cannot be protected: core dumps or tracing cannot be forbidden");
	if (load_settings(&options, &settings, why) != SR_OK)
		return refuse(why);
	free(options.sockets);
	if (options.check)
		return puts("the settings are right") >= 0 && fflush(stdout) == 0 ? 0 : 1;
	status = run(&settings, inherited);
	settings_finish(&settings);
	/* after a stop that timed out other threads still run: no exit handlers */
	if (status != 0)
		_exit(status);
	return 0;
}
