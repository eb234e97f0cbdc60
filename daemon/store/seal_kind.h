/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of seal has to provide; for seal.c and the seal_*.c files only. */
#ifndef SR_DAEMON_SEAL_KIND_H
#define SR_DAEMON_SEAL_KIND_H

#include "daemon/store/seal.h"

struct seal_kind {
	const char *name;       /* what stands before the colon */
	/* rest: what stands behind it; NULL: the default of this kind */
	enum sr_err (*open)(const char *rest, int dirfd, const char *dir, struct seal **out, char problem[static PROBLEM_MAX]);
	void (*close)(struct seal *seal);
	enum sr_err (*exists)(const struct seal *seal, bool *out, char problem[static PROBLEM_MAX]);
	enum sr_err (*make)(const struct seal *seal, char problem[static PROBLEM_MAX]);
	enum sr_err (*get)(const struct seal *seal, uint8_t *key, char problem[static PROBLEM_MAX]);
};

/* First member of every kind's own struct. */
struct seal {
	const struct seal_kind *kind;
	bool inside;
	char place[PROBLEM_PATH_MAX];
};

extern const struct seal_kind seal_file;

#endif
