/* SPDX-License-Identifier: Apache-2.0 */
/* Results and cleanup: the one error model and the one cleanup idiom. */
#ifndef SR_BASE_RESULT_H
#define SR_BASE_RESULT_H

#include <stdio.h>
#include <stdlib.h>
#include <strongroom/types.h>
#include <unistd.h>

/* Leave the function with the error, if there is one. */
#define SR_TRY(expr) \
	do { \
		enum sr_err err_ = (expr); \
		if (err_ != SR_OK) \
			return err_; \
	} while (0)

/* SR_AUTO(thing) t = NULL;  is freed by thing_free() when it goes out of scope.
 * A hand-over is always the word SR_TAKE. */
#define SR_AUTO(type) __attribute__((cleanup(type##_auto_free))) struct type *
#define SR_DEFINE_AUTO(type, free_fn) \
	static inline void type##_auto_free(struct type **p) { free_fn(*p); }
#define SR_TAKE(p) __extension__({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

/* A descriptor closed at the end of its scope; -1 is none. */
#define SR_AUTO_FD __attribute__((cleanup(sr_auto_close_))) int
#define SR_TAKE_FD(fd) __extension__({ int taken_ = (fd); (fd) = -1; taken_; })
static inline void sr_auto_close_(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* malloc'ed memory, freed at the end of its scope. */
#define SR_AUTO_FREE __attribute__((cleanup(sr_auto_release_)))
static inline void sr_auto_release_(void *p)
{
	free(*(void **)p);
}

#define SR_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Our own mistakes, never a client's: says where and aborts.  Daemon, command
 * and tests only; provider and libstrongroom never abort. */
#define SR_ASSERT(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

/* What an errno means to us.  Errors: NOT_FOUND, DENIED, NOMEM, NO_ROOM, LIMIT, IO. */
enum sr_err sr_err_from_errno(int err);

#endif
