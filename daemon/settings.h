/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's settings: what settings.def lists, with values from the
 * defaults, a file in openssl.cnf's syntax, and the command line. */
#ifndef SR_DAEMON_SETTINGS_H
#define SR_DAEMON_SETTINGS_H

#include <stdio.h>

#include "base/result.h"

struct settings_list { char **v; size_t n; };

#define SETTINGS_TYPE_TEXT   char *
#define SETTINGS_TYPE_LIST   struct settings_list
#define SETTINGS_TYPE_NUMBER uint64_t
#define SETTINGS_TYPE_SIZE   uint64_t
#define SETTINGS_TYPE_TIME   uint64_t           /* milliseconds */
#define SETTINGS_TYPE_MODE   uint64_t

/* A CHOICE is the position of its word: log_level is an enum log_level,
 * audit_sync one of these. */
enum { AUDIT_SYNC_BATCH, AUDIT_SYNC_ALWAYS };

struct settings {
#define SETTING(name, kind, def, min, max, doc) SETTINGS_TYPE_##kind name;
#define CHOICE(name, def, words, doc)           unsigned name;
#include "daemon/settings.def"
#undef SETTING
#undef CHOICE
};

/* Room for what is wrong, in words for the administrator. */
#define SETTINGS_WHY_MAX 512

/* Every setting at its default.  Errors: NOMEM. */
SR_RESULT settings_init(struct settings *s);
void settings_finish(struct settings *s);

/* Takes one value as text.  Errors, told in why: BAD_PARAMETER (no such setting, or
 * not a value for it), NOMEM. */
SR_RESULT settings_set(struct settings *s, const char *name, const char *value, char why[static SETTINGS_WHY_MAX]);

/* Takes the values of a configuration file; one that is missing is no error unless
 * it must be there.  The file is parsed by libcrypto in a child process, since
 * libcrypto must not be touched here before its memory is locked, and how much
 * to lock is a setting.  To be called while there is one thread.
 * Errors, told in why: NOT_FOUND, BAD_PARAMETER, by errno. */
SR_RESULT settings_read(struct settings *s, const char *path, bool must_exist, char why[static SETTINGS_WHY_MAX]);

/* Writes a configuration file with every setting, its default and what it is
 * for, all commented out. */
void settings_help(FILE *out);

#endif
