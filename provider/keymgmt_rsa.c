/* SPDX-License-Identifier: Apache-2.0 */
/* Key management of RSA keys: their names and parameters. */
#include "provider/keymgmt.h"

static OSSL_FUNC_keymgmt_new_fn rsa_new;
static OSSL_FUNC_keymgmt_query_operation_name_fn rsa_query_operation_name;
static OSSL_FUNC_keymgmt_import_types_fn rsa_types;
static OSSL_FUNC_keymgmt_gettable_params_fn rsa_gettable_params;

static void *rsa_new(void *provctx)
{
	return key_new(provctx, KEY_rsa);
}

static const char *rsa_query_operation_name(int operation_id)
{
	return operation_id == OSSL_OP_SIGNATURE || operation_id == OSSL_OP_ASYM_CIPHER ? "RSA" : NULL;
}

/* What is imported and exported. */
static const OSSL_PARAM *rsa_types(int selection)
{
	static const OSSL_PARAM public_types[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END
	};

	return (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0 ? public_types : NULL;
}

static const OSSL_PARAM *rsa_gettable_params(__attribute__((unused)) void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END
	};

	return gettable;
}

const OSSL_DISPATCH keymgmt_rsa_functions[] = {
	KEYMGMT_COMMON,
	{ OSSL_FUNC_KEYMGMT_NEW,                  (void (*)(void))rsa_new },
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))rsa_query_operation_name },
	{ OSSL_FUNC_KEYMGMT_IMPORT_TYPES,         (void (*)(void))rsa_types },
	{ OSSL_FUNC_KEYMGMT_EXPORT_TYPES,         (void (*)(void))rsa_types },
	{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,      (void (*)(void))rsa_gettable_params },
	{ 0, NULL }
};
