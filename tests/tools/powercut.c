/* SPDX-License-Identifier: MIT */
/* powercut SYNCED WRITTEN SEED: what a disk might hold after a power cut. Each sector of SYNCED, but those that WRITTEN has otherwise
 * may have been written already: SEED decides for each. Sectors are written whole, in any order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512 };

static size_t read_sector(FILE *from, char sector[SECTOR])
{
	memset(sector, 0, SECTOR);
	return from ? fread(sector, 1, SECTOR, from) : 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fputs("Usage: powercut SYNCED WRITTEN SEED\n", stderr);
		return 64;
	}
	FILE *synced = fopen(argv[1], "rb"), *written = fopen(argv[2], "rb");
	char old[SECTOR], new[SECTOR];
	srandom((unsigned)atoi(argv[3]));
	for (;;) { /* to the end of the longer one */
		size_t had = read_sector(synced, old), has = read_sector(written, new);
		if (had == 0 && has == 0)
			return fflush(stdout) ? 74 : 0;
		long reached = random() % 2;
		fwrite(reached && has ? new : old, 1, had > has ? had : has, stdout);
	}
}
