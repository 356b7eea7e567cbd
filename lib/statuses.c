/* SPDX-License-Identifier: MIT */
#include "statuses.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* "2xx", "409" or 409. */
static int parse(const json_t *json, int *least, int *most)
{
	if (json_is_integer(json)) {
		json_int_t status = json_integer_value(json);
		*least = *most = status >= 100 && status <= 599 ? (int)status : 0;
		return *least ? 0 : -1;
	}
	const char *text = json_string_value(json);
	if (!text || strlen(text) != 3 || text[0] < '1' || text[0] > '5')
		return -1;
	if (strcasecmp(text + 1, "xx") == 0) {
		*least = (text[0] - '0') * 100;
		*most = *least + 99;
		return 0;
	}
	if (!isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[2]))
		return -1;
	*least = *most = atoi(text);
	return 0;
}

void statuses_load(struct statuses *s, struct conf_object *o, const char *key)
{
	json_t *list = conf_any(o, key), *element;
	size_t i;
	if (!list)
		return;
	*s = (struct statuses){.count = 0};
	if (!json_is_array(list) || json_array_size(list) > STATUSES_MOST) {
		conf_expected(o, key, "a list of statuses such as \"2xx\" or \"409\"", list);
		return;
	}
	json_array_foreach (list, i, element) {
		if (parse(element, &s->ranges[i].least, &s->ranges[i].most) < 0)
			conf_expected(o, key, "statuses such as \"2xx\" or \"409\"", element);
		s->count++;
	}
}

bool statuses_hold(const struct statuses *s, int status)
{
	for (size_t i = 0; i < s->count; i++)
		if (status >= s->ranges[i].least && status <= s->ranges[i].most)
			return true;
	return false;
}
