/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backend/der.h"

/* Moves past an element; its tag and contents. */
static bool element(struct sr_bytes *in, uint8_t *tag, struct sr_bytes *out)
{
	size_t at = 2, n, octets;

	if (in->n < 2 || (in->p[0] & 0x1f) == 0x1f)
		return false;
	n = in->p[1];
	if (n >= 0x80) {
		octets = n - 0x80;
		if (octets < 1 || octets > 3 || in->n < 2 + octets || in->p[2] == 0)
			return false;
		for (n = 0; at < 2 + octets; at++)
			n = n << 8 | in->p[at];
		if (n < 0x80)
			return false;
	}
	if (n > in->n - at)
		return false;
	*tag = in->p[0];
	*out = (struct sr_bytes){ in->p + at, n };
	*in = (struct sr_bytes){ in->p + at + n, in->n - at - n };
	return true;
}

bool der_get(struct sr_bytes *in, enum der_tag tag, struct sr_bytes *out)
{
	struct sr_bytes rest = *in, contents;
	uint8_t found;

	if (!element(&rest, &found, &contents) || found != tag)
		return false;
	*in = rest;
	*out = contents;
	return true;
}

bool der_get_last(struct sr_bytes *in, enum der_tag tag, struct sr_bytes *out)
{
	struct sr_bytes rest = *in, contents;

	if (!der_get(&rest, tag, &contents) || rest.n != 0)
		return false;
	*in = rest;
	*out = contents;
	return true;
}

bool der_is(struct sr_bytes in, enum der_tag tag)
{
	return in.n > 0 && in.p[0] == tag;
}

bool der_skip(struct sr_bytes *in)
{
	struct sr_bytes contents;
	uint8_t tag;

	return element(in, &tag, &contents);
}

bool der_uint(struct sr_bytes *in, struct sr_bytes *out)
{
	struct sr_bytes rest = *in, number;

	if (!der_get(&rest, DER_INTEGER, &number) || number.n == 0 || number.p[0] & 0x80)
		return false;
	if (number.p[0] == 0) {
		/* Only where the sign needs it, and for 0 itself. */
		if (number.n > 1 && !(number.p[1] & 0x80))
			return false;
		number = (struct sr_bytes){ number.p + 1, number.n - 1 };
	}
	*in = rest;
	*out = number;
	return true;
}

bool der_number(struct sr_bytes *in, uint64_t *out)
{
	struct sr_bytes rest = *in, number;

	if (!der_uint(&rest, &number) || number.n > 8)
		return false;
	*in = rest;
	*out = 0;
	for (size_t i = 0; i < number.n; i++)
		*out = *out << 8 | number.p[i];
	return true;
}

bool der_bits_contents(struct sr_bytes contents, struct sr_bytes *out)
{
	if (contents.n == 0 || contents.p[0] != 0)
		return false;
	*out = (struct sr_bytes){ contents.p + 1, contents.n - 1 };
	return true;
}

bool der_bits(struct sr_bytes *in, struct sr_bytes *out)
{
	struct sr_bytes rest = *in, contents;

	if (!der_get(&rest, DER_BIT_STRING, &contents) || !der_bits_contents(contents, out))
		return false;
	*in = rest;
	return true;
}

bool der_algorithm(struct sr_bytes *in, struct sr_bytes *oid, struct sr_bytes *params)
{
	struct sr_bytes rest = *in, sequence, name, after;

	if (!der_get(&rest, DER_SEQUENCE, &sequence) || !der_get(&sequence, DER_OID, &name))
		return false;
	after = sequence;
	if (after.n > 0 && (!der_skip(&after) || after.n != 0))
		return false;
	*in = rest;
	*oid = name;
	*params = sequence;
	return true;
}
