/* SPDX-License-Identifier: MIT */
/* What every target checks with. */
#ifndef EVT_FUZZ_MUST_H
#define EVT_FUZZ_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool holds)
{
	if (!holds)
		abort();
}

#endif
