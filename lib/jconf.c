/* SPDX-License-Identifier: MIT */
#include "jconf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "conf.h"

/* ---- telling where ---- */

/* Appends the token that leads from `container` toward `node`; the value it leads to. */
static uint32_t step_toward(const struct jtext *j, uint32_t container, uint32_t node, struct buf *pointer)
{
	bool object = jtext_type(j, container) == JTEXT_OBJECT;
	uint32_t at = jtext_first(j, container);
	int index = 0;
	for (; jtext_next(j, object ? at + 1 : at) <= node; index++)
		at = jtext_next(j, object ? at + 1 : at);
	if (!object) {
		buf_printf(pointer, "/%d", index);
		return at;
	}
	struct buf scratch = BUF_INIT;
	jtext_pointer_add(pointer, jtext_string(j, at, &scratch));
	buf_free(&scratch);
	return at + 1;
}

/* The JSON Pointer of a value; of a name, that of its member. */
static void add_pointer(const struct jtext *j, uint32_t node, struct buf *pointer)
{
	uint32_t at = 0;
	while (at < node && jtext_next(j, at) > node && jtext_type(j, at) >= JTEXT_ARRAY)
		at = step_toward(j, at, node, pointer);
}

int jconf_fail(struct jconf *c, uint32_t node, const char *format, ...)
{
	if (c->failed)
		return -1;
	c->failed = true;
	struct buf pointer = BUF_INIT;
	add_pointer(&c->json, node, &pointer);
	va_list args;
	va_start(args, format);
	conf_tell(c->file, buf_slice(&pointer).ptr, c->diag, format, args);
	va_end(args);
	buf_free(&pointer);
	return -1;
}

int jconf_expected(struct jconf *c, uint32_t node, const char *expected)
{
	struct slice met = jtext_raw(&c->json, node);
	return jconf_fail(c, node, "expected %s, not %.*s", expected, (int)(met.len < 80 ? met.len : 80), met.ptr);
}

/* ---- opening ---- */

static int read_file(struct jconf *c)
{
	int fd = open(c->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return diag_errno(c->diag, DIAG_CONFIG, errno, "%s", c->file);
	ssize_t got = 1;
	while (got > 0 && c->bytes.len <= CONF_FILE_LIMIT && buf_reserve(&c->bytes, CONF_FILE_LIMIT / 64)) {
		got = read(fd, c->bytes.data + c->bytes.len, CONF_FILE_LIMIT / 64);
		if (got > 0)
			c->bytes.len += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	int error = errno;
	close(fd);
	if (got < 0)
		return diag_errno(c->diag, DIAG_CONFIG, error, "%s", c->file);
	if (got > 0)
		return diag_fail(c->diag, DIAG_CONFIG, "%s: larger than %d bytes", c->file, CONF_FILE_LIMIT);
	return 0;
}

static int refuse_text(struct jconf *c, const struct jtext_error *error)
{
	int line = 1, column = 1;
	for (size_t i = 0; i < error->offset && i < c->bytes.len; i++) {
		column = c->bytes.data[i] == '\n' ? 1 : column + 1;
		line += c->bytes.data[i] == '\n';
	}
	return diag_fail(c->diag, DIAG_CONFIG, "%s:%d:%d: %s", c->file, line, column, error->reason);
}

static int read_json(struct jconf *c, const char *dir, const char *kind, struct slice name)
{
	struct jtext_error error;
	if (conf_path(c->file, sizeof c->file, dir, kind, name, c->diag) < 0 || read_file(c) < 0)
		return -1;
	if (jtext_parse(&c->json, buf_slice(&c->bytes), &error) < 0)
		return refuse_text(c, &error);
	if (jtext_type(&c->json, 0) != JTEXT_OBJECT)
		return diag_fail(c->diag, DIAG_CONFIG, "%s: expected a JSON object", c->file);
	/* Line breaks can only be white space now; without them, a value can be written into a line as it stands. */
	for (size_t i = 0; i < c->bytes.len; i++)
		if (c->bytes.data[i] == '\n' || c->bytes.data[i] == '\r')
			c->bytes.data[i] = ' ';
	/* Every string is decoded once, so that this holds them all without ever moving. */
	if (!buf_reserve(&c->strings, c->bytes.len))
		return diag_fail(c->diag, DIAG_TRY_AGAIN, "%s: out of memory", c->file);
	return 0;
}

int jconf_open(struct jconf *c, const char *dir, const char *kind, struct slice name, struct diag *d)
{
	*c = (struct jconf){.diag = d};
	if (read_json(c, dir, kind, name) == 0)
		return 0;
	c->failed = true;
	return -1;
}

void jconf_close(struct jconf *c)
{
	jtext_free(&c->json);
	buf_free(&c->bytes);
	buf_free(&c->strings);
}

/* ---- reading ---- */

static int find_key(const char *const *keys, struct slice name)
{
	for (int i = 0; keys[i]; i++)
		if (slice_is(name, keys[i]))
			return i;
	return -1;
}

static int refuse_key(struct jconf *c, uint32_t value, const char *const *keys)
{
	struct buf why = BUF_INIT;
	for (; *keys; keys++)
		conf_add_key(&why, *keys);
	jconf_fail(c, value, "%s", buf_slice(&why).ptr);
	buf_free(&why);
	return -1;
}

int jconf_members(struct jconf *c, uint32_t object, const char *const *keys, uint32_t *values)
{
	const struct jtext *j = &c->json;
	for (int i = 0; keys[i]; i++)
		values[i] = JTEXT_NOWHERE;
	if (jconf_is(c, object, JTEXT_OBJECT) < 0)
		return -1;
	for (uint32_t k = jtext_first(j, object); k < jtext_end(j, object); k = jtext_next(j, k + 1)) {
		struct slice name = jconf_string(c, k);
		if (name.len && name.ptr[0] == '#')
			continue;
		int i = find_key(keys, name);
		if (i < 0)
			return refuse_key(c, k + 1, keys);
		if (values[i] != JTEXT_NOWHERE)
			return jconf_fail(c, k + 1, "the key stands here twice");
		values[i] = k + 1;
	}
	return c->failed ? -1 : 0;
}

int jconf_is(struct jconf *c, uint32_t node, enum jtext_type type)
{
	static const char *const names[] = {"null", "false", "true", "a number", "a string", "an array", "an object"};
	if (c->failed)
		return -1;
	return jtext_type(&c->json, node) == type ? 0 : jconf_expected(c, node, names[type]);
}

struct slice jconf_string(struct jconf *c, uint32_t node)
{
	if (jconf_is(c, node, JTEXT_STRING) < 0)
		return SLICE_NONE;
	if (c->strings.cap - c->strings.len <= jtext_raw(&c->json, node).len) {
		jconf_fail(c, node, "out of memory");
		return SLICE_NONE;
	}
	return jtext_string(&c->json, node, &c->strings);
}

int jconf_bool(struct jconf *c, uint32_t node, bool *value)
{
	if (c->failed)
		return -1;
	enum jtext_type type = jtext_type(&c->json, node);
	*value = type == JTEXT_TRUE;
	return type == JTEXT_TRUE || type == JTEXT_FALSE ? 0 : jconf_expected(c, node, "true or false");
}

int jconf_count(struct jconf *c, uint32_t node, int64_t *value)
{
	if (c->failed)
		return -1;
	struct slice raw = jtext_raw(&c->json, node);
	*value = 0;
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.ptr[i] < '0' || raw.ptr[i] > '9' || i >= 18)
			return jconf_expected(c, node, "an integer, 0 or more");
		*value = *value * 10 + (raw.ptr[i] - '0');
	}
	return 0;
}

int jconf_pointer(struct jconf *c, uint32_t node, struct jtext_pointer *p)
{
	struct slice text = jconf_string(c, node);
	if (c->failed)
		return -1;
	return jtext_pointer_parse(p, text) == 0 ? 0 : jconf_expected(c, node, "a JSON Pointer, such as \"/a/b\"");
}
