/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <string.h>

#include "base/result.h"

const struct option options[OPT_COUNT] = {
#define OPTION(id, name, letter, arg, summary) [OPT_##id] = { name, letter, arg, summary },
#include "cli/options.def"
#undef OPTION
};
_Static_assert(OPT_COUNT <= 64, "a set of options is one uint64_t");

const struct command commands[] = {
#define COMMAND(noun, verb, handler, operands, needs, takes, summary, example) \
	{ #noun, #verb, handler, operands, needs, takes, summary, example },
#include "cli/commands.def"
#undef COMMAND
};
const size_t commands_n = SR_COUNT(commands);

const struct noun nouns[] = {
#define NOUN(noun, summary) { #noun, summary },
#include "cli/commands.def"
#undef NOUN
};
const size_t nouns_n = SR_COUNT(nouns);

static const struct later {
	const char *noun, *verbs, *what;
} later[] = {
#define LATER(noun, verbs, what) { noun, verbs, what },
#include "cli/commands.def"
#undef LATER
};

const struct command *command_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < commands_n; i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->noun, noun) != 0)
			continue;
		if (c->verb[0] == '\0' || (verb != NULL && strcmp(c->verb, verb) == 0))
			return c;
	}
	return NULL;
}

const struct noun *noun_find(const char *name)
{
	for (size_t i = 0; i < nouns_n; i++)
		if (strcmp(nouns[i].name, name) == 0)
			return &nouns[i];
	return NULL;
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	if (n == 0)
		return false;
	for (const char *at = words; (at = strstr(at, word)) != NULL; at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

const char *command_later(const char *noun, const char *verb)
{
	for (size_t i = 0; i < SR_COUNT(later); i++) {
		if (strcmp(later[i].noun, noun) != 0)
			continue;
		if (later[i].verbs[0] == '\0' || (verb != NULL && has_word(later[i].verbs, verb)))
			return later[i].what;
	}
	return NULL;
}

size_t command_operands_max(const struct command *command)
{
	size_t n = command->operands[0] != '\0';

	for (const char *at = command->operands; *at != '\0'; at++)
		n += *at == ' ';
	return n;
}

size_t command_operands_min(const struct command *command)
{
	size_t n = 0;

	for (const char *at = command->operands; *at != '\0'; at++)
		n += (at == command->operands || at[-1] == ' ') && *at != '[';
	return n;
}
