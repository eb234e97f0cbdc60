/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checkpoint.h"

#include <inttypes.h>

#include "base/base64.h"
#include "base/str.h"

SR_RESULT checkpoint_sign(const struct note_signer *signer, const struct checkpoint *checkpoint,
	char out[static NOTE_MAX + 1], size_t *out_len)
{
	char text[NOTE_NAME_MAX + 1 + 21 + BASE64_LEN(MERKLE_HASH_LEN) + 2], root[BASE64_LEN(MERKLE_HASH_LEN) + 1];
	int n;

	(void)base64_encode((struct sr_bytes){ checkpoint->root, sizeof checkpoint->root }, root);
	n = snprintf(text, sizeof text, "%s\n%" PRIu64 "\n%s\n", note_signer_key(signer)->name, checkpoint->size, root);
	if (n < 0 || (size_t)n >= sizeof text)
		return SR_TOO_LARGE;
	return note_sign(signer, (struct sr_str){ text, (size_t)n }, out, out_len);
}

/* Cuts the first line off text; false when there is none. */
static bool take_line(struct sr_str *text, struct sr_str *line)
{
	const char *newline = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;

	if (newline == NULL)
		return false;
	*line = (struct sr_str){ text->p, (size_t)(newline - text->p) };
	*text = (struct sr_str){ newline + 1, text->n - line->n - 1 };
	return true;
}

/* Decimal, in its only spelling. */
static bool parse_size(struct sr_str text, uint64_t *out)
{
	uint64_t value = 0;

	if (text.n == 0 || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)text.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*out = value;
	return true;
}

SR_RESULT checkpoint_open(struct sr_str note, const struct note_key *key, struct checkpoint *out)
{
	struct sr_str text, origin, size, root, other;
	struct checkpoint checkpoint;

	SR_TRY(note_open(note, key, &text));
	if (!take_line(&text, &origin) || !take_line(&text, &size) || !take_line(&text, &root))
		return SR_BAD_MESSAGE;
	if (!str_is(origin, key->name) || !parse_size(size, &checkpoint.size) || !base64_decode(root, checkpoint.root, sizeof checkpoint.root))
		return SR_BAD_MESSAGE;
	while (take_line(&text, &other))
		if (other.n == 0)
			return SR_BAD_MESSAGE;
	*out = checkpoint;
	return SR_OK;
}
