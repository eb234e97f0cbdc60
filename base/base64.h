/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with padding, in its one canonical spelling.  Not for secrets. */
#ifndef SR_BASE_BASE64_H
#define SR_BASE_BASE64_H

#include <strongroom/types.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)       /* characters for n bytes */

/* Writes BASE64_LEN(in.n) characters and a NUL; returns their number. */
size_t base64_encode(struct sr_bytes in, char *out);
/* Reads exactly n bytes from untrusted text; false if it is anything else than what
 * base64_encode would write. */
bool base64_decode(struct sr_str in, uint8_t *out, size_t n);

#endif
