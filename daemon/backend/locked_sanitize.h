/* SPDX-License-Identifier: Apache-2.0 */
/* Tells AddressSanitizer which of the locked region is handed out, and
 * LeakSanitizer that pointers live there; nothing in other builds.  And what
 * the sanitizers themselves need of each stack. */
#ifndef SR_DAEMON_LOCKED_SANITIZE_H
#define SR_DAEMON_LOCKED_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define SR_LOCKED_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define SR_LOCKED_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SR_LOCKED_ASAN 1
#elif __has_feature(thread_sanitizer)
#define SR_LOCKED_TSAN 1
#endif
#endif

#if defined(SR_LOCKED_ASAN)
#define LOCKED_STACK_EXTRA ((size_t)256 << 10)
#elif defined(SR_LOCKED_TSAN)
#define LOCKED_STACK_EXTRA ((size_t)1 << 20)    /* nearly all of it thread-local storage */
#else
#define LOCKED_STACK_EXTRA ((size_t)0)
#endif

#ifdef SR_LOCKED_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif

static inline void locked_poison(const void *p, size_t n)
{
#ifdef SR_LOCKED_ASAN
	__asan_poison_memory_region(p, n);
#else
	(void)p;
	(void)n;
#endif
}

static inline void locked_unpoison(const void *p, size_t n)
{
#ifdef SR_LOCKED_ASAN
	__asan_unpoison_memory_region(p, n);
#else
	(void)p;
	(void)n;
#endif
}

static inline void locked_leak_roots(const void *p, size_t n)
{
#ifdef SR_LOCKED_ASAN
	__lsan_register_root_region(p, n);
#else
	(void)p;
	(void)n;
#endif
}

#endif
