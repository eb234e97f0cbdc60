/* SPDX-License-Identifier: Apache-2.0 */
/* The few types that every part of Strongroom shares: spans of text, bytes and
 * secrets, and the one list of errors.  Spans borrow: who made one says how
 * long it lives. */
#ifndef STRONGROOM_TYPES_H
#define STRONGROOM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Three spans of one shape but different types, so that the compiler keeps
 * them apart: a secret cannot be handed to what logs, and text is not bytes. */
struct sr_str    { const char *p; size_t n; };      /* UTF-8, no NUL inside, not NUL-terminated */
struct sr_bytes  { const uint8_t *p; size_t n; };
struct sr_secret { uint8_t *p; size_t n; };
struct sr_strs   { const struct sr_str *v; size_t n; };

/* A struct sr_str over a string literal. */
#define SR_STR(literal) ((struct sr_str){ (literal), sizeof(literal) - 1 })

/* Every error; the numbers go over the wire and never change their meaning. */
enum sr_err {
#define E(code, name, text_code, exit_status, text) SR_##name = code,
#include <strongroom/errors.def>
#undef E
};

/* The result type of everything that can fail; it cannot be dropped. */
#define SR_RESULT __attribute__((warn_unused_result)) enum sr_err

#endif
