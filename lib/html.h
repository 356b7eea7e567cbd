/* SPDX-License-Identifier: MIT */
/* html: text as HTML, in elements and in quoted attributes alike: & < > " and ' are escaped. What a stranger wrote first
 * goes through show.h, so that control and directional characters stand there visibly. */
#ifndef EVT_HTML_H
#define EVT_HTML_H

#include "show.h"

void html_add_text(struct buf *b, struct slice text);  /* on one line; nothing for SLICE_NONE */
void html_add_block(struct buf *b, struct slice text); /* line by line, for <pre> */
/* As html_add_text; whichever way it runs, it does not turn its neighbours. */
void html_add_bdi(struct buf *b, struct slice text);

/* Percent-encoded for a value in a query (RFC 3986): only unreserved is left. */
void html_add_query(struct buf *b, struct slice text);

void html_add_count(struct buf *b, int64_t count);                                   /* 12,345 */
void html_add_time(struct buf *b, int64_t at, const struct show_style *style);       /* <time>, whole */
void html_add_short_time(struct buf *b, int64_t at, const struct show_style *style); /* <time>, as in a table */
void html_add_ago(struct buf *b, int64_t at, const struct show_style *style);        /* <time>, "5 min ago" */

#endif
