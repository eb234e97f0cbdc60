/* SPDX-License-Identifier: Apache-2.0 */
/* RSA encryption and decryption. */
#ifndef SR_PROVIDER_ASYMCIPHER_H
#define SR_PROVIDER_ASYMCIPHER_H

#include <openssl/core.h>

extern const OSSL_DISPATCH asymcipher_rsa_functions[];

#endif
