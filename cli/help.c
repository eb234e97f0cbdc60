/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#define HELP_COLUMNS 79

/* Puts a word behind those before it, on a new line where it would stick out. */
static void print_word(FILE *to, const char *word, size_t *column)
{
	size_t n = strlen(word);

	if (*column + 1 + n > HELP_COLUMNS) {
		fputs("\n        ", to);
		*column = 8;
	}
	fprintf(to, " %s", word);
	*column += 1 + n;
}

static void print_option_use(FILE *to, enum option_id id, bool needed, size_t *column)
{
	const struct option *o = &options[id];
	char word[64];

	(void)snprintf(word, sizeof word, "%s--%s%s%s%s", needed ? "" : "[", o->name, o->arg[0] == '\0' ? "" : " ", o->arg, needed ? "" : "]");
	print_word(to, word, column);
}

void help_usage(FILE *to, const struct command *command)
{
	size_t column = sizeof "usage: strongroom" - 1;

	fputs("usage: strongroom", to);
	print_word(to, command->noun, &column);
	if (command->verb[0] != '\0')
		print_word(to, command->verb, &column);
	if (command->operands[0] != '\0')
		print_word(to, command->operands, &column);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if ((command->needs >> i & 1) != 0)
			print_option_use(to, (enum option_id)i, /* needed= */ true, &column);
	for (size_t i = 0; i < OPT_COUNT; i++)
		if ((command->takes >> i & 1) != 0)
			print_option_use(to, (enum option_id)i, /* needed= */ false, &column);
	fputc('\n', to);
}

static void print_options(FILE *to, const char *heading, uint64_t set)
{
	if (set == 0)
		return;
	fprintf(to, "\n%s:\n", heading);
	for (size_t i = 0; i < OPT_COUNT; i++) {
		const struct option *o = &options[i];
		char use[64], letter[8] = "    ";

		if ((set >> i & 1) == 0)
			continue;
		if (o->letter != 0)
			(void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
		(void)snprintf(use, sizeof use, "%s--%s%s%s", letter, o->name, o->arg[0] == '\0' ? "" : " ", o->arg);
		fprintf(to, "  %-30s %s\n", use, o->summary);
	}
}

static void print_commands(FILE *to, const char *noun)
{
	for (size_t i = 0; i < commands_n; i++) {
		const struct command *c = &commands[i];
		char name[64];

		if (strcmp(c->noun, noun) != 0)
			continue;
		(void)snprintf(name, sizeof name, "%s %s", c->noun, c->verb);
		fprintf(to, "  %-15s %s\n", name, c->summary);
	}
}

static void print_all(FILE *to)
{
	fputs("usage: strongroom NOUN VERB [OPERANDS] [--options]\n", to);
	for (size_t i = 0; i < nouns_n; i++) {
		/* nouns that are whole commands stand together, at the end */
		if (command_find(nouns[i].name, NULL) == NULL)
			fprintf(to, "\n%s\n", nouns[i].summary);
		else if (i > 0 && command_find(nouns[i - 1].name, NULL) == NULL)
			fputs("\nThe daemon\n", to);
		print_commands(to, nouns[i].name);
	}
	print_options(to, "Options of every command", OPTIONS_GLOBAL);
	fputs("\nA TIME is 2026-01-31T18:00:00Z, unix seconds, or +30d, +12h, +15m from now.\n"
		"strongroom help NOUN [VERB] says more; so does strongroom(1).\n", to);
}

static void print_noun(FILE *to, const struct noun *noun)
{
	fprintf(to, "usage: strongroom %s VERB [OPERANDS] [--options]\n\n%s\n", noun->name, noun->summary);
	print_commands(to, noun->name);
	fprintf(to, "\nstrongroom help %s VERB says more.\n", noun->name);
}

static void print_command(FILE *to, const struct command *command)
{
	help_usage(to, command);
	fprintf(to, "\n%s.\n", command->summary);
	print_options(to, "Options", command->needs | command->takes);
	print_options(to, "Options of every command", OPTIONS_GLOBAL);
	fprintf(to, "\nExample:\n  %s\n", command->example);
}

void help_print(FILE *to, const struct args *args)
{
	const struct noun *noun = args->noun == NULL ? NULL : noun_find(args->noun);

	if (args->command != NULL)
		print_command(to, args->command);
	else if (noun != NULL)
		print_noun(to, noun);
	else
		print_all(to);
}
