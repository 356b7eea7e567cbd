/* SPDX-License-Identifier: MIT */
/* Any file as a map: it is refused with a reason, or it is applied to an event. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "body.h"
#include "mapping.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static char dir[] = "/tmp/evt-fuzz.XXXXXX", path[64];

static const char line[] =
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"data\":{\"a\":\"x, y\",\"b\":1.10,"
    "\"c\":[{\"a\":\"1\"},null,[2]],\"d\":\"2025-11-23T06:31:39Z\",\"e\":{\"f\":true,\"g\":\"\"}}}";

static void write_file(const char *name, const void *bytes, size_t len)
{
	snprintf(path, sizeof path, "%s/maps/%s", dir, name);
	FILE *file = fopen(path, "w");
	must(file && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
}

static void remove_folder(void)
{
	static const char *const names[] = {"maps/m.json", "maps/c.csv", "maps", ""};
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		remove(path);
	}
}

static void apply(const struct map *map)
{
	static struct mapping mapping;
	static struct event_parser parser = EVENT_PARSER_INIT;
	static struct body_room room;
	static struct jtext made = JTEXT_INIT;
	static bool opened;
	struct event e;
	struct diag d;
	struct jtext_error error;
	must(opened || mapping_open(&mapping) == 0);
	opened = mapping.explaining = true;
	must(event_parse(&parser, SLICE(line), &e, &d) == 0);
	mapping_wants(&mapping, map->when, &e, &parser);
	if (mapping_apply(&mapping, map, &e, &parser, &d) < 0) {
		must(d.code == DIAG_DATA);
		return;
	}
	must(jtext_parse(&made, buf_slice(&mapping.data), &error) == 0);
	e.data = buf_slice(&mapping.data);
	body_set(&room, map, &e, &d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static bool ready;
	struct diag d = {.code = DIAG_OK};
	if (!ready) {
		must(mkdtemp(dir) != NULL);
		snprintf(path, sizeof path, "%s/maps", dir);
		must(mkdir(path, 0700) == 0);
		write_file("c.csv", "k,v\nx,1\n", 8);
		atexit(remove_folder);
		ready = true;
	}
	write_file("m.json", bytes, len);
	struct map *map = map_load(dir, SLICE("m"), &d);
	if (map)
		apply(map);
	else
		must(d.code != DIAG_OK && d.text[0]);
	map_free(map);
	return 0;
}
