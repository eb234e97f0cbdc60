/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, taken apart by the lists.  Pure: prints nothing. */
#ifndef SR_CLI_ARGS_H
#define SR_CLI_ARGS_H

#include "base/result.h"
#include "cli/command.h"

#define ARGS_WORDS_MAX 8
#define ARGS_TAGS_MAX  15       /* as many as a key may have (messages.def) */

/* All pointers are into argv. */
struct args {
	const char *noun, *verb;        /* words that were given; NULL: none */
	const struct command *command;  /* NULL only with help or version */
	const char *operand[ARGS_WORDS_MAX];
	size_t operands_n;
	bool help;                      /* asked for, by option or by the word */
	uint64_t given;                 /* set of options */
	const char *value[OPT_COUNT];   /* of the options given that take one; the last counts */
	const char *tag[ARGS_TAGS_MAX]; /* of --tag, all of them */
	size_t tags_n;
};

#define ARGS_HAS(args, id) (((args)->given & O(id)) != 0)
/* The option's value, or NULL. */
#define ARGS_VALUE(args, id) ((args)->value[OPT_##id])

struct args_problem {
	char text[512];
	const struct command *command;  /* whose usage line helps; NULL: none */
};

/* Errors: BAD_PARAMETER, then *problem says what is wrong. */
SR_RESULT args_parse(int argc, char **argv, struct args *out, struct args_problem *problem);
/* Does -o json stand among them?  For errors that are found before it is read. */
bool args_want_json(int argc, char **argv);

/* Of these names the one that was most likely meant, or NULL. */
const char *args_nearest(const char *word, const char *const *names, size_t n);

/* Reads a whole decimal number of at most max; false if it is none. */
bool args_number(const char *text, uint64_t max, uint64_t *out);

#endif
