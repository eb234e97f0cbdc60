/* SPDX-License-Identifier: Apache-2.0 */
/* Errors for people: what could not be done, why, and what to do next; for
 * programs Azure's error object. */
#include <jansson.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

enum permission {
#define PERMISSION(id, name, summary) PERM_##id,
#include <strongroom/permissions.def>
#undef PERMISSION
	PERM_COUNT, PERM_any, PERM_operator, PERM_tenant
};

static const enum permission needed[CLI_OP_COUNT] = {
#define OP(name, audit_name, permission, audit, runs, summary) [CLI_OP_##name] = PERM_##permission,
#include <strongroom/operations.def>
#undef OP
};

#define P(permission) (UINT64_C(1) << PERM_##permission)
static const struct role {
	const char *name;
	uint64_t permissions;
} roles[] = {
#define ROLE(id, name, permissions, summary) { name, permissions },
#include <strongroom/roles.def>
#undef ROLE
};
#undef P

/* The role that gives the permission and the least besides; NULL if none does. */
static const char *role_for(enum permission permission)
{
	const char *best = NULL;
	int fewest = 65;

	for (size_t i = 0; i < SR_COUNT(roles); i++) {
		int n = __builtin_popcountll(roles[i].permissions);

		if ((roles[i].permissions >> permission & 1) != 0 && n < fewest) {
			fewest = n;
			best = roles[i].name;
		}
	}
	return best;
}

/* ---- the message ---- */

static void print_json(enum sr_err err, const char *message)
{
	json_t *error = json_pack("{s:{s:s, s:o}}", "error", "code", sr_error_code(err), "message", json_text(str_of(message)));

	if (error == NULL)
		fprintf(stderr, "{\"error\":{\"code\":\"%s\",\"message\":\"\"}}\n", sr_error_code(err));
	else if (json_dumpf(error, stderr, JSON_COMPACT) == 0)
		fputc('\n', stderr);
	json_decref(error);
}

static int print_failure(bool json, enum sr_err err, const char *message)
{
	(void)fflush(stdout);
	if (json) {
		print_json(err, message);
	} else {
		fputs("strongroom: ", stderr);
		print_clean(stderr, str_of(message));
		fputc('\n', stderr);
	}
	return sr_error_exit(err);
}

int fail(const struct cli *cli, enum sr_err err, const char *format, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	return print_failure(cli->json, err, message);
}

int fail_early(bool json, enum sr_err err, const char *format, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	return print_failure(json, err, message);
}

void hint(const struct cli *cli, const char *format, ...)
{
	char message[1024];
	va_list ap;

	if (cli->json)
		return;
	va_start(ap, format);
	(void)vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	print_clean(stderr, str_of(message));
	fputc('\n', stderr);
}

/* ---- what to do next ---- */

/* Operations that change nothing, or nothing but the audit log, can be asked for again. */
enum effect { AUDIT_NONE, AUDIT_EACH, AUDIT_CHANGE };
static const enum effect effects[CLI_OP_COUNT] = {
#define OP(name, audit_name, permission, audit, runs, summary) [CLI_OP_##name] = AUDIT_##audit,
#include <strongroom/operations.def>
#undef OP
};

/* The vault that it is in, as people type it. */
static const char *vault_short(const struct sr_uri *uri, char out[static SR_URI_MAX + 1])
{
	struct sr_uri vault = *uri;

	vault.kind = SR_URI_VAULT;
	vault.name[0] = vault.version[0] = '\0';
	return uri_short(&vault, out);
}

static void hint_denied(const struct cli *cli, enum cli_op op, const struct sr_uri *on)
{
	const char *role = needed[op] < PERM_COUNT ? role_for(needed[op]) : NULL;
	const struct passwd *user = getpwuid(geteuid());
	char what[SR_URI_MAX + 1], vault[SR_URI_MAX + 1], who[64];
	struct sr_uri scope;

	if (needed[op] == PERM_operator) {
		hint(cli, "Only the operator may: run it as root, or as the daemon's user.");
		return;
	}
	if (needed[op] == PERM_tenant) {
		hint(cli, "Only an owner of the tenant may (of \"default\": root).");
		return;
	}
	if (role == NULL || on == NULL)
		return;
	if (user != NULL)
		(void)snprintf(who, sizeof who, "user:%s", user->pw_name);
	else
		(void)snprintf(who, sizeof who, "uid:%u", (unsigned)geteuid());
	scope = *on;
	scope.version[0] = '\0';
	hint(cli, "Ask a Data Access Administrator of %s to run: strongroom grant add --to %s --role \"%s\" --on %s",
		vault_short(on, vault), who, role, uri_short(&scope, what));
}

static void hint_missing(const struct cli *cli, const struct sr_uri *on)
{
	char vault[SR_URI_MAX + 1];

	if (on == NULL)
		return;
	(void)vault_short(on, vault);
	if (on->kind == SR_URI_VAULT)
		hint(cli, "strongroom vault list shows what is there; strongroom vault create %s makes it.", vault);
	else if (on->version[0] != '\0')
		hint(cli, "strongroom key versions %s/%s shows what is there.", vault, on->name);
	else
		hint(cli, "strongroom vault list and strongroom key list %s show what is there.", vault);
}

static void hint_attributes(const struct cli *cli, enum sr_err err, const struct sr_uri *on)
{
	const char *how = err == SR_DISABLED ? "--enabled" : err == SR_EXPIRED ? "--expires TIME" :
		err == SR_NOT_YET_VALID ? "--not-before always" : "--ops OP,OP";
	char what[SR_URI_MAX + 1];

	if (on != NULL)
		hint(cli, "Who may update it can change that: strongroom key update %s %s", uri_short(on, what), how);
}

static void hint_next(const struct cli *cli, enum sr_err err, enum cli_op op, const struct sr_uri *on)
{
	const char *socket = sr_client_socket(cli->client);

	if (err == SR_DENIED)
		hint_denied(cli, op, on);
	else if (err == SR_NOT_FOUND && op != CLI_OP_grant_add && op != CLI_OP_grant_remove)
		hint_missing(cli, on);
	else if (err == SR_DISABLED || err == SR_EXPIRED || err == SR_NOT_YET_VALID || err == SR_KEY_OP)
		hint_attributes(cli, err, on);
	else if (err == SR_UNREACHABLE)
		hint(cli, "systemctl status strongroomd says more; if it listens elsewhere than at %s, give --socket or set STRONGROOM_SOCKET.", socket);
	else if (err == SR_TIMEOUT && effects[op] == AUDIT_CHANGE)
		hint(cli, "It may have been done all the same: look before you repeat it. --timeout MS waits longer.");
	else if (err == SR_TIMEOUT)
		hint(cli, "systemctl status strongroomd says more; --timeout MS waits longer.");
	else if (err == SR_UNTRUSTED)
		hint(cli, "If that is how strongroomd runs here, say so with --daemon-uid UID; else something else listens at %s.", socket);
	else if (err == SR_UNKNOWN_OP)
		hint(cli, "The daemon is older than this command: systemctl restart strongroomd");
	else if (err == SR_SEALED || err == SR_AUDIT || err == SR_NO_ROOM || err == SR_CORRUPT || err == SR_INTERNAL)
		hint(cli, "strongroom status, as root, and the daemon's log say more.");
}

int fail_call(const struct cli *cli, enum sr_err err, enum cli_op op, const char *doing, const struct sr_uri *on)
{
	const char *detail = sr_call_detail(cli->call);
	char what[SR_URI_MAX + 1] = "";
	int status;

	if (on != NULL)
		(void)uri_short(on, what);
	if (detail[0] == '\0')
		detail = sr_strerror(err);
	status = fail(cli, err, "cannot %s%s%s: %s", doing, on == NULL ? "" : " ", what, detail);
	hint_next(cli, err, op, on);
	return status;
}

/* ---- names of objects ---- */

struct sr_str uri_str(const struct sr_uri *uri, char out[static SR_URI_MAX + 1])
{
	return (struct sr_str){ out, sr_uri_format(uri, out) };
}

const char *uri_short(const struct sr_uri *uri, char out[static SR_URI_MAX + 1])
{
	static const char *const kinds[] = {
		[SR_URI_VAULT] = "", [SR_URI_KEYS] = "/", [SR_URI_ANY] = "/",
		[SR_URI_SECRETS] = "/secrets/", [SR_URI_CERTIFICATES] = "/certificates/",
	};
	bool tenant = strcmp(uri->tenant, "default") != 0, version = uri->version[0] != '\0';

	(void)snprintf(out, SR_URI_MAX + 1, "%s%s%s%s%s%s%s", uri->vault, tenant ? "." : "", tenant ? uri->tenant : "",
		kinds[uri->kind], uri->name, version ? "/" : "", uri->version);
	return out;
}

SR_RESULT operand_key(const struct cli *cli, const char *text, bool version, struct sr_uri *uri)
{
	enum sr_err err = sr_uri_parse_short(str_of(text), SR_URI_KEYS, uri);

	if (err == SR_OK && uri->kind == SR_URI_VAULT)
		(void)fail(cli, err = SR_BAD_PARAMETER, "\"%.255s\" names a vault, not a key: %s/NAME", text, text);
	else if (err == SR_OK && uri->kind != SR_URI_KEYS)
		(void)fail(cli, err = SR_BAD_PARAMETER, "\"%.255s\" is not a key", text);
	else if (err == SR_OK && !version && uri->version[0] != '\0')
		(void)fail(cli, err = SR_BAD_PARAMETER, "\"%.255s\" names one version; leave it out here", text);
	else if (err != SR_OK)
		(void)fail(cli, err, "\"%.255s\" does not name a key: VAULT[.TENANT]/NAME%s", text, version ? "[/VERSION]" : "");
	return err;
}

SR_RESULT operand_vault(const struct cli *cli, const char *text, struct sr_uri *uri)
{
	enum sr_err err = sr_uri_parse_short(str_of(text), SR_URI_VAULT, uri);

	if (err == SR_OK && uri->kind == SR_URI_VAULT)
		return SR_OK;
	(void)fail(cli, SR_BAD_PARAMETER, "\"%.255s\" does not name a vault: VAULT[.TENANT], letters, digits and hyphens", text);
	return SR_BAD_PARAMETER;
}
