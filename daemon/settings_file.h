/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, in openssl.cnf's syntax, parsed by libcrypto's NCONF in
 * a child process (settings.h says why). */
#ifndef SR_DAEMON_SETTINGS_FILE_H
#define SR_DAEMON_SETTINGS_FILE_H

#include "base/result.h"

/* Calls take(arg, name, value) for each value before the first [section]; stops at
 * its first error, which is then the result.
 * Errors, told in why except for take's: NOT_FOUND, BAD_PARAMETER (syntax, an unknown
 * section, a file that others may write), by errno. */
SR_RESULT settings_file_read(const char *path, enum sr_err (*take)(void *arg, const char *name, const char *value),
	void *arg, char *why, size_t why_size);

#endif
