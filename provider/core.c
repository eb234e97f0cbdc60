/* SPDX-License-Identifier: Apache-2.0 */
/* Upcalls into the program's libcrypto (provider-base(7)). */
#include "provider/core.h"

#include <stdarg.h>

/* Reasons below this are libcrypto's own. */
#define REASON_FIRST 100

const OSSL_ITEM core_reasons[] = {
#define E(code, name, text_code, exit_status, text) { REASON_FIRST + (code), (char []){ text } },
#include <strongroom/errors.def>
#undef E
	{ 0, NULL }
};

bool core_init(struct core *core, const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in)
{
	*core = (struct core){ .handle = handle };
	for (; in->function_id != 0; in++) {
		switch (in->function_id) {
		case OSSL_FUNC_CORE_GET_PARAMS:
			core->get_params = OSSL_FUNC_core_get_params(in);
			break;
		case OSSL_FUNC_CORE_NEW_ERROR:
			core->new_error = OSSL_FUNC_core_new_error(in);
			break;
		case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
			core->set_error_debug = OSSL_FUNC_core_set_error_debug(in);
			break;
		case OSSL_FUNC_CORE_VSET_ERROR:
			core->vset_error = OSSL_FUNC_core_vset_error(in);
			break;
		case OSSL_FUNC_BIO_READ_EX:
			core->bio_read_ex = OSSL_FUNC_BIO_read_ex(in);
			break;
		case OSSL_FUNC_BIO_WRITE_EX:
			core->bio_write_ex = OSSL_FUNC_BIO_write_ex(in);
			break;
		case OSSL_FUNC_BIO_GETS:
			core->bio_gets = OSSL_FUNC_BIO_gets(in);
			break;
		default:
			break;
		}
	}
	return core->get_params != NULL && core->new_error != NULL && core->set_error_debug != NULL
		&& core->vset_error != NULL && core->bio_read_ex != NULL && core->bio_write_ex != NULL
		&& core->bio_gets != NULL;
}

int core_raise(const struct core *core, const char *file, int line, const char *func, enum sr_err err,
	const char *format, ...)
{
	va_list args;

	core->new_error(core->handle);
	core->set_error_debug(core->handle, file, line, func);
	va_start(args, format);
	core->vset_error(core->handle, REASON_FIRST + (uint32_t)err, format, args);
	va_end(args);
	return 0;
}

bool core_bio_read(const struct core *core, OSSL_CORE_BIO *bio, void *buf, size_t n)
{
	uint8_t *p = buf;

	while (n > 0) {
		size_t got = 0;

		if (!core->bio_read_ex(bio, p, n, &got) || got == 0)
			return false;
		p += got;
		n -= got;
	}
	return true;
}

bool core_bio_write(const struct core *core, OSSL_CORE_BIO *bio, const void *buf, size_t n)
{
	const uint8_t *p = buf;

	while (n > 0) {
		size_t put = 0;

		if (!core->bio_write_ex(bio, p, n, &put) || put == 0)
			return false;
		p += put;
		n -= put;
	}
	return true;
}
