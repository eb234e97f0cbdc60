/* SPDX-License-Identifier: Apache-2.0 */
/* What a failure says to people, beyond its number: the words behind
 * sr_call_detail.  sr_strerror and its kin (strongroom.h) live in errors.c too. */
#ifndef SR_PROTOCOL_ERRORS_H
#define SR_PROTOCOL_ERRORS_H

#include "base/result.h"

#define ERROR_DETAIL_MAX 512

struct error_detail {
	char text[ERROR_DETAIL_MAX + 1];
};

/* Writes the words, cut to fit; what is not printable ASCII becomes '?', since
 * part of them may come from the other side and end up on a terminal or in a log.
 * Returns err, so that a failure is one statement. */
enum sr_err error_detail_set(struct error_detail *detail, enum sr_err err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
