/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/doc_comments.h"

#include <fcntl.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"

#define FILE_MAX 262144

static const struct sr_str nothing = { "", 0 };

enum sr_err doc_comments_load(struct doc_comments *comments, const char *path)
{
	size_t len, start = 0;

	comments->n = 0;
	SR_TRY(io_read_file(AT_FDCWD, path, FILE_MAX, &comments->text, &len));
	for (size_t i = 0; i < len; i++) {
		if (comments->text[i] != '\n')
			continue;
		if (comments->n == DOC_LINES_MAX) {
			doc_comments_finish(comments);
			return SR_TOO_LARGE;
		}
		comments->lines[comments->n++] = (struct sr_str){ comments->text + start, i - start };
		start = i + 1;
	}
	return SR_OK;
}

void doc_comments_finish(struct doc_comments *comments)
{
	free(comments->text);
	comments->text = NULL;
	comments->n = 0;
}

static struct sr_str trim(struct sr_str s)
{
	while (s.n > 0 && s.p[0] == ' ') {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* What stands between the marks of a comment that ends where line ends. */
static struct sr_str comment_in(struct sr_str line)
{
	const char *open = memmem(line.p, line.n, "/*", 2);
	struct sr_str s;

	line = trim(line);
	if (open == NULL || line.n < 4 || memcmp(line.p + line.n - 2, "*/", 2) != 0)
		return nothing;
	s = (struct sr_str){ open + 2, (size_t)(line.p + line.n - 2 - (open + 2)) };
	return trim(s);
}

static bool begins(struct sr_str line, const char *with)
{
	return line.n >= strlen(with) && memcmp(line.p, with, strlen(with)) == 0;
}

/* Takes word and what stands around it off the front of the line, if it is next. */
static bool take_word(struct sr_str *line, const char *word, char end)
{
	struct sr_str rest = trim(*line);

	if (!begins(rest, word) || rest.n <= strlen(word) || rest.p[strlen(word)] != end)
		return false;
	*line = (struct sr_str){ rest.p + strlen(word) + 1, rest.n - strlen(word) - 1 };
	return true;
}

/* Is this the line of the field, or of the message if field is NULL? */
static bool is_line_of(struct sr_str line, const char *message, const char *field)
{
	if (field == NULL)
		return take_word(&line, "MSG", '(') && take_word(&line, message, ')');
	return (take_word(&line, "F", '(') || take_word(&line, "M", '(') || take_word(&line, "L", '('))
		&& take_word(&line, message, ',') && take_word(&line, field, ',');
}

/* The index of that line; n if there is none. */
static size_t find(const struct doc_comments *comments, const char *message, const char *field)
{
	size_t i = 0;

	while (i < comments->n && !is_line_of(comments->lines[i], message, field))
		i++;
	return i;
}

struct sr_str doc_comment_before(const struct doc_comments *comments, const char *message, const char *field)
{
	size_t at = find(comments, message, field);

	if (at == 0 || at == comments->n || !begins(comments->lines[at - 1], "/*"))
		return nothing;
	return comment_in(comments->lines[at - 1]);
}

struct sr_str doc_comment_beside(const struct doc_comments *comments, const char *message, const char *field)
{
	size_t at = find(comments, message, field);

	return at == comments->n ? nothing : comment_in(comments->lines[at]);
}
