/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the decoder of key references, which reads files that anybody may have
 * written: what is accepted survives being encoded and decoded again. */
#include <string.h>
#include <strongroom/strongroom.h>

#include "tests/fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sr_reference reference, again;
	unsigned char *der = NULL;
	size_t len = 0;
	char *pem = NULL;

	if (sr_reference_decode((struct sr_bytes){ data, size }, &reference) != SR_OK)
		return 0;
	promise(reference.spki.p >= data && reference.spki.p + reference.spki.n <= data + size, "the public key lies in the input");
	promise(sr_reference_encode(&reference, &der, &len) == SR_OK, "a decoded reference can be encoded");
	promise(sr_reference_decode((struct sr_bytes){ der, len }, &again) == SR_OK, "and decoded");
	promise(strcmp(reference.uri, again.uri) == 0, "the URI stays");
	promise(reference.spki.n == again.spki.n && memcmp(reference.spki.p, again.spki.p, again.spki.n) == 0, "the public key stays");
	promise(sr_reference_pem(&reference, /* own_label= */ (size & 1) != 0, &pem) == SR_OK, "it can be written as PEM");
	free(der);
	free(pem);
	return 0;
}
