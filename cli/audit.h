/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit commands share. */
#ifndef SR_CLI_AUDIT_H
#define SR_CLI_AUDIT_H

#include "base/checkpoint.h"
#include "cli/cli.h"

/* The key that checkpoints are held against: the one in the file that --pubkey
 * names, else the one that the daemon says.  On failure it has said why. */
SR_RESULT audit_key_find(const struct cli *cli, const struct args *args, struct sr_str said, struct note_key *out);

/* The index of the first line that the daemon still keeps, below size, which is at
 * least 1; size where there is none.  Errors: those of the call. */
SR_RESULT audit_first_kept(const struct cli *cli, uint64_t size, uint64_t *first);

/* Does the daemon's proof lead from its line to a checkpoint that the key signed?
 * before: becomes the edge of the lines before it; NULL: not wanted.
 * Errors: CORRUPT (it does not), DENIED (not signed by the key), BAD_MESSAGE, CRYPTO. */
SR_RESULT audit_proof_check(struct merkle_hasher *hasher, const struct note_key *key, const struct sr_audit_prove_rep *r,
	struct checkpoint *checkpoint, struct merkle_range *before);

#endif
