/* SPDX-License-Identifier: MIT */
/* The counts in the table `tally` (share/sql/0003-tally.sql tells what its axes are). Transitions add to cells in memory;
 * the commit writes them, so that they are part of the same transaction as the rows they count. */
#include <stdlib.h>

#include "journal_internal.h"

static bool same_cell(const struct journal_cell *a, const struct journal_cell *b)
{
	return a->of == b->of && a->axis == b->axis && a->slot == b->slot && a->status == b->status;
}

static int64_t least(int64_t a, int64_t b)
{
	return a && (a < b || !b) ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void add_to(struct journal *j, struct journal_cell cell)
{
	struct journal_tallies *t = &j->tallies;
	for (size_t i = t->count; i-- > 0;)
		if (same_cell(&t->cells[i], &cell)) {
			struct journal_cell *known = &t->cells[i];
			known->n += cell.n;
			known->last_at = most(known->last_at, cell.last_at);
			known->first_event = least(known->first_event, cell.first_event);
			known->last_event = most(known->last_event, cell.last_event);
			return;
		}
	if (t->count == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct journal_cell *grown = realloc(t->cells, cap * sizeof *grown);
		if (!grown) {
			db_note(&j->db, DIAG_IO, "out of memory");
			return;
		}
		t->cells = grown;
		t->cap = cap;
	}
	t->cells[t->count++] = cell;
}

void journal_count_event(struct journal *j, int64_t event, struct slice source, int64_t now)
{
	int64_t kind = journal_kind(j, source, SLICE_NONE, JOURNAL_OF_SOURCE);
	add_to(j, (struct journal_cell){.axis = TALLY_RECEIPT,
					.slot = now / TALLY_SLOT_MS,
					.of = kind,
					.n = 1,
					.last_at = now,
					.first_event = event,
					.last_event = event});
	add_to(j, (struct journal_cell){.axis = TALLY_EVENTS, .of = kind, .n = 1, .last_at = now});
}

void journal_count_repeat(struct journal *j, int64_t event, struct slice source, int64_t now)
{
	add_to(j, (struct journal_cell){.axis = TALLY_REPEATS,
					.slot = now / TALLY_SLOT_MS,
					.of = journal_kind(j, source, SLICE_NONE, JOURNAL_OF_SOURCE),
					.n = 1,
					.last_at = now,
					.last_event = event});
}

/* One more, or one less, of a delivery in a status that it came into at `at`. */
static void count(struct journal *j, const struct journal_delivery *row, enum journal_status status, bool recovered,
		  bool troubled, int64_t at, int64_t n)
{
	add_to(j, (struct journal_cell){.axis = TALLY_STATE,
					.slot = row->received_at / TALLY_HOUR_MS,
					.of = row->kind,
					.status = (int)status,
					.n = n,
					.last_at = n > 0 ? at : 0});
	add_to(j, (struct journal_cell){
		      .axis = TALLY_NOW, .of = row->kind, .status = (int)status, .n = n, .last_at = n > 0 ? at : 0});
	if (status == JOURNAL_DELIVERED || troubled)
		add_to(j, (struct journal_cell){.axis = TALLY_OUTCOME,
						.slot = at / TALLY_SLOT_MS,
						.of = row->destination,
						.status = recovered ? TALLY_RECOVERED : (int)status,
						.n = n,
						.last_at = n > 0 ? at : 0});
}

void journal_count_enter(struct journal *j, const struct journal_delivery *row, enum journal_status status,
			 bool troubled, int64_t now)
{
	bool recovered = status == JOURNAL_DELIVERED && row->attempts - row->spent > 1;
	count(j, row, status, recovered, troubled, now, 1);
}

void journal_count_leave(struct journal *j, const struct journal_delivery *row)
{
	count(j, row, row->status, row->recovered, row->troubled, row->updated_at, -1);
}

void journal_count_ever(struct journal *j, const struct journal_delivery *row, enum journal_status status, int64_t now)
{
	add_to(j, (struct journal_cell){
		      .axis = TALLY_EVER, .of = row->kind, .status = (int)status, .n = 1, .last_at = now});
}

void journal_count_failure(struct journal *j, const struct journal_delivery *row, int64_t now)
{
	add_to(
	    j,
	    (struct journal_cell){
		.axis = TALLY_FAILURES, .slot = now / TALLY_HOUR_MS, .of = row->destination, .n = 1, .last_at = now});
}

static void set_event(struct db_query *q, const char *name, int64_t event)
{
	if (event)
		db_set_int(q, name, event);
	else
		db_set_null(q, name);
}

void journal_save_tallies(struct journal *j)
{
	for (size_t i = 0; i < j->tallies.count; i++) {
		const struct journal_cell *cell = &j->tallies.cells[i];
		if (!cell->n) /* came and went within this transaction */
			continue;
		struct db_query *q = db_query(
		    &j->db, "INSERT INTO tally VALUES (:axis, :slot, :of, :status, :n, :last_at, :first, :last) "
			    "ON CONFLICT DO UPDATE SET n = n + excluded.n, "
			    "last_at = max(last_at, excluded.last_at), "
			    "first_event = min(first_event, excluded.first_event), "
			    "last_event = max(last_event, excluded.last_event)");
		db_set_int(q, ":axis", cell->axis);
		db_set_int(q, ":slot", cell->slot);
		db_set_int(q, ":of", cell->of);
		db_set_int(q, ":status", cell->status);
		db_set_int(q, ":n", cell->n);
		db_set_int(q, ":last_at", cell->last_at);
		set_event(q, ":first", cell->first_event);
		set_event(q, ":last", cell->last_event);
		db_run(q);
	}
	j->tallies.count = 0;
}

void journal_sweep_tallies(struct journal *j, int64_t before, int64_t long_before)
{
	struct db_query *q =
	    db_query(&j->db, "DELETE FROM tally WHERE (axis = 0 AND slot < :hour AND n = 0) "
			     "OR (axis = 1 AND slot < :slot AND n = 0) OR (axis IN (2, 7) AND slot < :old_slot) "
			     "OR (axis = 5 AND slot < :old_hour)");
	db_set_int(q, ":hour", before / TALLY_HOUR_MS);
	db_set_int(q, ":slot", before / TALLY_SLOT_MS);
	db_set_int(q, ":old_hour", long_before / TALLY_HOUR_MS);
	db_set_int(q, ":old_slot", long_before / TALLY_SLOT_MS);
	db_run(q);
}

void journal_free_tallies(struct journal *j)
{
	free(j->tallies.cells);
}
