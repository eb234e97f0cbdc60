/* SPDX-License-Identifier: Apache-2.0 */
/* Records of changes on their way from the store to the audit log (design section
 * 6): put into the store in the same transaction as the change, appended to the
 * log after the commit, removed once that line is on the disk.  If the append
 * fails, the change stands and every later call waits for the outbox to drain. */
#ifndef SR_DAEMON_OUTBOX_H
#define SR_DAEMON_OUTBOX_H

#include "daemon/audit/audit.h"
#include "daemon/store/sealed.h"

struct outbox;
struct outbox_record;

SR_RESULT outbox_new(struct sealed *sealed, struct audit *audit, struct outbox **out);
void outbox_free(struct outbox *outbox);

/* Makes the record before the change, so that nothing can fail after it. */
SR_RESULT outbox_record_new(const char id[AUDIT_ID_LEN + 1], struct sr_str body, struct outbox_record **out);
void outbox_record_free(struct outbox_record *record);
SR_DEFINE_AUTO(outbox_record, outbox_record_free)
/* Within the change. */
SR_RESULT outbox_put(struct sealed_txn *txn, const struct outbox_record *record);
/* After its commit: takes the record, appends it, or keeps it for outbox_drain. */
void outbox_settle(struct outbox *outbox, struct outbox_record *record);

/* Is a committed change's record not in the log yet?  Cheap. */
bool outbox_blocked(struct outbox *outbox);
/* Tries again; true when nothing is left. */
bool outbox_drain(struct outbox *outbox);
/* How many wait. */
uint64_t outbox_waiting(struct outbox *outbox);

/* At start, before any call: brings what a crash left between commit and log into
 * the log.  Errors: the store's.  When the log cannot be written, the records
 * wait as if outbox_settle had failed. */
SR_RESULT outbox_recover(struct outbox *outbox);
/* The audit log's keep(): removes records whose lines are on the disk, within a change. */
SR_RESULT outbox_remove(struct sealed_txn *txn, const char *ids, size_t n);

#endif
