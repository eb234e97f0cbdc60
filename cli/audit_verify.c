/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom audit verify.  With the daemon: it signs a checkpoint now, hands out
 * all lines, and both must lead to the same root.  What the daemon says is not
 * believed; with --pubkey neither is its key.  Without it: all that is in the
 * log's directory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/logcheck.h"
#include "cli/audit.h"
#include "cli/output.h"

#define READ_MAX 1000           /* as audit_read_req has it */

struct check {
	const struct cli *cli;
	struct merkle_hasher *hasher;
	struct logcheck *log;
	struct note_key key;
	struct checkpoint signed_now;
	struct merkle_range start;      /* of the lines that are no longer kept */
	char problem[513];              /* what the daemon itself says is wrong with the log, or "" */
};

/* ---- the checkpoint ---- */

/* Returns 0, or the exit status after saying why, as all here do. */
static int take_checkpoint(struct check *c, const struct args *args)
{
	const struct sr_audit_checkpoint_req q = { 0 };
	struct sr_audit_checkpoint_rep r;
	enum sr_err err = sr_audit_checkpoint(c->cli->client, c->cli->call, &q, &r);

	if (err != SR_OK)
		return fail_call(c->cli, err, CLI_OP_audit_checkpoint, "have a checkpoint signed", NULL);
	if (SR_HAS(audit_checkpoint_rep, &r, problem))
		(void)str_copy(r.problem, c->problem, sizeof c->problem);
	err = audit_key_find(c->cli, args, r.vkey, &c->key);
	if (err != SR_OK)
		return sr_error_exit(err);
	err = checkpoint_open(r.checkpoint, &c->key, &c->signed_now);
	if (err == SR_DENIED)
		return fail(c->cli, SR_CORRUPT, "the daemon's checkpoint is not signed by the key %s: another key, or another log", c->key.name);
	if (err != SR_OK)
		return fail(c->cli, SR_CORRUPT, "the daemon's checkpoint is not good: %s", sr_strerror(err));
	err = logcheck_new(&c->key, &c->log);
	if (err == SR_OK)
		err = logcheck_expect(c->log, r.checkpoint, "the checkpoint signed just now");
	return err == SR_OK ? 0 : fail(c->cli, err, "cannot verify: %s", sr_strerror(err));
}

/* ---- the first line kept ---- */

static enum sr_err read_at(const struct check *c, uint64_t from, uint64_t max, struct sr_audit_read_rep *r)
{
	struct sr_audit_read_req q = { 0 };

	SR_SET(audit_read_req, &q, from, from);
	SR_SET(audit_read_req, &q, max, max);
	return sr_audit_read(c->cli->client, c->cli->call, &q, r);
}

/* Asks for the proof of a line and checks it, against its own checkpoint.
 * Errors: those of the call, CORRUPT and others: the proof is not good. */
static SR_RESULT proof_of(const struct check *c, uint64_t index, struct merkle_range *before)
{
	const struct sr_audit_prove_req q = { .index = index };
	struct sr_audit_prove_rep r;
	struct checkpoint checkpoint;

	SR_TRY(sr_audit_prove(c->cli->client, c->cli->call, &q, &r));
	return r.index == index ? audit_proof_check(c->hasher, &c->key, &r, &checkpoint, before) : SR_BAD_MESSAGE;
}

/* Where audit_keep has let old lines go, the proof of the first one that is left
 * stands for them. */
static int find_first(struct check *c)
{
	uint64_t kept = 0;
	enum sr_err err = c->signed_now.size == 0 ? SR_OK : audit_first_kept(c->cli, c->signed_now.size, &kept);

	if (err != SR_OK)
		return fail_call(c->cli, err, CLI_OP_audit_read, "read the audit log", NULL);
	if (kept == 0)
		return 0;
	if (kept == c->signed_now.size)
		return fail(c->cli, SR_CORRUPT, "the audit log has no lines, and should have %" PRIu64, kept);
	err = proof_of(c, kept, &c->start);
	if (err == SR_OK)
		err = logcheck_begin(c->log, &c->start);
	return err == SR_OK ? 0 : fail(c->cli, SR_CORRUPT, "line %" PRIu64 ", the first that is kept, cannot be proved: %s", kept, sr_strerror(err));
}

/* ---- the lines ---- */

/* Reads on from `from`; there must be something. */
static int read_batch(const struct check *c, uint64_t from, struct sr_audit_read_rep *r)
{
	enum sr_err err = read_at(c, from, READ_MAX, r);

	if (err != SR_OK)
		return fail_call(c->cli, err, CLI_OP_audit_read, "read the audit log", NULL);
	if (r->from == from && r->count > 0 && r->lines.n > 0 && r->lines.p[r->lines.n - 1] == '\n')
		return 0;
	return fail(c->cli, SR_CORRUPT, "the audit log ends at line %" PRIu64 ", and its checkpoint covers %" PRIu64 " lines",
		from, c->signed_now.size);
}

static int check_lines(struct check *c)
{
	uint64_t at = c->start.size;
	enum sr_err err = SR_OK;

	while (err == SR_OK && at < c->signed_now.size) {
		struct sr_audit_read_rep r;
		int status = read_batch(c, at, &r);

		if (status != 0)
			return status;
		at += r.count;
		err = logcheck_lines(c->log, r.lines);
	}
	/* what is wrong with the lines is in the report */
	return err == SR_OK || err == SR_CORRUPT ? 0 : fail(c->cli, err, "cannot verify: %s", sr_strerror(err));
}

/* ---- the first bad line ---- */

/* Goes on from range with these lines, up to the checkpoint. */
static SR_RESULT hash_lines(const struct check *c, struct sr_bytes lines, struct merkle_range *range)
{
	const uint8_t *at = lines.p, *end = at + lines.n, *newline;

	while (range->size < c->signed_now.size && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		uint8_t leaf[MERKLE_HASH_LEN];

		SR_TRY(merkle_leaf(c->hasher, (struct sr_bytes){ at, (size_t)(newline - at) }, leaf));
		SR_TRY(merkle_append(c->hasher, range, leaf));
		at = newline + 1;
	}
	return SR_OK;
}

/* Do the daemon's hashes, which lead to signed roots, agree with the lines before
 * the end of this range? */
static bool agrees(const struct check *c, const struct merkle_range *range)
{
	uint8_t root[MERKLE_HASH_LEN], theirs[MERKLE_HASH_LEN];
	struct merkle_range before;

	if (merkle_root(c->hasher, range, root) != SR_OK)
		return false;
	if (range->size == c->signed_now.size)
		return memcmp(root, c->signed_now.root, sizeof root) == 0;
	return proof_of(c, range->size, &before) == SR_OK && merkle_root(c->hasher, &before, theirs) == SR_OK &&
		memcmp(root, theirs, sizeof root) == 0;
}

/* Every line has its form, yet they do not lead to the signed root: one was
 * altered.  Goes through the log once more, asking for a proof after each batch,
 * and of each line in the batch that does not agree.  False: cannot tell. */
static bool find_bad_line(const struct check *c, uint64_t *bad)
{
	struct merkle_range range = c->start, before;
	struct sr_audit_read_rep r;

	while (range.size < c->signed_now.size) {
		uint64_t begin = range.size;

		if (read_at(c, begin, READ_MAX, &r) != SR_OK || hash_lines(c, r.lines, &range) != SR_OK || range.size == begin)
			return false;
		if (agrees(c, &range))
			continue;
		for (*bad = begin; *bad < range.size; ++*bad)
			if (proof_of(c, *bad, &before) != SR_OK)
				return true;
		return false;
	}
	return false;
}

/* ---- the verdict ---- */

static int print_good(const struct check *c)
{
	uint64_t first = c->start.size, lines = c->signed_now.size - first;

	if (c->cli->json)
		return json_print(json_pack("{s:b, s:o, s:o, s:o, s:o, s:s}", "verified", 1, "lines", json_u64(lines), "first", json_u64(first),
			"size", json_u64(c->signed_now.size), "uncovered", json_u64(0), "key", c->key.name));
	printf("%" PRIu64 " lines verified: each is as it was logged, under a checkpoint signed just now by %s\n", lines, c->key.name);
	if (first > 0)
		printf("Lines 0 to %" PRIu64 " are no longer kept; their hashes are.\n", first - 1);
	return 0;
}

static int print_bad(const struct check *c, const struct logcheck_report *report)
{
	uint64_t bad;

	if (find_bad_line(c, &bad))
		return fail(c->cli, SR_CORRUPT, "the audit log was altered: line %" PRIu64 " is not what was logged (%s)", bad, report->problem);
	return fail(c->cli, SR_CORRUPT, "the audit log is damaged: %s", report->problem);
}

static int verify(struct check *c, const struct args *args)
{
	struct logcheck_report report;
	int status = take_checkpoint(c, args);

	if (status == 0)
		status = find_first(c);
	if (status == 0)
		status = check_lines(c);
	if (status != 0)
		return status;
	logcheck_finish(c->log, &report);
	if (report.problem[0] != '\0')
		return print_bad(c, &report);
	if (c->problem[0] != '\0')
		return fail(c->cli, SR_AUDIT, "the %" PRIu64 " lines are good, but the daemon says: %s", c->signed_now.size, c->problem);
	return print_good(c);
}

static int verify_online(struct cli *cli, const struct args *args)
{
	struct check check = { .cli = cli };
	int status;

	if (merkle_hasher_new(&check.hasher) != SR_OK)
		return fail(cli, SR_CRYPTO, "libcrypto has no SHA-256");
	status = verify(&check, args);
	logcheck_free(check.log);
	merkle_hasher_free(check.hasher);
	return status;
}

/* ---- without the daemon ---- */

static int print_offline(const struct cli *cli, const struct logcheck_report *r, const struct note_key *key)
{
	uint64_t uncovered = r->size - r->covered;

	if (cli->json)
		return json_print(json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:s}", "verified", 1, "lines", json_u64(r->size - r->first),
			"first", json_u64(r->first), "size", json_u64(r->size), "uncovered", json_u64(uncovered),
			"checkpoints", json_u64(r->checkpoints), "key", key->name));
	printf("%" PRIu64 " lines verified: each is as it was logged, under %" PRIu64 " checkpoints signed by %s\n",
		r->covered - (r->covered < r->first ? r->covered : r->first), r->checkpoints, key->name);
	printf("%" PRIu64 " lines at the end are under no checkpoint: nothing tells whether they were altered\n", uncovered);
	if (r->first > 0)
		printf("Lines 0 to %" PRIu64 " are no longer kept; their hashes are.\n", r->first - 1);
	if (r->half > 0)
		printf("A half line of %" PRIu64 " bytes stands at the end: of a crash, or just being written.\n", r->half);
	return 0;
}

static int verify_offline(const struct cli *cli, const struct args *args)
{
	const char *path = ARGS_VALUE(args, log);
	struct logcheck_options wanted = { 0 };
	struct logcheck_report report;
	struct note_key key;
	SR_AUTO_FD dirfd = -1;
	enum sr_err err;

	if (!ARGS_HAS(args, pubkey))
		return fail(cli, SR_BAD_PARAMETER, "--log needs --pubkey FILE: what strongroom audit key printed");
	err = audit_key_find(cli, args, (struct sr_str){ 0 }, &key);
	if (err != SR_OK)
		return sr_error_exit(err);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return fail(cli, sr_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
	wanted.key = &key;
	err = logcheck_dir(dirfd, &wanted, &report);
	if (err == SR_NOT_FOUND)
		return fail(cli, err, "there is no audit log in %s (its files are named NNNNNNNNNN.jsonl)", path);
	if (err != SR_OK)
		return fail(cli, err, "cannot verify the log in %s: %s", path, sr_strerror(err));
	if (report.problem[0] != '\0')
		return fail(cli, SR_CORRUPT, "the audit log is damaged: %s", report.problem);
	return print_offline(cli, &report, &key);
}

int cmd_audit_verify(struct cli *cli, const struct args *args)
{
	return ARGS_HAS(args, log) ? verify_offline(cli, args) : verify_online(cli, args);
}
