/* SPDX-License-Identifier: Apache-2.0 */
/* Key management (provider-keymgmt(7)): what all key types share.  A type's own
 * file says which parameters it has. */
#ifndef SR_PROVIDER_KEYMGMT_H
#define SR_PROVIDER_KEYMGMT_H

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/key.h"

OSSL_FUNC_keymgmt_free_fn keymgmt_free;
OSSL_FUNC_keymgmt_dup_fn keymgmt_dup;
OSSL_FUNC_keymgmt_load_fn keymgmt_load;
OSSL_FUNC_keymgmt_has_fn keymgmt_has;
OSSL_FUNC_keymgmt_match_fn keymgmt_match;
OSSL_FUNC_keymgmt_validate_fn keymgmt_validate;
OSSL_FUNC_keymgmt_import_fn keymgmt_import;
OSSL_FUNC_keymgmt_export_fn keymgmt_export;
OSSL_FUNC_keymgmt_get_params_fn keymgmt_get_params;

/* What a type's dispatch table has besides its own functions. */
#define KEYMGMT_COMMON \
	{ OSSL_FUNC_KEYMGMT_FREE,       (void (*)(void))keymgmt_free }, \
	{ OSSL_FUNC_KEYMGMT_DUP,        (void (*)(void))keymgmt_dup }, \
	{ OSSL_FUNC_KEYMGMT_LOAD,       (void (*)(void))keymgmt_load }, \
	{ OSSL_FUNC_KEYMGMT_HAS,        (void (*)(void))keymgmt_has }, \
	{ OSSL_FUNC_KEYMGMT_MATCH,      (void (*)(void))keymgmt_match }, \
	{ OSSL_FUNC_KEYMGMT_VALIDATE,   (void (*)(void))keymgmt_validate }, \
	{ OSSL_FUNC_KEYMGMT_IMPORT,     (void (*)(void))keymgmt_import }, \
	{ OSSL_FUNC_KEYMGMT_EXPORT,     (void (*)(void))keymgmt_export }, \
	{ OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))keymgmt_get_params }

#define TYPE(id, name, aliases, oid) extern const OSSL_DISPATCH keymgmt_##id##_functions[];
#include "provider/types.def"
#undef TYPE

#endif
