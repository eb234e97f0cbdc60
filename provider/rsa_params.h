/* SPDX-License-Identifier: Apache-2.0 */
/* Values that OpenSSL hands over either as a number or as a word. */
#ifndef SR_PROVIDER_RSA_PARAMS_H
#define SR_PROVIDER_RSA_PARAMS_H

#include <openssl/params.h>
#include <stdbool.h>

/* RSA_PSS_SALTLEN_AUTO_DIGEST_MAX, which OpenSSL 3.0's headers lack. */
#define SALT_AUTO_DIGEST_MAX (-4)

/* A padding mode: RSA_*_PADDING or its word; false if it is neither. */
bool rsa_padding_get(const OSSL_PARAM *p, int *out);
/* Answers a query for it in the form that was asked for. */
bool rsa_padding_set(OSSL_PARAM *p, int padding);

/* The length of a PSS salt: a number, RSA_PSS_SALTLEN_* or its word. */
bool rsa_salt_get(const OSSL_PARAM *p, int *out);
bool rsa_salt_set(OSSL_PARAM *p, int salt_len);

#endif
