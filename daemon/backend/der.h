/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of DER, for files that anybody may send: definite, minimal
 * lengths, nothing allocated, nothing copied.  A reader is what is left to read;
 * what a function takes it moves past, and on failure nothing is moved or set. */
#ifndef SR_DAEMON_DER_H
#define SR_DAEMON_DER_H

#include <strongroom/types.h>

enum der_tag {
	DER_INTEGER    = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTETS     = 0x04,
	DER_NULL       = 0x05,
	DER_OID        = 0x06,
	DER_SEQUENCE   = 0x30,
	DER_CONTEXT_0  = 0xa0,          /* constructed */
	DER_CONTEXT_1  = 0xa1,
	DER_CONTEXT_1P = 0x81,          /* primitive */
};

/* The contents of the next element, if it has this tag. */
bool der_get(struct sr_bytes *in, enum der_tag tag, struct sr_bytes *out);
/* Likewise, and there must be nothing behind it. */
bool der_get_last(struct sr_bytes *in, enum der_tag tag, struct sr_bytes *out);
/* Does an element of this tag come next? */
bool der_is(struct sr_bytes in, enum der_tag tag);
/* The next element, whatever it is; it is well formed on the outside. */
bool der_skip(struct sr_bytes *in);
/* An INTEGER that is not negative: its bytes without leading zeros (none for 0). */
bool der_uint(struct sr_bytes *in, struct sr_bytes *out);
/* Likewise, one that fits. */
bool der_number(struct sr_bytes *in, uint64_t *out);
/* A BIT STRING of whole bytes, or the contents of one that was taken already. */
bool der_bits(struct sr_bytes *in, struct sr_bytes *out);
bool der_bits_contents(struct sr_bytes contents, struct sr_bytes *out);
/* AlgorithmIdentifier: its OID's contents and what follows (one element or none). */
bool der_algorithm(struct sr_bytes *in, struct sr_bytes *oid, struct sr_bytes *params);

#endif
