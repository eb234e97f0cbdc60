/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "daemon/store/seal_kind.h"

static const struct seal_kind *const kinds[] = { &seal_file };

SR_RESULT seal_open(const char *setting, int dirfd, const char *dir, struct seal **out,
	char problem[static PROBLEM_MAX])
{
	if (setting == NULL || setting[0] == '\0')
		return seal_file.open(/* rest= */ NULL, dirfd, dir, out, problem);
	for (size_t i = 0; i < SR_COUNT(kinds); i++) {
		size_t n = strlen(kinds[i]->name);

		if (strncmp(setting, kinds[i]->name, n) == 0 && setting[n] == ':')
			return kinds[i]->open(setting + n + 1, dirfd, dir, out, problem);
	}
	return problem_set(problem, SR_BAD_PARAMETER,
		"the setting seal = %.100s names no kind of seal: use file:/PATH", setting);
}

void seal_close(struct seal *seal)
{
	if (seal != NULL)
		seal->kind->close(seal);
}

SR_RESULT seal_exists(const struct seal *seal, bool *out, char problem[static PROBLEM_MAX])
{
	return seal->kind->exists(seal, out, problem);
}

SR_RESULT seal_make(const struct seal *seal, char problem[static PROBLEM_MAX])
{
	return seal->kind->make(seal, problem);
}

SR_RESULT seal_get(const struct seal *seal, uint8_t *key, char problem[static PROBLEM_MAX])
{
	return seal->kind->get(seal, key, problem);
}

bool seal_is_inside(const struct seal *seal)
{
	return seal->inside;
}

const char *seal_place(const struct seal *seal)
{
	return seal->place;
}
