/* SPDX-License-Identifier: MIT */
#include "conf.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "jtext.h"
#include "place.h"

static const struct place folder = {
    .variable = "EVT_CONFIG", .for_root = "/etc/evt", .xdg = "XDG_CONFIG_HOME", .xdg_home = ".config", .rest = "evt"};

char *conf_folder(const char *option)
{
	return place_find(&folder, option);
}

/* The name in "NAME.json", or SLICE_NONE. Hidden files are none of ours: editors leave them behind. */
static struct slice name_of(const char *file)
{
	static const char suffix[] = ".json";
	size_t len = strlen(file), end = sizeof suffix - 1;
	bool ours = file[0] != '.' && len > end && strcmp(file + len - end, suffix) == 0;
	return ours ? (struct slice){file, len - end} : SLICE_NONE;
}

int conf_each(const char *dir, const char *kind, int (*each)(struct slice name, void *context, struct diag *d),
	      void *context, struct diag *d)
{
	struct dirent **files;
	char *path = place_join(dir, kind);
	if (!path)
		return diag_fail(d, DIAG_TRY_AGAIN, "out of memory");
	int count = scandir(path, &files, NULL, alphasort), visited = 0, result = 0;
	if (count < 0 && errno != ENOENT)
		result = diag_errno(d, DIAG_CONFIG, errno, "%s", path);
	for (int i = 0; i < count; i++) {
		struct slice name = name_of(files[i]->d_name);
		if (name.ptr && result == 0) {
			visited++;
			result = each(name, context, d);
		}
		free(files[i]);
	}
	if (count >= 0)
		free(files);
	free(path);
	return result < 0 ? -1 : visited;
}

static void root_object(struct conf_object *o, struct conf *c)
{
	*o = (struct conf_object){.conf = c, .json = c->root, .asked = json_object()};
}

bool conf_is_name(struct slice name)
{
	if (name.len == 0 || name.len > 200 || name.ptr[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool plain =
		    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c);
		if (!plain || c == '\0')
			return false;
	}
	return true;
}

int conf_path(char *path, size_t size, const char *dir, const char *kind, struct slice name, struct diag *d)
{
	if (!conf_is_name(name))
		return diag_fail(d, DIAG_CONFIG, "%s: '%.*s' is not a name: only letters, digits, '.', '_' and '-' are",
				 kind ? kind : "file", (int)(name.len < 100 ? name.len : 100),
				 name.ptr ? name.ptr : "");
	int len = kind ? snprintf(path, size, "%s/%s/%.*s.json", dir, kind, (int)name.len, name.ptr)
		       : snprintf(path, size, "%s/%.*s.json", dir, (int)name.len, name.ptr);
	return (size_t)len < size ? 0 : diag_fail(d, DIAG_CONFIG, "%s: too long a path", dir);
}

static int read_root(struct conf *c, FILE *file, struct diag *d)
{
	struct stat st;
	json_error_t error;
	if (fstat(fileno(file), &st) < 0)
		return diag_errno(d, DIAG_CONFIG, errno, "%s", c->file);
	if (st.st_size > CONF_FILE_LIMIT)
		return diag_fail(d, DIAG_CONFIG, "%s: larger than %d bytes", c->file, CONF_FILE_LIMIT);
	c->root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	if (!c->root)
		return diag_fail(d, DIAG_CONFIG, "%s:%d:%d: %s", c->file, error.line, error.column, error.text);
	return json_is_object(c->root) ? 0 : diag_fail(d, DIAG_CONFIG, "%s: expected a JSON object", c->file);
}

static int open_file(struct conf *c, const char *dir, const char *kind, struct slice name, bool optional,
		     struct diag *d)
{
	if (conf_path(c->file, sizeof c->file, dir, kind, name, d) < 0)
		return -1;
	FILE *file = fopen(c->file, "re");
	if (!file)
		return optional && errno == ENOENT ? 0 : diag_errno(d, DIAG_CONFIG, errno, "%s", c->file);
	int result = read_root(c, file, d);
	fclose(file);
	return result;
}

static int begin(struct conf *c, const char *dir, const char *kind, struct slice name, bool optional,
		 struct conf_object *root, struct diag *d)
{
	*c = (struct conf){.dir = dir, .diag = d};
	*root = (struct conf_object){.conf = c};
	c->failed = open_file(c, dir, kind, name, optional, d) < 0;
	if (c->failed)
		return -1;
	root_object(root, c);
	return 0;
}

int conf_open(struct conf *c, const char *dir, const char *kind, struct slice name, struct conf_object *root,
	      struct diag *d)
{
	return begin(c, dir, kind, name, false, root, d);
}

int conf_open_optional(struct conf *c, const char *dir, struct slice name, struct conf_object *root, struct diag *d)
{
	return begin(c, dir, NULL, name, true, root, d);
}

int conf_close(struct conf *c)
{
	json_decref(c->root);
	c->root = NULL;
	return c->failed ? -1 : 0;
}

static void extend_pointer(char *at, size_t size, const char *name)
{
	struct buf longer = BUF_INIT;
	buf_add_text(&longer, at);
	jtext_pointer_add(&longer, slice_of(name));
	snprintf(at, size, "%s", buf_slice(&longer).ptr);
	buf_free(&longer);
}

int conf_tell(const char *file, const char *at, struct diag *d, const char *format, va_list args)
{
	char why[512];
	vsnprintf(why, sizeof why, format, args);
	return diag_fail(d, DIAG_CONFIG, "%s%s%.256s: %s", file, *at ? ": " : "", at, why);
}

int conf_fail(struct conf_object *o, const char *key, const char *format, ...)
{
	struct conf *c = o->conf;
	if (c->failed)
		return -1;
	c->failed = true;
	char at[sizeof o->at];
	memcpy(at, o->at, sizeof at);
	if (key)
		extend_pointer(at, sizeof at, key);
	va_list args;
	va_start(args, format);
	conf_tell(c->file, at, c->diag, format, args);
	va_end(args);
	return -1;
}

int conf_expected(struct conf_object *o, const char *key, const char *expected, const json_t *met)
{
	if (!met)
		return conf_fail(o, key, "expected %s", expected);
	char *text = json_dumps(met, JSON_ENCODE_ANY | JSON_COMPACT);
	conf_fail(o, key, "expected %s, not %.80s", expected, text ? text : "this");
	free(text);
	return -1;
}

static json_t *ask(struct conf_object *o, const char *key, enum conf_need need)
{
	if (o->conf->failed || !o->json)
		return NULL;
	json_object_set_new(o->asked, key, json_true());
	json_t *value = json_object_get(o->json, key);
	if (!value && need == CONF_REQUIRED)
		conf_fail(o, NULL, "\"%s\" is missing", key);
	return value;
}

void conf_add_key(struct buf *keys, const char *key)
{
	buf_printf(keys, "%s%s", keys->len ? ", " : "unknown key, expected one of ", key);
}

static void refuse_key(struct conf_object *o, const char *key)
{
	const char *asked;
	json_t *value;
	struct buf why = BUF_INIT;
	json_object_foreach (o->asked, asked, value)
		conf_add_key(&why, asked);
	conf_fail(o, key, "%s", buf_slice(&why).ptr);
	buf_free(&why);
}

void conf_end(struct conf_object *o)
{
	const char *key;
	json_t *value;
	if (o->json && !o->conf->failed) {
		json_object_foreach (o->json, key, value) {
			if (key[0] == '#' || json_object_get(o->asked, key))
				continue;
			refuse_key(o, key);
			break;
		}
	}
	json_decref(o->asked);
	o->asked = NULL;
}

bool conf_has(struct conf_object *o, const char *key)
{
	return !o->conf->failed && o->json && json_object_get(o->json, key);
}

json_t *conf_any(struct conf_object *o, const char *key)
{
	return ask(o, key, CONF_OPTIONAL);
}

char *conf_string(struct conf_object *o, const char *key, enum conf_need need, const char *otherwise)
{
	json_t *value = ask(o, key, need);
	if (value && !json_is_string(value)) {
		conf_expected(o, key, "a string", value);
		return NULL;
	}
	const char *text = value ? json_string_value(value) : otherwise;
	if (!text || o->conf->failed)
		return NULL;
	char *copy = strdup(text);
	if (!copy)
		conf_fail(o, key, "out of memory");
	return copy;
}

int64_t conf_integer(struct conf_object *o, const char *key, int64_t least, int64_t most, int64_t otherwise)
{
	json_t *value = ask(o, key, CONF_OPTIONAL);
	if (!value)
		return otherwise;
	if (json_is_integer(value) && json_integer_value(value) >= least && json_integer_value(value) <= most)
		return json_integer_value(value);
	char expected[96];
	snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, least, most);
	conf_expected(o, key, expected, value);
	return otherwise;
}

double conf_number(struct conf_object *o, const char *key, double least, double most, double otherwise)
{
	json_t *value = ask(o, key, CONF_OPTIONAL);
	if (!value)
		return otherwise;
	if (json_is_number(value) && json_number_value(value) >= least && json_number_value(value) <= most)
		return json_number_value(value);
	char expected[96];
	snprintf(expected, sizeof expected, "a number from %g to %g", least, most);
	conf_expected(o, key, expected, value);
	return otherwise;
}

bool conf_bool(struct conf_object *o, const char *key, bool otherwise)
{
	json_t *value = ask(o, key, CONF_OPTIONAL);
	if (!value)
		return otherwise;
	if (!json_is_boolean(value))
		conf_expected(o, key, "true or false", value);
	return json_is_true(value);
}

int64_t conf_span(struct conf_object *o, const char *key, int64_t least_ms, int64_t most_ms, int64_t otherwise_ms)
{
	json_t *value = ask(o, key, CONF_OPTIONAL);
	if (!value)
		return otherwise_ms;
	int64_t span;
	if (!json_is_string(value) || clock_parse_span(slice_of(json_string_value(value)), &span) < 0)
		conf_expected(o, key, "a duration such as \"30s\", \"5m\", \"2h\" or \"7d\"", value);
	else if (span < least_ms || span > most_ms)
		conf_fail(o, key, "%s is out of range: from %" PRId64 " ms to %" PRId64 " ms", json_string_value(value),
			  least_ms, most_ms);
	else
		return span;
	return otherwise_ms;
}

int conf_choice(struct conf_object *o, const char *key, const char *const *choices, int otherwise)
{
	json_t *value = ask(o, key, CONF_OPTIONAL);
	if (!value)
		return otherwise;
	char expected[256] = "one of";
	for (int i = 0; choices[i]; i++) {
		if (json_is_string(value) && strcmp(json_string_value(value), choices[i]) == 0)
			return i;
		size_t len = strlen(expected);
		snprintf(expected + len, sizeof expected - len, "%s \"%s\"", i ? "," : "", choices[i]);
	}
	conf_expected(o, key, expected, value);
	return otherwise;
}

void conf_element(struct conf_object *o, const char *key, int index, json_t *json, struct conf_object *child)
{
	*child = (struct conf_object){.conf = o->conf};
	memcpy(child->at, o->at, sizeof child->at);
	if (key)
		extend_pointer(child->at, sizeof child->at, key);
	if (index >= 0) {
		char digits[16];
		snprintf(digits, sizeof digits, "%d", index);
		extend_pointer(child->at, sizeof child->at, digits);
	}
	if (o->conf->failed || !json)
		return;
	if (!json_is_object(json)) {
		conf_expected(child, NULL, "an object", json);
		return;
	}
	child->json = json;
	child->asked = json_object();
}

void conf_child(struct conf_object *o, const char *key, enum conf_need need, struct conf_object *child)
{
	conf_element(o, key, -1, ask(o, key, need), child);
}

bool conf_is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(text, *list) == 0)
			return true;
	return false;
}

/* ---- files that a key names ---- */

char *conf_file(struct conf_object *o, const char *key, enum conf_file kind)
{
	struct stat st;
	struct diag why;
	char *path = conf_string(o, key, CONF_OPTIONAL, NULL);
	char *found = path ? secrets_find(o->conf->dir, path) : NULL;
	if (found && (stat(found, &st) < 0 || access(found, R_OK) < 0))
		conf_fail(o, key, "%s: %s", path, strerror(errno));
	else if (found && kind == CONF_FILE_SECRET && secrets_check(&st, path, &why) < 0)
		conf_fail(o, key, "%s", why.text);
	else if (path && !found)
		conf_fail(o, key, "out of memory");
	free(path);
	return found;
}

void conf_secrets(struct conf_object *o, const char *key, enum conf_need need, struct secrets *s)
{
	struct diag d;
	*s = (struct secrets){0};
	char *path = conf_string(o, key, need, NULL);
	if (path && secrets_read(s, o->conf->dir, path, &d) < 0)
		conf_fail(o, key, "%s", d.text);
	free(path);
}
