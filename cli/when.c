/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/when.h"

#include <string.h>
#include <time.h>

#include "cli/args.h"

#define WHEN_MAX UINT64_C(253402300799)         /* the last second of the year 9999 */

static bool parse_relative(const char *text, uint64_t now, uint64_t *out)
{
	static const struct { char unit; uint64_t seconds; } units[] = {
		{ 'w', 7 * 86400 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 },
	};
	size_t n = strlen(text);
	char number[16];
	uint64_t count;

	if (n < 2 || n > sizeof number)
		return false;
	memcpy(number, text, n - 1);
	number[n - 1] = '\0';
	for (size_t i = 0; i < SR_COUNT(units); i++) {
		if (units[i].unit != text[n - 1])
			continue;
		if (now > WHEN_MAX || !args_number(number, (WHEN_MAX - now) / units[i].seconds, &count))
			return false;
		*out = now + count * units[i].seconds;
		return true;
	}
	return false;
}

/* Does text look like the pattern, where 0 stands for any digit? */
static bool fits(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; text++, pattern++) {
		if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
			return false;
	}
	return true;
}

static int digits(const char *text, size_t n)
{
	int value = 0;

	for (size_t i = 0; i < n; i++)
		value = value * 10 + (text[i] - '0');
	return value;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* Z, z, +01:00 or -01:00, and nothing behind it. */
static bool parse_zone(const char *text, int *seconds)
{
	int hours, minutes;

	*seconds = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if ((text[0] != '+' && text[0] != '-') || !fits(text + 1, "00:00") || text[6] != '\0')
		return false;
	hours = digits(text + 1, 2);
	minutes = digits(text + 4, 2);
	*seconds = (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
	return hours < 24 && minutes < 60;
}

static bool parse_rfc3339(const char *text, uint64_t *out)
{
	struct tm tm = { 0 };
	int zone, month;
	int64_t t;

	if (!fits(text, "0000-00-00") || strchr("Tt ", text[10]) == NULL || text[10] == '\0' || !fits(text + 11, "00:00:00"))
		return false;
	tm.tm_year = digits(text, 4) - 1900;
	month = digits(text + 5, 2);
	tm.tm_mday = digits(text + 8, 2);
	tm.tm_hour = digits(text + 11, 2);
	tm.tm_min = digits(text + 14, 2);
	tm.tm_sec = digits(text + 17, 2);
	tm.tm_mon = month - 1;
	if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > days_in_month(tm.tm_year + 1900, month) ||
		tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	text += 19;
	if (*text == '.') {
		if (!fits(++text, "0"))
			return false;
		text += strspn(text, "0123456789");     /* parts of a second are dropped */
	}
	if (!parse_zone(text, &zone))
		return false;
	t = (int64_t)timegm(&tm) - zone;
	*out = (uint64_t)t;
	return t >= 0 && (uint64_t)t <= WHEN_MAX;
}

bool when_parse(const char *text, uint64_t now, uint64_t *unix_seconds)
{
	if (text[0] == '+')
		return parse_relative(text + 1, now, unix_seconds);
	return args_number(text, WHEN_MAX, unix_seconds) || parse_rfc3339(text, unix_seconds);
}
