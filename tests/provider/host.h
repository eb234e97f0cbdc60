/* SPDX-License-Identifier: Apache-2.0 */
/* A program that uses OpenSSL and knows nothing of Strongroom: what the provider
 * promises to such programs, one subcommand a promise.  tests/system/test-provider.sh
 * runs it with OPENSSL_CONF and a live daemon. */
#ifndef SR_TESTS_PROVIDER_HOST_H
#define SR_TESTS_PROVIDER_HOST_H

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>

/* Leaves the program, saying where and what, if it is not so. */
#define EXPECT(cond) \
	do { \
		if (!(cond)) \
			host_fail(__FILE__, __LINE__, #cond); \
	} while (0)
_Noreturn void host_fail(const char *file, int line, const char *what);

/* Is the error queue empty?  What a program did not ask about must not show there. */
bool host_queue_clean(void);

/* Loads a private key from a strongroom:// URI or a PEM file; fails the program. */
EVP_PKEY *host_load(OSSL_LIB_CTX *libctx, const char *from);
/* The public half of a key, as a key of the default provider. */
EVP_PKEY *host_public(EVP_PKEY *key);
/* A certificate over the key, signed by signer. */
X509 *host_certificate(EVP_PKEY *key, EVP_PKEY *signer);
/* NULL for EdDSA, else a digest's name. */
const char *host_digest(EVP_PKEY *key);

/* Signs a message and verifies it with the public half in the default provider. */
void host_sign_and_verify(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const char *message);
/* Does verifying that say yes? */
bool host_verifies(EVP_PKEY *public_half, const char *digest, const unsigned char *sig, size_t sig_len,
	const char *message);

/* The promises: 0 is kept.  argv are the operands behind the subcommand. */
#define HOST_PROMISES(P) \
	P(sign) P(digests) P(pss) P(decrypt) P(mid_hash) P(rounds) P(identifier) \
	P(dup) P(eq) P(certificate) P(parameters) P(export) P(software) \
	P(fork) P(threads) P(contexts) P(pem) P(pem_error) P(pem_position) P(pem_public) P(damaged) P(error) P(load_only) P(tls) P(tls_rsa)
#define P(name) int promise_##name(int argc, char **argv);
HOST_PROMISES(P)
#undef P

#endif
