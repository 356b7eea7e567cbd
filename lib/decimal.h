/* SPDX-License-Identifier: MIT */
/* decimal: JSON numbers as text, exact, whatever their length: none is ever converted. All must be jtext_is_number. */
#ifndef EVT_DECIMAL_H
#define EVT_DECIMAL_H

#include "buf.h"

enum { DECIMAL_SCALE_MOST = 64, DECIMAL_DIGITS_MOST = 1024 };

int decimal_compare(struct slice a, struct slice b); /* <0, 0, >0, by value: 1.10 equals 1.1 and 11e-1 */
bool decimal_is_integer(struct slice number);        /* by value: 1.0 and 1e2 are, 1.5 is not */

/* Appends the number times ten to the power of `power` (at most DECIMAL_SCALE_MOST either way), written without an
 * exponent. No digit is lost or rounded, and none is dropped: 1900 times 10^-2 is 19.00, 19.9 times 10^2 is 1990. -1,
 * nothing appended, when the result would have more than DECIMAL_DIGITS_MOST digits. */
int decimal_scale(struct buf *b, struct slice number, int power);

#endif
