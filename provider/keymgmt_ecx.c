/* SPDX-License-Identifier: Apache-2.0 */
/* Key management of Ed25519 and Ed448 keys: their names and parameters. */
#include "provider/keymgmt.h"

static OSSL_FUNC_keymgmt_new_fn ed25519_new, ed448_new;
static OSSL_FUNC_keymgmt_query_operation_name_fn ed25519_query_operation_name, ed448_query_operation_name;
static OSSL_FUNC_keymgmt_import_types_fn ecx_types;
static OSSL_FUNC_keymgmt_gettable_params_fn ecx_gettable_params;

static void *ed25519_new(void *provctx)
{
	return key_new(provctx, KEY_ed25519);
}

static void *ed448_new(void *provctx)
{
	return key_new(provctx, KEY_ed448);
}

static const char *ed25519_query_operation_name(int operation_id)
{
	return operation_id == OSSL_OP_SIGNATURE ? "ED25519" : NULL;
}

static const char *ed448_query_operation_name(int operation_id)
{
	return operation_id == OSSL_OP_SIGNATURE ? "ED448" : NULL;
}

static const OSSL_PARAM *ecx_types(int selection)
{
	static const OSSL_PARAM public_types[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0 ? public_types : NULL;
}

static const OSSL_PARAM *ecx_gettable_params(__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	return gettable;
}

#define ECX_FUNCTIONS(id) \
	const OSSL_DISPATCH keymgmt_##id##_functions[] = { \
		KEYMGMT_COMMON, \
		{ OSSL_FUNC_KEYMGMT_NEW,                  (void (*)(void))id##_new }, \
		{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))id##_query_operation_name }, \
		{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES,         (void (*)(void))ecx_types }, \
		{ OSSL_FUNC_KEYMGMT_EXPORT_TYPES,         (void (*)(void))ecx_types }, \
		{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,      (void (*)(void))ecx_gettable_params }, \
		{ 0, NULL } \
	}
ECX_FUNCTIONS(ed25519);
ECX_FUNCTIONS(ed448);
