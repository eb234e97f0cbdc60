/* SPDX-License-Identifier: Apache-2.0 */
/* How often a thing can be done in a while by some threads, and how long it takes.
 *
 * The machines that this runs on are shared and noisy: a figure means something
 * only against another one measured in turn with it, so all is done in pairs. */
#ifndef SR_TESTS_BENCH_H
#define SR_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_THREADS_MAX 64
#define BENCH_PAIRS_MAX   99

/* Does the thing once; round counts up within a thread. */
typedef bool bench_fn(void *arg, unsigned round);

struct bench_result {
	double per_second;
	double p50_us, p99_us;
	unsigned long errors;
};

/* The reference and the candidate, in turn. */
struct bench_pair {
	bench_fn *fn;
	void *reference, *candidate;
	unsigned threads, pairs;
	double seconds;         /* for each half of a pair */
};

/* Measures, and gives the median of each side's rates with the latencies of that
 * round; *ratio is the median of the pairs' ratios, candidate by reference. */
void bench_compare(const struct bench_pair *what, struct bench_result *reference, struct bench_result *candidate, double *ratio);

/* One line: label, threads, both results, ratio. */
void bench_print(const char *label, unsigned threads, const struct bench_result *reference,
	const struct bench_result *candidate, double ratio);

/* A number of the command line between 1 and max; ends the program if it is none. */
unsigned bench_number(const char *text, unsigned max);

#endif
