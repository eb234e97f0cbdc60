/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name, *prefix;      /* prefix: syslog's number, sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR]   = { "error",   "<3>" },
	[LOG_LEVEL_WARNING] = { "warning", "<4>" },
	[LOG_LEVEL_INFO]    = { "info",    "<6>" },
	[LOG_LEVEL_DEBUG]   = { "debug",   "<7>" },
};

static _Atomic int threshold = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	threshold = (int)level;
}

int log_level_parse(const char *name)
{
	for (int i = 0; i < (int)(sizeof levels / sizeof levels[0]); i++)
		if (strcmp(name, levels[i].name) == 0)
			return i;
	return -1;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n, m;

	if ((int)level > threshold)
		return;
	n = snprintf(line, sizeof line, "%s%s: ",
		getenv("JOURNAL_STREAM") != NULL ? levels[level].prefix : "", levels[level].name);
	va_start(args, format);
	m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
	va_end(args);
	if (m < 0)
		return;
	n += m;
	if (n > (int)sizeof line - 2)
		n = (int)sizeof line - 2;
	/* a caller's text may hold what a client chose: one line stays one line */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
		return;         /* nowhere left to say it */
}
