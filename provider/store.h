/* SPDX-License-Identifier: Apache-2.0 */
/* strongroom:// URIs as OpenSSL's OSSL_STORE loads them. */
#ifndef SR_PROVIDER_STORE_H
#define SR_PROVIDER_STORE_H

#include <openssl/core.h>

extern const OSSL_DISPATCH store_functions[];

#endif
