/* SPDX-License-Identifier: Apache-2.0 */
/* --in and --out. */
#ifndef SR_CLI_FILE_H
#define SR_CLI_FILE_H

#include <jansson.h>

#include "cli/cli.h"

/* Opens what --in names for reading, or standard input.  On failure it has said
 * why.  *fd is the caller's to close. */
SR_RESULT file_open_in(const struct cli *cli, const char *path, int *fd);
/* Reads the descriptor to its end, at most max bytes, into malloc'ed memory; not
 * for secrets.  Errors: TOO_LARGE, NOMEM, by errno. */
SR_RESULT file_read(int fd, size_t max, uint8_t **out, size_t *out_len);

enum file_kind { FILE_PUBLIC, FILE_PLAINTEXT };
/* Writes to what --out names, whole or not at all, or to standard output.
 * FILE_PUBLIC: a file that is replaced keeps its mode and, if we may, its owner,
 * since some programs insist on them.  FILE_PLAINTEXT: only we may read it.
 * Returns the exit status; on failure it has said why. */
int file_write(const struct cli *cli, const char *path, enum file_kind kind, const void *data, size_t n);

/* The same for a JSON document, which it takes; not for secrets. */
int file_write_json(const struct cli *cli, const char *path, json_t *document);

#endif
