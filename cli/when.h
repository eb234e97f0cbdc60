/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people give them.  Pure. */
#ifndef SR_CLI_WHEN_H
#define SR_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#define WHEN_FORMS "2026-01-31T18:00:00Z, unix seconds, or +30d, +12h, +15m from now"

/* Reads RFC 3339 (with its zone), unix seconds, or +N and one of w, d, h, m, s
 * from now; false if it is none of them or before 1970 or after 9999. */
bool when_parse(const char *text, uint64_t now, uint64_t *unix_seconds);

#endif
