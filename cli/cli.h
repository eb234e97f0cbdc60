/* SPDX-License-Identifier: Apache-2.0 */
/* What a command's handler works with, and how it fails. */
#ifndef SR_CLI_CLI_H
#define SR_CLI_CLI_H

#include <strongroom/strongroom.h>

#include "base/result.h"
#include "cli/args.h"

struct cli {
	struct sr_client *client;       /* does no I/O before the first call */
	struct sr_call *call;
	bool json;                      /* -o json */
};

/* Which operation failed, for the words that help. */
enum cli_op {
#define OP(name, audit_name, permission, audit, runs, summary) CLI_OP_##name,
#include <strongroom/operations.def>
#undef OP
	CLI_OP_COUNT
};

/* Each says on stderr why the command fails and returns its exit status.
 *
 * fail_call: a call to the daemon failed: "cannot DOING ON: what the call says",
 * then what to do next.  on: NULL when it is nothing in particular. */
int fail_call(const struct cli *cli, enum sr_err err, enum cli_op op, const char *doing, const struct sr_uri *on);
/* fail: everything else. */
int fail(const struct cli *cli, enum sr_err err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same before there is a struct cli. */
int fail_early(bool json, enum sr_err err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A line to stderr for people: what to do next, a warning; silent under -o json.
 * It starts with a capital letter. */
void hint(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Operands that name objects.  On failure they have said why (BAD_PARAMETER).
 * A key, or with `version` false one without version. */
SR_RESULT operand_key(const struct cli *cli, const char *text, bool version, struct sr_uri *uri);
SR_RESULT operand_vault(const struct cli *cli, const char *text, struct sr_uri *uri);

/* The URI as people type it: VAULT[.TENANT][/NAME[/VERSION]], with the kind for
 * all but keys. */
const char *uri_short(const struct sr_uri *uri, char out[static SR_URI_MAX + 1]);
/* A URI in a buffer that lives as long as the statement's block. */
#define URI_TEXT(uri) uri_str((uri), (char[SR_URI_MAX + 1]){ 0 })
struct sr_str uri_str(const struct sr_uri *uri, char out[static SR_URI_MAX + 1]);

#endif
