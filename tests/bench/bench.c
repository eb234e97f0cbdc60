/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Latencies are counted in a histogram: for each power of two of nanoseconds 64
 * equal steps, so a percentile is off by 1.6 % at most and nothing is kept per call. */
#define STEP_BITS 6
#define STEPS     (1u << STEP_BITS)
#define SLOTS     (STEPS * 40u)

struct worker {
	pthread_t thread;
	bench_fn *fn;
	void *arg;
	atomic_bool *stop;
	pthread_barrier_t *start;
	unsigned long done, errors;
	uint32_t slots[SLOTS];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned slot_of(uint64_t ns)
{
	unsigned power, slot;

	if (ns < STEPS)
		return (unsigned)ns;
	power = 63u - (unsigned)__builtin_clzll(ns);
	slot = (power - STEP_BITS + 1) * STEPS + (unsigned)(ns >> (power - STEP_BITS) & (STEPS - 1));
	return slot < SLOTS ? slot : SLOTS - 1;
}

static double slot_us(unsigned slot)
{
	unsigned power = slot / STEPS, step = slot % STEPS;

	return power == 0 ? step / 1e3 : (double)((uint64_t)(STEPS + step) << (power - 1)) / 1e3;
}

static void *work(void *p)
{
	struct worker *w = p;

	pthread_barrier_wait(w->start);
	for (unsigned round = 0; !atomic_load_explicit(w->stop, memory_order_relaxed); round++) {
		uint64_t before = now_ns();

		if (w->fn(w->arg, round)) {
			w->slots[slot_of(now_ns() - before)]++;
			w->done++;
		} else {
			w->errors++;
		}
	}
	return NULL;
}

static double percentile_us(const struct worker *workers, unsigned n, unsigned long all, unsigned percent)
{
	unsigned long wanted = all * percent / 100, seen = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		for (unsigned i = 0; i < n; i++)
			seen += workers[i].slots[slot];
		if (seen > wanted)
			return slot_us(slot);
	}
	return 0;
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static struct bench_result run(const struct bench_pair *what, void *arg)
{
	struct worker *workers = calloc(what->threads, sizeof *workers);
	struct timespec nap = { (time_t)what->seconds, (long)((what->seconds - (double)(time_t)what->seconds) * 1e9) };
	struct bench_result result = { 0 };
	unsigned long done = 0;
	pthread_barrier_t start;
	atomic_bool stop = false;
	uint64_t before;

	if (workers == NULL || pthread_barrier_init(&start, NULL, what->threads + 1) != 0)
		die("bench");
	for (unsigned i = 0; i < what->threads; i++) {
		workers[i].fn = what->fn;
		workers[i].arg = arg;
		workers[i].stop = &stop;
		workers[i].start = &start;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("pthread_create");
	}
	pthread_barrier_wait(&start);
	before = now_ns();
	while (nanosleep(&nap, &nap) != 0 && errno == EINTR)
		continue;
	atomic_store(&stop, true);
	for (unsigned i = 0; i < what->threads; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		result.errors += workers[i].errors;
	}
	result.per_second = (double)done * 1e9 / (double)(now_ns() - before);
	result.p50_us = percentile_us(workers, what->threads, done, 50);
	result.p99_us = percentile_us(workers, what->threads, done, 99);
	pthread_barrier_destroy(&start);
	free(workers);
	return result;
}

static int by_rate(const void *a, const void *b)
{
	double x = ((const struct bench_result *)a)->per_second, y = ((const struct bench_result *)b)->per_second;

	return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The middle one, but with the errors of all. */
static struct bench_result median(struct bench_result *results, unsigned n)
{
	unsigned long errors = 0;
	struct bench_result middle;

	for (unsigned i = 0; i < n; i++)
		errors += results[i].errors;
	qsort(results, n, sizeof *results, by_rate);
	middle = results[n / 2];
	middle.errors = errors;
	return middle;
}

void bench_compare(const struct bench_pair *what, struct bench_result *reference, struct bench_result *candidate, double *ratio)
{
	struct bench_result references[BENCH_PAIRS_MAX], candidates[BENCH_PAIRS_MAX];
	double ratios[BENCH_PAIRS_MAX];

	for (unsigned i = 0; i < what->pairs; i++) {
		references[i] = run(what, what->reference);
		candidates[i] = run(what, what->candidate);
		ratios[i] = references[i].per_second > 0 ? candidates[i].per_second / references[i].per_second : 0;
	}
	qsort(ratios, what->pairs, sizeof *ratios, by_value);
	*ratio = ratios[what->pairs / 2];
	*reference = median(references, what->pairs);
	*candidate = median(candidates, what->pairs);
}

void bench_print(const char *label, unsigned threads, const struct bench_result *reference,
	const struct bench_result *candidate, double ratio)
{
	printf("%-16s %7u | %9.0f %9.0f %9.0f | %9.0f %9.0f %9.0f | %5.2f %7lu\n", label, threads,
		reference->per_second, reference->p50_us, reference->p99_us,
		candidate->per_second, candidate->p50_us, candidate->p99_us, ratio, reference->errors + candidate->errors);
	fflush(stdout);
}

unsigned bench_number(const char *text, unsigned max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > max) {
		fprintf(stderr, "%s: a number from 1 to %u is wanted\n", text, max);
		exit(2);
	}
	return (unsigned)n;
}
