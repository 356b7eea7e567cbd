#!/bin/sh
# SPDX-License-Identifier: MIT
# Negative controls: programs that break a promise must fail the tests of that promise. Each mutant is a copy of the sources with one
# change, built under $BUILD/mutants and thrown away; what stands in $BUILD is built already (make controls does so).
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
mkdir -p "$BUILD/mutants"
mutants=$(cd "$BUILD/mutants" && pwd)
trap 'rm -rf "$mutants"' EXIT
trap 'exit 130' INT TERM
caught=0 missed=0

# mutant NAME: a copy of sources and objects, dates included, so that make builds what is changed and no more. Sets $tree.
mutant() {
	tree=$mutants/$1
	mkdir -p "$tree/build/tests" "$tree/build/obj/tests"
	cp -Rp Makefile cmd lib share tests "$tree"
	cp -Rp "$BUILD/gen" "$BUILD/libevt.a" "$tree/build"
	cp -Rp "$BUILD/obj/cmd" "$BUILD/obj/lib" "$tree/build/obj"
	cp -Rp "$BUILD/obj/tests/unit" "$tree/build/obj/tests"
	cp -p "$BUILD/tests/destination" "$BUILD/tests/powercut" "$BUILD/tests/fault.so" "$tree/build/tests"
}

# change FILE SED-EXPRESSION: in the mutant. One that changes nothing would prove nothing.
change() {
	sed "$2" "$1" >"$tree/$1"
	if cmp -s "$1" "$tree/$1"; then
		echo "controls: $1 has nothing any more for: $2" >&2
		exit 70
	fi
}

build() { # TARGETS
	(cd "$tree" && make -s BUILD=build all "$@")
}

# must_fail WHAT COMMAND...
must_fail() {
	what=$1
	shift
	if "$@" >"$mutants/output" 2>&1; then
		echo "MISSED: $what"
		missed=$((missed + 1))
	else
		echo "caught: $what ($(grep -c '^not ok' "$mutants/output") tests fail)"
		caught=$((caught + 1))
	fi
	if ! grep -qE '^(not )?ok ' "$mutants/output"; then
		cat "$mutants/output" >&2
		echo "controls: no test has run" >&2
		exit 70
	fi
}

faults() { # BUILD FILTER
	env BUILD="$1" bats --tap -f "$2" tests/pipe/faults.bats
}

pruning() { # BUILD FILTER
	env BUILD="$1" bats --tap -f "$2" tests/cmd/prune.bats
}

delivering() { # BUILD FILTER
	env BUILD="$1" bats --tap -f "$2" tests/cmd/deliver.bats
}

unit() { # BUILD NAME
	env CMOCKA_MESSAGE_OUTPUT=TAP "$1/tests/test_$2"
}

durable='^order: no|^power cut: (every|so it is)'
claims='^power cut: nothing that was delivered'
gone='^what is gone is gone'
headers='^the headers of refused requests'
single='^CGI: no 2xx'
half='^of many that are under way'
slow='^a slow destination that may have all'

# The same tests pass for the sources as they are.
faults "$BUILD" "$durable|$claims|$single|$half" >"$mutants/output" || {
	cat "$mutants/output"
	exit 1
}
unit "$BUILD" journal >/dev/null 2>&1
unit "$BUILD" lane >/dev/null 2>&1
pruning "$BUILD" "$gone|$headers" >"$mutants/output"
delivering "$BUILD" "$slow" >"$mutants/output"

mutant synchronous-off
change lib/journal.c 's/synchronous=FULL/synchronous=OFF/'
build
must_fail 'synchronous=OFF' faults "$tree/build" "$durable"

mutant synchronous-normal
change lib/journal.c 's/synchronous=FULL/synchronous=NORMAL/'
build
must_fail 'synchronous=NORMAL' faults "$tree/build" "$durable"

mutant never-synced-at-once
change lib/journal.c 's/frames_defer(j->db.sqlite, j->undoable);/frames_defer(j->db.sqlite, true);/'
build
must_fail 'every commit left to the next sync, as claims are' faults "$tree/build" "$durable"

mutant rolled-back
change lib/frames.c 's/^\t\tf->wal->len = 0;$/\t\t(void)f->wal;/'
build build/tests/test_frames
must_fail 'frames that were rolled back left to be written' unit "$tree/build" frames

mutant lost-by-another-sync
change lib/frames.c 's/^\t\twrite_again(file);$/\t\tf = frames_of(file);/'
build build/tests/test_frames
must_fail 'commits left to a sync that failed not written again' unit "$tree/build" frames

mutant folder-unsynced
change lib/frames.c 's/st.st_size > HEADER_SIZE/st.st_size > 0/'
build build/tests/test_frames
must_fail 'the folder of a new WAL left unsynced' unit "$tree/build" frames

mutant early-answer
change lib/server.c 's/ && journal_commit(j, d) == 0)/)/
	s/^\t\tanswer_until(l, first, end);/&\n\t\tif (!failed)\n\t\t\tjournal_commit(l->server->journal, \&d);/'
build
must_fail 'the answer sent before the commit' faults "$tree/build" "$durable"

mutant unsynced-duplicate
change lib/journal.c 's/^\tif (j->answers && .*$/\tif (j->answers \&\& before < 0)/'
build
must_fail 'a duplicate answered before what it repeats is on disk' faults "$tree/build" "$single"

mutant unsynced-found
change lib/frames.c 's/^\tif (result != SQLITE_OK && frames)$/\tif (result == SQLITE_BUSY \&\& frames)/'
build
must_fail 'a commit found in the WAL whose sync failed' faults "$tree/build" "$single"

mutant claim-unchecked
change lib/journal_attempt.c 's/ || row->claim != claim)/ || claim == 0)/'
build build/tests/test_journal
must_fail 'the claim number unchecked' unit "$tree/build" journal

mutant started-twice
change lib/journal_attempt.c 's/^\tstart->answer = judge_claim(&row, start->ref.claim);/&\n\tif (row.started_at) start->answer = JOURNAL_STARTED;/'
build build/tests/test_journal
must_fail 'a claim started twice' unit "$tree/build" journal

mutant unscrubbed
change lib/journal_erase.c 's/^\t\*erased = !dirty;$/\tdirty = false;\n&/'
build
must_fail 'pages in use not overwritten' pruning "$tree/build" "$gone"

mutant insecure-delete
change lib/journal.c 's/secure_delete=ON/secure_delete=OFF/'
build
must_fail 'secure_delete=OFF' pruning "$tree/build" "$gone"

mutant headers-kept
change lib/journal_refuse.c 's/ AND sample <> .*$/ AND sample = 1");/'
build
must_fail 'headers of refused requests kept' pruning "$tree/build" "$headers"

mutant repeats-kept
change lib/journal_tally.c 's/axis IN (2, 7)/axis = 2/'
build build/tests/test_journal
must_fail 'counts of repeats kept for ever' unit "$tree/build" journal

mutant all-answers
change lib/delivery_turn.c 's/^\treturn all < MANY ? .*$/\treturn all < MANY ? DELIVERY_BATCH : all;/'
build
must_fail 'all answers recorded in one transaction, none while others are under way' faults "$tree/build" "$half"

mutant all-slots
change lib/delivery_internal.h 's/l->flying < DELIVERY_SHARE \* (SENDER_SLOTS - r->flying)/(r->flying < SENDER_SLOTS \&\& l->flying < SENDER_SLOTS)/'
build
must_fail 'all requests given to one destination' delivering "$tree/build" "$slow"

mutant no-recall
change lib/lane.c 's/^\t\t\ta->again_at = 0;$/\t\t\t(void)a;/'
build build/tests/test_lane
must_fail 'the next of a subject not recalled when one ends' unit "$tree/build" lane

mutant steady-pause
change lib/lane.c 's/l->pause_ms ? 2 \* l->pause_ms : PAUSE_FIRST_MS/PAUSE_FIRST_MS/'
build build/tests/test_lane
must_fail 'lines of an unusable lane round and round' unit "$tree/build" lane

# As libeatmydata does it, in front of what records.
echo 'int fsync(int fd) { (void)fd; return 0; } int fdatasync(int fd) { (void)fd; return 0; }' >"$mutants/eat.c"
${CC:-cc} -shared -fPIC -o "$mutants/eat.so" "$mutants/eat.c"
export EVT_PRELOAD_FIRST="$mutants/eat.so"
must_fail 'syncs that do nothing (libeatmydata)' faults "$BUILD" "$durable"
unset EVT_PRELOAD_FIRST

echo "$caught caught, $missed missed"
[ "$missed" -eq 0 ]
