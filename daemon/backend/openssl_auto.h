/* SPDX-License-Identifier: Apache-2.0 */
/* SR_AUTO for the objects of libcrypto that this directory uses. */
#ifndef SR_DAEMON_OPENSSL_AUTO_H
#define SR_DAEMON_OPENSSL_AUTO_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>

#include "base/result.h"

SR_DEFINE_AUTO(bio_st, BIO_free_all)
SR_DEFINE_AUTO(bignum_st, BN_clear_free)
SR_DEFINE_AUTO(bignum_ctx, BN_CTX_free)
SR_DEFINE_AUTO(ec_group_st, EC_GROUP_free)
SR_DEFINE_AUTO(ec_point_st, EC_POINT_clear_free)
SR_DEFINE_AUTO(evp_cipher_st, EVP_CIPHER_free)
SR_DEFINE_AUTO(evp_cipher_ctx_st, EVP_CIPHER_CTX_free)
SR_DEFINE_AUTO(evp_kdf_st, EVP_KDF_free)
SR_DEFINE_AUTO(evp_kdf_ctx_st, EVP_KDF_CTX_free)
SR_DEFINE_AUTO(evp_md_st, EVP_MD_free)
SR_DEFINE_AUTO(evp_md_ctx_st, EVP_MD_CTX_free)
SR_DEFINE_AUTO(evp_pkey_st, EVP_PKEY_free)
SR_DEFINE_AUTO(evp_pkey_ctx_st, EVP_PKEY_CTX_free)
SR_DEFINE_AUTO(ossl_encoder_ctx_st, OSSL_ENCODER_CTX_free)
SR_DEFINE_AUTO(ossl_param_bld_st, OSSL_PARAM_BLD_free)
SR_DEFINE_AUTO(ossl_param_st, OSSL_PARAM_free)

#endif
