/* SPDX-License-Identifier: MIT */
/* receipt: what evt-prune --subject has erased, where and when, as lines of JSON that can be filed (evt-prune(1)). */
#ifndef EVT_RECEIPT_H
#define EVT_RECEIPT_H

#include "buf.h"
#include "journal.h"

void receipt_add_event(struct buf *b, const struct journal_forgotten *event, bool dry_run);
void receipt_add_end(struct buf *b, const struct journal_forget *forget, const char *journal, int64_t now);

#endif
