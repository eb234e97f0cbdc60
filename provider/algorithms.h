/* SPDX-License-Identifier: Apache-2.0 */
/* The names that a private operation has on the wire, found from what OpenSSL
 * calls it; read from algorithms.def. */
#ifndef SR_PROVIDER_ALGORITHMS_H
#define SR_PROVIDER_ALGORITHMS_H

#include <openssl/evp.h>
#include <strongroom/types.h>

/* RS256 and its like; n == 0 if there is none with that digest. */
struct sr_str algorithm_pkcs1(const EVP_MD *md);
/* PS256 and its like; n == 0 if there is none. */
struct sr_str algorithm_pss(const EVP_MD *md);
/* RSA-OAEP-256 and its like; n == 0 if there is none. */
struct sr_str algorithm_oaep(const EVP_MD *md);
/* The name of a hash for MGF1; n == 0 if the protocol has no such hash. */
struct sr_str algorithm_hash(const EVP_MD *md);

/* The DigestInfo of RFC 8017, section 9.2, for hashes that have no row of their
 * own.  out has room for cap bytes; returns the length, 0 if the hash has no
 * object identifier or it does not fit. */
size_t algorithm_digest_info(const EVP_MD *md, const uint8_t *digest, size_t digest_len, uint8_t *out, size_t cap);

/* AlgorithmIdentifiers, DER, as certificates and CMS carry them.  *out is to be
 * OPENSSL_free'd; returns its length, 0 if there is no identifier for this. */
size_t algorithm_id(const char *key_type, const EVP_MD *md, unsigned char **out);
size_t algorithm_id_pss(const EVP_MD *md, const EVP_MD *mgf1, int salt_len, unsigned char **out);

#endif
