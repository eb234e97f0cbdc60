/* SPDX-License-Identifier: Apache-2.0 */
/* What is printed: tables for people, JSON documents for programs. */
#ifndef SR_CLI_OUTPUT_H
#define SR_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "base/result.h"
#include "base/str.h"

/* ---- text ---- */

/* Prints what others wrote, such as a tag: control characters, which could drive
 * the reader's terminal, are shown as '?'. */
void print_clean(FILE *to, struct sr_str text);

#define TIME_TEXT_MAX 32
/* Local time, as 2026-01-31T18:00:00+01:00; "-" for 0. */
const char *time_text(uint64_t unix_seconds, char out[static TIME_TEXT_MAX]);

/* ---- tables ---- */

struct table;
/* headings: separated by '|', or NULL: names and values, one pair a line. */
struct table *table_new(const char *headings);
void table_free(struct table *table);
SR_DEFINE_AUTO(table, table_free)
/* Adds the next cell, copied; rows fill up from the left. */
void table_cell(struct table *table, struct sr_str text);
void table_cellf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A name and its value, in a table without headings. */
void table_pair(struct table *table, const char *name, struct sr_str value);
void table_pairf(struct table *table, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Prints it to stdout. */
void table_print(const struct table *table);

/* ---- JSON ---- */

/* Text as a JSON string; bytes that are not UTF-8 become '?'. */
json_t *json_text(struct sr_str text);
json_t *json_texts(struct sr_strs texts);
/* base64url without padding, as in a JWK. */
json_t *json_base64url(struct sr_bytes bytes);
json_t *json_u64(uint64_t n);
SR_DEFINE_AUTO(json_t, json_decref)
/* Prints the document to stdout, takes it, and returns the exit status. */
int json_print(json_t *document);

/* ---- lists ---- */

/* Is there another page?  Then next is copied to after, for the next call. */
bool page_next(bool has_next, struct sr_str next, char after[static 256]);
/* Prints the table or, as {"value":[...]}, the array, which it takes; returns the exit status. */
struct cli;
int list_print(const struct cli *cli, const struct table *table, json_t *array);

/* Flushes stdout; false if anything could not be written. */
bool output_finish(void);

#endif
