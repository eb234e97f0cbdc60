/* SPDX-License-Identifier: Apache-2.0 */
/* For harnesses: what must hold for every input.  Also declares what libFuzzer calls. */
#ifndef SR_TESTS_PROMISE_H
#define SR_TESTS_PROMISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what was promised, and stops the fuzzer here. */
static inline void promise(bool kept, const char *what)
{
	if (!kept) {
		fprintf(stderr, "broken promise: %s\n", what);
		abort();
	}
}

#endif
