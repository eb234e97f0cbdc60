/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that follow from commands.def and options.def. */
#ifndef SR_CLI_COMMAND_H
#define SR_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_id {
#define OPTION(id, name, letter, arg, summary) OPT_##id,
#include "cli/options.def"
#undef OPTION
	OPT_COUNT
};

/* A set of options. */
#define O(id) (UINT64_C(1) << OPT_##id)
#define OPTIONS_GLOBAL (O(socket) | O(output) | O(timeout) | O(daemon_uid) | O(help) | O(version))

struct option {
	const char *name;
	char letter;
	const char *arg, *summary;
};
extern const struct option options[OPT_COUNT];

struct cli;
struct args;

struct command {
	const char *noun, *verb;        /* verb "": the noun is the whole command */
	int (*run)(struct cli *cli, const struct args *args);   /* returns the exit status */
	const char *operands;
	uint64_t needs, takes;
	const char *summary, *example;
};
extern const struct command commands[];
extern const size_t commands_n;

struct noun {
	const char *name, *summary;
};
extern const struct noun nouns[];
extern const size_t nouns_n;

/* NULL if there is none.  verb may be NULL: then only a command without verb is found. */
const struct command *command_find(const char *noun, const char *verb);
/* NULL if there is none. */
const struct noun *noun_find(const char *name);
/* What a name that only later versions have stands for; NULL if it is no such name. */
const char *command_later(const char *noun, const char *verb);

/* Operands that must, and that may be given. */
size_t command_operands_min(const struct command *command);
size_t command_operands_max(const struct command *command);

/* Handlers, each in the file of its noun. */
#define COMMAND(noun, verb, handler, operands, needs, takes, summary, example) \
	int handler(struct cli *cli, const struct args *args);
#include "cli/commands.def"
#undef COMMAND

#endif
