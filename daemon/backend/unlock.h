/* SPDX-License-Identifier: Apache-2.0 */
/* Encrypted private key files: PKCS#8 with PBES2, and traditional PEM.  What the
 * file asks for in work and memory is bounded before it is done. */
#ifndef SR_DAEMON_UNLOCK_H
#define SR_DAEMON_UNLOCK_H

#include "daemon/backend/software.h"

#define UNLOCK_PBKDF2_ITERATIONS_MAX 10000000u
#define UNLOCK_SCRYPT_BYTES_MAX      ((uint64_t)32 << 20)       /* as libcrypto's own limit */
#define UNLOCK_SCRYPT_WORK_MAX       ((uint64_t)1 << 21)        /* N * r * p: a second or two */

/* Decrypts into *out, locked memory that the caller gives to locked_free, at
 * most as long as what was encrypted.  *detail, static text, says what is wrong.
 * pkcs8: an EncryptedPrivateKeyInfo.  pem: the body of a PEM block whose headers
 * are given, NUL-terminated.
 * Errors: BAD_PARAMETER, UNSUPPORTED, CRYPTO (passphrase wrong or missing), NOMEM. */
SR_RESULT unlock_pkcs8(struct backend *backend, struct sr_bytes der, struct sr_secret passphrase,
	struct sr_secret *out, const char **detail);
SR_RESULT unlock_pem(struct backend *backend, const char *headers, struct sr_bytes body, struct sr_secret passphrase,
	struct sr_secret *out, const char **detail);

#endif
