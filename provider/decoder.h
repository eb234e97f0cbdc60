/* SPDX-License-Identifier: Apache-2.0 */
/* Key references in PEM and DER as OpenSSL's decoders read them. */
#ifndef SR_PROVIDER_DECODER_H
#define SR_PROVIDER_DECODER_H

#include <openssl/core.h>

#define TYPE(id, name, aliases, oid) extern const OSSL_DISPATCH decoder_##id##_functions[];
#include "provider/types.def"
#undef TYPE
extern const OSSL_DISPATCH decoder_pem_functions[];

#endif
