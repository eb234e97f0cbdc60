/* SPDX-License-Identifier: Apache-2.0 */
/* What the program's libcrypto offers to a provider: its upcalls, and the one
 * way in which this provider reports errors.  Everything that belongs to the
 * program (its error queue, its BIOs) is reached through here, since the
 * libcrypto that we are linked with may be another one. */
#ifndef SR_PROVIDER_CORE_H
#define SR_PROVIDER_CORE_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <strongroom/types.h>

struct core {
	const OSSL_CORE_HANDLE *handle;
	OSSL_FUNC_core_get_params_fn *get_params;
	OSSL_FUNC_core_new_error_fn *new_error;
	OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
	OSSL_FUNC_core_vset_error_fn *vset_error;
	OSSL_FUNC_BIO_read_ex_fn *bio_read_ex;
	OSSL_FUNC_BIO_write_ex_fn *bio_write_ex;
	OSSL_FUNC_BIO_gets_fn *bio_gets;
};

/* Finds the upcalls; false if one is missing. */
bool core_init(struct core *core, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in);

/* Puts an error on the program's queue, with words that say what it went wrong
 * on; always returns 0, so that a failure reads  return RAISE(...);  */
int core_raise(const struct core *core, const char *file, int line, const char *func, enum sr_err err,
	const char *format, ...) __attribute__((format(printf, 6, 7)));
#define RAISE(provider, err, ...) \
	core_raise(&(provider)->core, __FILE__, __LINE__, __func__, err, "strongroom: " __VA_ARGS__)

/* The texts of all reasons that core_raise uses (provider-base(7)). */
extern const OSSL_ITEM core_reasons[];

/* Reads exactly n bytes; false at an earlier end. */
bool core_bio_read(const struct core *core, OSSL_CORE_BIO *bio, void *buf, size_t n);
/* Writes all of it; false if that fails. */
bool core_bio_write(const struct core *core, OSSL_CORE_BIO *bio, const void *buf, size_t n);

#endif
