/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

/* Otherwise the first file opened could become standard error, and the log be
 * written into the store. */
static SR_RESULT fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return sr_err_from_errno(errno);
	(void)close(fd);
	return SR_OK;
}

static void raise_limit(int resource)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit((__rlimit_resource_t)resource, &limit);     /* what there is then is checked where it is needed */
}

SR_RESULT process_harden(void)
{
	const struct rlimit none = { 0, 0 };

	SR_TRY(fill_stdio());
	(void)umask(077);
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return sr_err_from_errno(errno);
	raise_limit(RLIMIT_NOFILE);
	raise_limit(RLIMIT_MEMLOCK);
	unsetenv("OPENSSL_CONF");
	unsetenv("OPENSSL_MODULES");
	unsetenv("OPENSSL_ENGINES");
	return SR_OK;
}

SR_RESULT process_signals(int *out)
{
	sigset_t set;

	/* errors of write(2) are told by write(2) */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return sr_err_from_errno(errno);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return sr_err_from_errno(errno);
	*out = signalfd(-1, &set, SFD_CLOEXEC);
	return *out >= 0 ? SR_OK : sr_err_from_errno(errno);
}
