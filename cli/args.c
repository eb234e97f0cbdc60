/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <stdarg.h>
#include <string.h>

#define NEAR_MAX 40     /* longer words have no near ones */

struct parser {
	int argc, at;
	char **argv;
	const char *word[ARGS_WORDS_MAX];
	size_t words_n;
	struct args *args;
	struct args_problem *problem;
};

static SR_RESULT problem_say(struct args_problem *problem, const struct command *command, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static SR_RESULT problem_say(struct args_problem *problem, const struct command *command, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(problem->text, sizeof problem->text, format, ap);
	va_end(ap);
	problem->command = command;
	return SR_BAD_PARAMETER;
}

/* ---- the nearest name ---- */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap neighbours) that lead from a to b. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][NEAR_MAX + 1];
	size_t an = strlen(a), bn = strlen(b);
	size_t *before = row[0], *last = row[1], *now = row[2];

	for (size_t j = 0; j <= bn; j++)
		last[j] = j;
	for (size_t i = 1; i <= an; i++) {
		now[0] = i;
		for (size_t j = 1; j <= bn; j++) {
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		size_t *oldest = before;
		before = last;
		last = now;
		now = oldest;
	}
	return last[bn];
}

const char *args_nearest(const char *word, const char *const *names, size_t n)
{
	size_t word_n = strlen(word), best = word_n / 3 + 2;
	const char *found = NULL;

	if (word_n == 0 || word_n > NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t d;

		if (strlen(names[i]) > NEAR_MAX)
			continue;
		/* an abbreviation is nearer than any typing error */
		d = strncmp(names[i], word, word_n) == 0 ? 0 : distance(word, names[i]);
		if (d < best && d < word_n) {
			best = d;
			found = names[i];
		}
	}
	return found;
}

/* ---- options ---- */

static bool is_json(const char *s)
{
	return s != NULL && strcmp(s, "json") == 0;
}

bool args_want_json(int argc, char **argv)
{
	bool json = false;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0)
			json = i + 1 < argc && is_json(argv[i + 1]);
		else if (strncmp(argv[i], "-o", 2) == 0)
			json = is_json(argv[i] + 2);
		else if (strncmp(argv[i], "--output=", 9) == 0)
			json = is_json(argv[i] + 9);
	}
	return json;
}

/* The command that the words read so far name, or NULL. */
static const struct command *parser_command(const struct parser *p)
{
	return p->words_n == 0 ? NULL : command_find(p->word[0], p->words_n > 1 ? p->word[1] : NULL);
}

static SR_RESULT option_unknown(struct parser *p, const char *given)
{
	const struct command *command = parser_command(p);
	uint64_t allowed = command == NULL ? UINT64_MAX : command->needs | command->takes | OPTIONS_GLOBAL;
	const char *names[OPT_COUNT], *near;
	size_t n = 0;

	for (size_t i = 0; i < OPT_COUNT; i++)
		if ((allowed >> i & 1) != 0)
			names[n++] = options[i].name;
	near = args_nearest(given, names, n);
	if (near != NULL)
		return problem_say(p->problem, command, "there is no option --%.64s; did you mean --%s?", given, near);
	return problem_say(p->problem, command, "there is no option --%.64s", given);
}

static SR_RESULT option_take(struct parser *p, enum option_id id, const char *value)
{
	if (id == OPT_tag) {
		if (p->args->tags_n == ARGS_TAGS_MAX)
			return problem_say(p->problem, parser_command(p), "more than %d tags", ARGS_TAGS_MAX);
		p->args->tag[p->args->tags_n++] = value;
	}
	p->args->given |= UINT64_C(1) << id;
	p->args->value[id] = value;
	return SR_OK;
}

/* value: what stood behind "=", or NULL. */
static SR_RESULT option_give(struct parser *p, enum option_id id, const char *value)
{
	const struct option *o = &options[id];

	if (o->arg[0] == '\0') {
		if (value != NULL)
			return problem_say(p->problem, parser_command(p), "option --%s takes no value", o->name);
		return option_take(p, id, NULL);
	}
	if (value == NULL && p->at + 1 < p->argc)
		value = p->argv[++p->at];
	if (value == NULL)
		return problem_say(p->problem, parser_command(p), "option --%s needs a value: --%s %s", o->name, o->name, o->arg);
	return option_take(p, id, value);
}

static SR_RESULT option_long(struct parser *p, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t n = equals == NULL ? strlen(text) : (size_t)(equals - text);
	char name[64];

	for (size_t i = 0; i < OPT_COUNT; i++)
		if (strlen(options[i].name) == n && memcmp(options[i].name, text, n) == 0)
			return option_give(p, (enum option_id)i, equals == NULL ? NULL : equals + 1);
	(void)snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), text);
	return option_unknown(p, name);
}

/* One letter, its value behind it or in the next argument; flags are not bundled. */
static SR_RESULT option_short(struct parser *p, const char *text)
{
	for (size_t i = 0; i < OPT_COUNT; i++) {
		if (options[i].letter == 0 || options[i].letter != text[0])
			continue;
		return option_give(p, (enum option_id)i, text[1] == '\0' ? NULL : text + 1 + (text[1] == '='));
	}
	return problem_say(p->problem, parser_command(p), "there is no option -%.32s", text);
}

/* ---- words ---- */

static SR_RESULT noun_unknown(const struct parser *p, const char *noun)
{
	const char *names[32], *near;
	size_t n = 0;

	for (size_t i = 0; i < nouns_n && n < SR_COUNT(names); i++)
		names[n++] = nouns[i].name;
	near = args_nearest(noun, names, n);
	if (near != NULL)
		return problem_say(p->problem, NULL, "there is no command %.64s; did you mean %s? (strongroom help lists them)",
			noun, near);
	return problem_say(p->problem, NULL, "there is no command %.64s (strongroom help lists them)", noun);
}

static SR_RESULT verb_unknown(const struct parser *p, const char *noun, const char *verb)
{
	const char *names[32], *near;
	size_t n = 0;

	for (size_t i = 0; i < commands_n && n < SR_COUNT(names); i++)
		if (strcmp(commands[i].noun, noun) == 0)
			names[n++] = commands[i].verb;
	near = args_nearest(verb, names, n);
	if (near != NULL)
		return problem_say(p->problem, NULL, "there is no command %s %.64s; did you mean %s %s?", noun, verb, noun, near);
	return problem_say(p->problem, NULL, "there is no command %s %.64s (strongroom help %s lists them)", noun, verb, noun);
}

/* Finds the command of noun and verb, which may be missing when help is wanted. */
static SR_RESULT command_choose(struct parser *p)
{
	struct args *args = p->args;
	const char *what;

	if (args->noun == NULL)
		return SR_OK;
	what = command_later(args->noun, args->verb);
	if (what != NULL)
		return problem_say(p->problem, NULL, "this version does not have \"%.64s%s%.64s\": %s will come in a later one", args->noun,
			args->verb == NULL ? "" : " ", args->verb == NULL ? "" : args->verb, what);
	if (noun_find(args->noun) == NULL)
		return noun_unknown(p, args->noun);
	args->command = command_find(args->noun, args->verb);
	if (args->command == NULL && args->verb != NULL)
		return verb_unknown(p, args->noun, args->verb);
	return SR_OK;
}

/* Hands the words out: [help] NOUN [VERB] OPERANDS. */
static SR_RESULT words_assign(struct parser *p)
{
	struct args *args = p->args;
	size_t at = 0;

	if (p->words_n > 0 && strcmp(p->word[0], "help") == 0) {
		args->help = true;
		at++;
	}
	if (at < p->words_n)
		args->noun = p->word[at++];
	/* help takes a verb behind any noun: a wrong one is then said to be wrong */
	if (at < p->words_n && args->noun != NULL && (args->help || command_find(args->noun, NULL) == NULL))
		args->verb = p->word[at++];
	SR_TRY(command_choose(p));
	while (at < p->words_n)
		args->operand[args->operands_n++] = p->word[at++];
	return SR_OK;
}

/* ---- the whole ---- */

static SR_RESULT options_check(const struct parser *p)
{
	const struct args *args = p->args;
	const struct command *c = args->command;
	uint64_t surplus = args->given & ~(c->needs | c->takes | OPTIONS_GLOBAL), missing = c->needs & ~args->given;

	for (size_t i = 0; i < OPT_COUNT; i++) {
		if ((surplus >> i & 1) != 0)
			return problem_say(p->problem, c, "%s%s%s does not take --%s", c->noun,
				c->verb[0] == '\0' ? "" : " ", c->verb, options[i].name);
		if ((missing >> i & 1) != 0)
			return problem_say(p->problem, c, "--%s %s is missing", options[i].name, options[i].arg);
	}
	return SR_OK;
}

static SR_RESULT operands_check(const struct parser *p)
{
	const struct args *args = p->args;
	const struct command *c = args->command;

	if (args->operands_n < command_operands_min(c))
		return problem_say(p->problem, c, "%s is missing", c->operands);
	if (args->operands_n > command_operands_max(c))
		return problem_say(p->problem, c, "\"%.64s\" is one word too many", args->operand[command_operands_max(c)]);
	return SR_OK;
}

static SR_RESULT parser_run(struct parser *p)
{
	bool only_words = false;

	for (p->at = 1; p->at < p->argc; p->at++) {
		const char *text = p->argv[p->at];

		if (!only_words && strcmp(text, "--") == 0) {
			only_words = true;
		} else if (!only_words && strncmp(text, "--", 2) == 0) {
			SR_TRY(option_long(p, text + 2));
		} else if (!only_words && text[0] == '-' && text[1] != '\0') {
			SR_TRY(option_short(p, text + 1));
		} else {
			if (p->words_n == ARGS_WORDS_MAX)
				return problem_say(p->problem, NULL, "\"%.64s\" is one word too many", text);
			p->word[p->words_n++] = text;
		}
	}
	return SR_OK;
}

SR_RESULT args_parse(int argc, char **argv, struct args *out, struct args_problem *problem)
{
	struct parser p = { .argc = argc, .argv = argv, .args = out, .problem = problem };

	*out = (struct args){ 0 };
	*problem = (struct args_problem){ 0 };
	SR_TRY(parser_run(&p));
	SR_TRY(words_assign(&p));
	out->help |= ARGS_HAS(out, help);
	if (out->help || ARGS_HAS(out, version))
		return SR_OK;
	if (out->noun == NULL)
		return problem_say(problem, NULL, "a command is missing (strongroom help lists them)");
	if (out->command == NULL)
		return problem_say(problem, NULL, "%s needs a verb (strongroom help %s lists them)", out->noun, out->noun);
	SR_TRY(operands_check(&p));
	return options_check(&p);
}

bool args_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9 || digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}
