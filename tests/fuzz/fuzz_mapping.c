/* SPDX-License-Identifier: MIT */
/* Any data through a map that uses every feature: what comes out is JSON, and what is wrong is told in a bounded text. */
#include "mapping.h"
#include "must.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char fields[] =
    "{\"fields\":["
    "{\"to\":\"/s\",\"from\":\"/s\",\"type\":[\"string\",\"null\"],\"apply\":[\"trim\",\"lowercase\",\"uppercase\"],"
    "\"minLength\":1,\"maxLength\":20,\"pattern\":\"^(\\\\w+\\\\s?)*$\"},"
    "{\"to\":\"/n/0\",\"from\":\"/n\",\"minimum\":-1.5e3,\"maximum\":12345678901234567890},"
    "{\"to\":\"/n/1\",\"from\":\"/i\",\"type\":\"integer\",\"enum\":[1,2.0]},"
    "{\"to\":\"/e/mail\",\"from\":\"/f\",\"format\":\"email\"},{\"to\":\"/e/uri\",\"from\":\"/f\",\"format\":\"uri\"},"
    "{\"to\":\"/e/at\",\"from\":\"/f\",\"format\":\"date-time\"},{\"to\":\"/e/day\",\"from\":\"/f\",\"format\":\"date\"},"
    "{\"to\":\"/e/id\",\"from\":\"/f\",\"format\":\"uuid\"},"
    "{\"to\":\"/l\",\"from\":\"/l\",\"lookup\":{\"a\":1.10,\"1\":{},\"true\":null},\"default\":[]},"
    "{\"to\":\"/x\",\"each\":\"/x\",\"fields\":[{\"to\":\"/a\",\"from\":\"\",\"type\":[\"number\",\"object\"]},"
    "{\"to\":\"/y\",\"each\":\"/y\",\"fields\":[{\"to\":\"\",\"from\":\"\",\"required\":true}]}]},"
    "{\"to\":\"/q\",\"from\":\"/q\",\"required\":true}]}";

static struct map *load(void)
{
	char dir[] = "/tmp/evt-fuzz.XXXXXX", path[64];
	struct diag d;
	must(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/maps", dir);
	must(mkdir(path, 0700) == 0);
	snprintf(path, sizeof path, "%s/maps/m.json", dir);
	FILE *file = fopen(path, "w");
	must(file && fputs(fields, file) >= 0 && fclose(file) == 0);
	struct map *map = map_load(dir, SLICE("m"), &d);
	if (!map)
		puts(d.text);
	unlink(path);
	snprintf(path, sizeof path, "%s/maps", dir);
	rmdir(path);
	rmdir(dir);
	must(map != NULL);
	return map;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct map *map;
	static struct mapping mapping;
	static struct event_parser parser = EVENT_PARSER_INIT;
	static struct jtext made = JTEXT_INIT;
	if (!map) {
		map = load();
		must(mapping_open(&mapping) == 0);
		mapping.explaining = true;
	}
	struct event e;
	struct diag d;
	struct jtext_error error;
	struct buf line = BUF_INIT;
	buf_add_text(&line, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":");
	buf_add(&line, bytes, len);
	buf_add_char(&line, '}');
	if (event_parse(&parser, buf_slice(&line), &e, &d) == 0) {
		if (mapping_apply(&mapping, map, &e, &parser, &d) < 0)
			must(d.code == DIAG_DATA && strlen(d.text) < sizeof d.text - 1 &&
			     jtext_is_utf8(slice_of(d.text)));
		else
			must(jtext_parse(&made, buf_slice(&mapping.data), &error) == 0 ||
			     strcmp(error.reason, "nested too deep") == 0);
	}
	buf_free(&line);
	return 0;
}
