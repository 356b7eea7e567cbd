/* SPDX-License-Identifier: MIT */
/* soundness: the journal read through, for damage that nobody has met yet. */
#ifndef EVT_SOUNDNESS_H
#define EVT_SOUNDNESS_H

#include <stdio.h>

#include "journal.h"

/* A line for each finding, and one for the whole. 0; or -1 with
 * DIAG_DATA when there are findings, or why it could not be read. */
int soundness_write(FILE *out, struct journal *j, struct diag *d);

#endif
