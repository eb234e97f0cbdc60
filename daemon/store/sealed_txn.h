/* SPDX-License-Identifier: Apache-2.0 */
/* What sealed.c and sealed_check.c share: nobody else includes it. */
#ifndef SR_DAEMON_SEALED_TXN_H
#define SR_DAEMON_SEALED_TXN_H

#include "daemon/store/sealed_record.h"

#define SEALED_RECORD_PREFIX "r/"
#define SEALED_TENANT_PREFIX "k/"
#define SEALED_ID_PATH       "s/id"
#define SEALED_ROOT_PATH     "s/root"
#define SEALED_HEAD_PATH     "s/head"

struct sealed_keys {            /* what s/root holds */
	uint8_t root[SEALED_KEY_LEN];
	uint8_t hash[SEALED_KEY_LEN];
};

struct sealed {
	struct store *store;            /* borrowed */
	struct sealed_keys *keys;       /* locked memory */
	uint8_t id[SEALED_ID_LEN];
};

struct sealed_txn {
	const struct sealed *sealed;
	struct store_txn *txn;
	/* The tenant's key that was used last, known by the nonce it is sealed with:
	 * a key made in a change that comes to nothing is never taken for another. */
	uint8_t *tenant_key;            /* locked memory; NULL until one is needed */
	bool tenant_known;
	uint8_t tenant_nonce[SEALED_NONCE_LEN];
	struct sealed_head head;
	bool head_known, head_changed;
};

/* The key that the record at this path (without its prefix) is sealed with; lives
 * until the next call or the transaction's end.  Errors: NOT_FOUND (its tenant has
 * none), CORRUPT, NOMEM, the store's. */
SR_RESULT sealed_txn_key(struct sealed_txn *txn, struct sr_str path, const uint8_t **out);

#endif
