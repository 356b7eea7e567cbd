/* SPDX-License-Identifier: MIT */
/* Any file as a source, a destination, receive.json and prune.json: it is taken, or refused with a reason that names it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dest.h"
#include "must.h"
#include "reception.h"
#include "retention.h"
#include "source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static char dir[] = "/tmp/evt-fuzz-conf.XXXXXX", path[64];
static const char *const files[] = {"receive.json", "prune.json", "sources/x.json", "destinations/x.json"};

static const char *at(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(at(name), "w");
	must(file && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
	chmod(path, 0600);
}

static void remove_folder(void)
{
	static const char *const rest[] = {"s", "sources", "destinations", ""};
	for (int i = 0; i < 4; i++)
		remove(at(files[i]));
	for (int i = 0; i < 4; i++)
		remove(at(rest[i]));
}

static void check(bool taken, const struct diag *d)
{
	must(taken || (d->code == DIAG_CONFIG && strstr(d->text, dir)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static bool ready;
	struct diag d;
	struct reception reception;
	struct retention kept;
	if (!ready) {
		must(mkdtemp(dir) && mkdir(at("sources"), 0700) == 0 && mkdir(at("destinations"), 0700) == 0);
		write_file("s", "secret\n", 7);
		atexit(remove_folder);
		ready = true;
	}
	for (int i = 0; i < 4; i++) {
		write_file(files[i], bytes, len);
		d.code = DIAG_OK;
		if (i == 0)
			check(reception_load(&reception, dir, &d) == 0, &d);
		if (i == 1)
			check(retention_load(&kept, dir, NULL, &d) == 0, &d);
		if (i == 1)
			remove(at(files[i])); /* the destination shall not stumble over it */
		if (i == 2) {
			struct source *s = source_load(dir, SLICE("x"), &d);
			check(s, &d);
			source_free(s);
		}
		if (i == 3) {
			struct dest *dest = dest_load(dir, SLICE("x"), &d);
			check(dest, &d);
			dest_free(dest);
		}
	}
	return 0;
}
