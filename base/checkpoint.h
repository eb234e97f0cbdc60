/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint (C2SP tlog-checkpoint): a signed note that says how long a log is and
 * what its root is.  Three lines: origin, size, root in base64; others may follow. */
#ifndef SR_BASE_CHECKPOINT_H
#define SR_BASE_CHECKPOINT_H

#include "base/merkle.h"
#include "base/note.h"

struct checkpoint {
	uint64_t size;
	uint8_t root[MERKLE_HASH_LEN];
};

/* Signs one whose origin is the signer's name; out is NUL-terminated.  Errors: as note_sign. */
SR_RESULT checkpoint_sign(const struct note_signer *signer, const struct checkpoint *checkpoint,
	char out[static NOTE_MAX + 1], size_t *out_len);
/* Verifies and reads an untrusted one.  Errors: as note_open, BAD_MESSAGE also when it
 * is no checkpoint or has another origin than the key's name. */
SR_RESULT checkpoint_open(struct sr_str note, const struct note_key *key, struct checkpoint *out);

#endif
