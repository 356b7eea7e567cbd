/* SPDX-License-Identifier: MIT */
/* decimal: arithmetic on JSON numbers as text: exact, whatever their length. */
#ifndef EVT_DECIMAL_H
#define EVT_DECIMAL_H

#include "buf.h"

enum { DECIMAL_SCALE_MOST = 64, DECIMAL_DIGITS_MOST = 1024 };

/* Appends the number times ten to the power of `power` (at most DECIMAL_SCALE_MOST either way), written without an
 * exponent. No digit is lost or rounded, and none is dropped: 1900 times 10^-2 is 19.00, 19.9 times 10^2 is 1990. -1,
 * nothing appended, when the result would have more than DECIMAL_DIGITS_MOST digits. Precondition: jtext_is_number. */
int decimal_scale(struct buf *b, struct slice number, int power);

#endif
