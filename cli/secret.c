/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/secret.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>

#include "base/io.h"

SR_RESULT secret_init(struct secret *secret, size_t cap)
{
	*secret = (struct secret){ 0 };
	secret->p = sodium_malloc(cap);
	if (secret->p == NULL)
		return SR_NOMEM;
	secret->cap = cap;
	/* sodium_malloc does not tell whether its own mlock worked */
	if (sodium_mlock(secret->p, cap) == 0)
		return SR_OK;
	secret_finish(secret);
	return SR_LIMIT;
}

void secret_finish(struct secret *secret)
{
	sodium_free(secret->p);
	*secret = (struct secret){ 0 };
}

/* Moves to a place twice as large, so that small files lock little. */
static SR_RESULT secret_grow(struct secret *secret, size_t max)
{
	struct secret larger;

	SR_TRY(secret_init(&larger, secret->cap * 2 < max ? secret->cap * 2 : max));
	memcpy(larger.p, secret->p, secret->n);
	larger.n = secret->n;
	secret_finish(secret);
	*secret = larger;
	return SR_OK;
}

SR_RESULT secret_read(int fd, size_t max, struct secret *out)
{
	SR_AUTO_SECRET secret = { 0 };
	size_t got;

	/* one byte more than max tells that there is more */
	SR_TRY(secret_init(&secret, max < 4096 ? max + 1 : 4096));
	for (;;) {
		SR_TRY(io_read_upto(fd, secret.p + secret.n, secret.cap - secret.n, &got));
		secret.n += got;
		if (secret.n > max)
			return SR_TOO_LARGE;
		if (secret.n < secret.cap)
			break;
		SR_TRY(secret_grow(&secret, max + 1));
	}
	*out = secret;
	secret = (struct secret){ 0 };
	return SR_OK;
}

/* Takes keys until the line ends.  ISIG is off, so that an interrupt is a key
 * too and the terminal is set back before we leave. */
static SR_RESULT read_keys(struct secret *secret)
{
	for (;;) {
		uint8_t key;
		ssize_t r = read(STDIN_FILENO, &key, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0 || key == 3 || key == 28)    /* end of file, ^C, ^\ */
			return SR_IO;
		if (key == '\n' || key == '\r' || key == 4)
			return SR_OK;
		if ((key == 8 || key == 127) && secret->n > 0)
			secret->n--;
		else if (key == 21)                     /* ^U: once more */
			secret->n = 0;
		else if (key >= 32 && key != 127 && secret->n < secret->cap)
			secret->p[secret->n++] = key;
		explicit_bzero(&key, sizeof key);
	}
}

SR_RESULT secret_prompt(const char *prompt, size_t max, struct secret *out)
{
	SR_AUTO_SECRET secret = { 0 };
	struct termios before, quiet;
	sigset_t held, old;
	enum sr_err err;

	SR_TRY(secret_init(&secret, max));
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return SR_IO;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	/* signals from elsewhere wait until the terminal is as it was */
	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGTERM);
	(void)sigaddset(&held, SIGHUP);
	(void)sigaddset(&held, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &held, &old);
	err = tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 ? SR_OK : SR_IO;
	if (err == SR_OK) {
		fprintf(stderr, "%s: ", prompt);
		err = read_keys(&secret);
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		(void)fputc('\n', stderr);
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	if (err != SR_OK)
		return err;
	*out = secret;
	secret = (struct secret){ 0 };
	return SR_OK;
}
