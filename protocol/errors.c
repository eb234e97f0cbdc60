/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/errors.h"

#include <stdarg.h>
#include <strongroom/strongroom.h>

struct error_text {
	const char *code, *text;
	int exit_status;
};

static const struct error_text error_texts[] = {
#define E(code, name, text_code, exit_status, text) [code] = { text_code, text, exit_status },
#include <strongroom/errors.def>
#undef E
};

/* A daemon newer than this library may know errors that we do not. */
static const struct error_text unknown_error = { "UnknownError", "an error that this version does not know", 1 };

static const struct error_text *error_text_of(enum sr_err err)
{
	if ((size_t)err >= SR_COUNT(error_texts) || error_texts[err].code == NULL)
		return &unknown_error;
	return &error_texts[err];
}

const char *sr_strerror(enum sr_err err)
{
	return error_text_of(err)->text;
}

const char *sr_error_code(enum sr_err err)
{
	return error_text_of(err)->code;
}

int sr_error_exit(enum sr_err err)
{
	return error_text_of(err)->exit_status;
}

enum sr_err error_detail_set(struct error_detail *detail, enum sr_err err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(detail->text, sizeof detail->text, format, args) < 0)
		detail->text[0] = '\0';
	va_end(args);
	for (char *c = detail->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return err;
}
