/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/problem.h"

#include <stdarg.h>
#include <string.h>

SR_RESULT problem_set(char problem[static PROBLEM_MAX], enum sr_err err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(problem, PROBLEM_MAX, format, args);
	va_end(args);
	return err;
}

const char *problem_text(enum sr_err err)
{
	static const char *const texts[] = {
#define E(code, name, text_code, exit_status, text) [code] = text,
#include <strongroom/errors.def>
#undef E
	};

	return (size_t)err < SR_COUNT(texts) && texts[err] != NULL ? texts[err] : "unknown error";
}

void problem_path(char out[static PROBLEM_PATH_MAX], const char *path)
{
	size_t n = strlen(path);

	if (n < PROBLEM_PATH_MAX)
		(void)snprintf(out, PROBLEM_PATH_MAX, "%s", path);
	else
		(void)snprintf(out, PROBLEM_PATH_MAX, "...%s", path + n - (PROBLEM_PATH_MAX - 4));
}
