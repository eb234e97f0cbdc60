/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL's encoders write of a key of ours. */
#ifndef SR_PROVIDER_ENCODER_H
#define SR_PROVIDER_ENCODER_H

#include <openssl/core.h>

extern const OSSL_DISPATCH encoder_text_functions[], encoder_pem_functions[], encoder_der_functions[];

#endif
