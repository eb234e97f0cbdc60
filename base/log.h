/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for the administrator, to stderr, one write each: the daemon's log goes
 * to the journal.  Under systemd each line carries its priority as sd-daemon(3)
 * says.  Never a secret: it takes no struct sr_secret, and callers hold to it.
 * Provider and libstrongroom never log. */
#ifndef SR_BASE_LOG_H
#define SR_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Which lines are written: this level and the more serious; info at first. */
void log_set_level(enum log_level level);
/* Takes "error", "warning", "info" or "debug"; -1 for anything else. */
int log_level_parse(const char *name);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
