/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom status, whoami */
#include <grp.h>
#include <pwd.h>

#include "cli/cli.h"
#include "cli/output.h"

/* ---- status ---- */

/* The counters that the operator sees: name, heading. */
#define STATUS_NUMBERS(N) \
	N(connections, "Connections") \
	N(calls, "Calls") \
	N(refused, "Refused") \
	N(audit_lines, "Audit lines") \
	N(audit_covered, "Audit lines under a checkpoint") \
	N(outbox, "Audit records waiting") \
	N(locked_used, "Locked memory used, bytes") \
	N(locked_max, "Locked memory at most, bytes")

static int status_json(const struct sr_status_rep *r)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "state", json_text(r->state));
	(void)json_object_set_new(json, "version", json_text(r->version));
	(void)json_object_set_new(json, "sealed", json_boolean(r->sealed));
	if (SR_HAS(status_rep, r, problem))
		(void)json_object_set_new(json, "problem", json_text(r->problem));
	if (SR_HAS(status_rep, r, warnings))
		(void)json_object_set_new(json, "warnings", json_texts(r->warnings));
	if (SR_HAS(status_rep, r, data))
		(void)json_object_set_new(json, "data", json_text(r->data));
	if (SR_HAS(status_rep, r, seal))
		(void)json_object_set_new(json, "seal", json_text(r->seal));
	if (SR_HAS(status_rep, r, started))
		(void)json_object_set_new(json, "started", json_u64(r->started));
#define NUMBER(field, heading) \
	if (SR_HAS(status_rep, r, field)) \
		(void)json_object_set_new(json, #field, json_u64(r->field));
	STATUS_NUMBERS(NUMBER)
#undef NUMBER
	return json_print(json);
}

static void print_prominent(const char *what, struct sr_str text)
{
	if (text.n == 0)
		return;
	printf("%s: ", what);
	print_clean(stdout, text);
	fputs("\n\n", stdout);
}

static void status_table(const struct sr_status_rep *r, const char *socket)
{
	SR_AUTO(table) table = table_new(NULL);
	char text[TIME_TEXT_MAX];

	if (SR_HAS(status_rep, r, problem))
		print_prominent("PROBLEM", r->problem);
	for (size_t i = 0; SR_HAS(status_rep, r, warnings) && i < r->warnings.n; i++)
		print_prominent("WARNING", r->warnings.v[i]);
	table_pair(table, "State", r->state);
	table_pair(table, "Version", r->version);
	table_pairf(table, "Sealed", "%s", r->sealed ? "yes" : "no");
	table_pairf(table, "Socket", "%s", socket);
	if (SR_HAS(status_rep, r, data))
		table_pair(table, "Data", r->data);
	if (SR_HAS(status_rep, r, seal))
		table_pair(table, "Seal", r->seal);
	if (SR_HAS(status_rep, r, started))
		table_pairf(table, "Started", "%s", time_text(r->started, text));
#define NUMBER(field, heading) \
	if (SR_HAS(status_rep, r, field)) \
		table_pairf(table, heading, "%llu", (unsigned long long)r->field);
	STATUS_NUMBERS(NUMBER)
#undef NUMBER
	table_print(table);
}

int cmd_status(struct cli *cli, const struct args *args)
{
	const struct sr_status_req q = { 0 };
	struct sr_status_rep r;
	enum sr_err err = sr_status(cli->client, cli->call, &q, &r);
	int status = 0;

	(void)args;
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_status, "ask for the status", NULL);
	if (cli->json)
		status = status_json(&r);
	else
		status_table(&r, sr_client_socket(cli->client));
	return status == 0 && !str_is(r.state, "ok") && !str_is(r.state, "running") ? 1 : status;
}

/* ---- whoami ---- */

static int whoami_json(const struct sr_whoami_rep *r)
{
	json_t *json = json_object();

	(void)json_object_set_new(json, "pid", json_u64(r->pid));
	(void)json_object_set_new(json, "uid", json_u64(r->uid));
	(void)json_object_set_new(json, "gid", json_u64(r->gid));
	(void)json_object_set_new(json, "groups", json_texts(r->groups));
	if (SR_HAS(whoami_rep, r, unit))
		(void)json_object_set_new(json, "unit", json_text(r->unit));
	(void)json_object_set_new(json, "operator", json_boolean(r->operator));
	return json_print(json);
}

int cmd_whoami(struct cli *cli, const struct args *args)
{
	SR_AUTO(table) table = NULL;
	const struct sr_whoami_req q = { 0 };
	const struct passwd *user;
	const struct group *group;
	struct sr_whoami_rep r;
	enum sr_err err = sr_whoami(cli->client, cli->call, &q, &r);

	(void)args;
	if (err != SR_OK)
		return fail_call(cli, err, CLI_OP_whoami, "ask who I am", NULL);
	if (cli->json)
		return whoami_json(&r);
	table = table_new(NULL);
	user = getpwuid((uid_t)r.uid);
	group = getgrgid((gid_t)r.gid);
	table_pairf(table, "User", "%llu %s", (unsigned long long)r.uid, user == NULL ? "" : user->pw_name);
	table_pairf(table, "Group", "%llu %s", (unsigned long long)r.gid, group == NULL ? "" : group->gr_name);
	for (size_t i = 0; i < r.groups.n; i++)
		table_pair(table, i == 0 ? "Also in" : "", r.groups.v[i]);
	table_pairf(table, "Process", "%llu", (unsigned long long)r.pid);
	table_pair(table, "Unit", SR_HAS(whoami_rep, &r, unit) ? r.unit : SR_STR("-"));
	table_pairf(table, "Operator", "%s", r.operator ? "yes" : "no");
	table_print(table);
	return 0;
}
