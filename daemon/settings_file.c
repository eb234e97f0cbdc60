/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/settings_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/io.h"

#define TEXT_MAX (256 * 1024)   /* of all values of a file */

/* ---- the child: names and values to the pipe, each with its NUL; or what is
 * wrong, as one text, and a status that is not 0 ---- */

static void tell(int fd, const char *text)
{
	if (io_write_full(fd, text, strlen(text) + 1) != SR_OK)
		_exit(2);
}

static void tell_problem(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell_problem(int fd, const char *format, ...)
{
	char text[448];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	tell(fd, text);
}

static const char *reason(void)
{
	unsigned long err = ERR_peek_error();
	const char *text = ERR_SYSTEM_ERROR(err) ? strerror(ERR_GET_REASON(err)) : ERR_reason_error_string(err);

	return text != NULL ? text : "it cannot be parsed";
}

static int parse(const char *path, int fd)
{
	STACK_OF(OPENSSL_CSTRING) *sections;
	STACK_OF(CONF_VALUE) *values;
	CONF *conf = NULL;
	long line = 0;

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, /* settings= */ NULL) == 1)
		conf = NCONF_new(/* meth= */ NULL);
	if (conf == NULL || NCONF_load(conf, path, &line) <= 0) {
		tell_problem(fd, "%.200s:%ld: %.128s", path, line, reason());
		return 1;
	}
	sections = NCONF_get_section_names(conf);
	for (int i = 0; i < sk_OPENSSL_CSTRING_num(sections); i++) {
		const char *name = sk_OPENSSL_CSTRING_value(sections, i);

		if (strcmp(name, "default") != 0) {
			tell_problem(fd, "%.200s: there is no section [%.64s]; all settings stand before the first section",
				path, name);
			return 1;
		}
	}
	values = NCONF_get_section(conf, "default");
	for (int i = 0; i < sk_CONF_VALUE_num(values); i++) {
		const CONF_VALUE *value = sk_CONF_VALUE_value(values, i);

		tell(fd, value->name);
		tell(fd, value->value != NULL ? value->value : "");
	}
	return 0;
}

/* ---- the parent ---- */

static SR_RESULT read_all(int fd, char *buf, size_t size, size_t *out_len)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sr_err_from_errno(errno);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == size)
			return SR_TOO_LARGE;
	}
	*out_len = len;
	return SR_OK;
}

static SR_RESULT take_all(const char *text, size_t len,
	enum sr_err (*take)(void *arg, const char *name, const char *value), void *arg)
{
	const char *end = text + len;

	while (text < end) {
		const char *name = text, *value = name + strlen(name) + 1;

		if (value >= end)
			return SR_IO;
		SR_TRY(take(arg, name, value));
		text = value + strlen(value) + 1;
	}
	return SR_OK;
}

static SR_RESULT run_child(const char *path, char *buf, size_t size, size_t *out_len, int *status)
{
	SR_AUTO_FD from = -1;
	int ends[2];
	enum sr_err err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return sr_err_from_errno(errno);
	from = ends[0];
	pid = fork();
	if (pid == 0)
		_exit(parse(path, ends[1]));
	(void)close(ends[1]);
	if (pid < 0)
		return sr_err_from_errno(errno);
	err = read_all(from, buf, size, out_len);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return sr_err_from_errno(errno);
	return err;
}

/* Whoever may write the file can make the daemon run a command. */
static SR_RESULT check_file(const char *path, char *why, size_t why_size)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		enum sr_err err = sr_err_from_errno(errno);

		(void)snprintf(why, why_size, "%.200s: %s", path, strerror(errno));
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(why, why_size, "%.200s: not a file", path);
		return SR_BAD_PARAMETER;
	}
	if ((st.st_mode & S_IWOTH) != 0) {
		(void)snprintf(why, why_size, "%.200s: everybody can write to it; chmod o-w", path);
		return SR_BAD_PARAMETER;
	}
	return SR_OK;
}

SR_RESULT settings_file_read(const char *path, enum sr_err (*take)(void *arg, const char *name, const char *value),
	void *arg, char *why, size_t why_size)
{
	SR_AUTO_FREE char *text = calloc(1, TEXT_MAX + 1);
	enum sr_err err;
	size_t len = 0;
	int status = 0;

	if (text == NULL)
		return SR_NOMEM;
	SR_TRY(check_file(path, why, why_size));
	err = run_child(path, text, TEXT_MAX, &len, &status);
	if (err != SR_OK) {
		(void)snprintf(why, why_size, "%.200s: it cannot be read, or is too long", path);
		return err;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)snprintf(why, why_size, "%s", len > 0 ? text : "the configuration's parser failed");
		return SR_BAD_PARAMETER;
	}
	return take_all(text, len, take, arg);
}
