#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Bad days, made by tests/tools/fault.c: full disks, I/O errors, interrupted and short calls, a kill at each write, a power cut.
# After each: what was acknowledged is there, the journal is sound, and the exit code and the message say what happened.

load ../lib

setup() {
	evt_setup
	[ -e "$BUILD/tests/fault.so" ] || skip "no fault.so here (sanitizers, or not Linux)"
	CALLS=$BATS_TEST_TMPDIR/calls
	# Syncs that are counted, failed and dropped here need no slow disk beneath them.
	RAM=
	if [ -w /dev/shm ]; then
		RAM=$(mktemp -d /dev/shm/evt-faults.XXXXXX)
		EVT_JOURNAL=$RAM/journal.db
	fi
	DISK=${EVT_JOURNAL%/*}/disk # where a confined receiver may write
	mkdir "$DISK"
	start_destination
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"api": ["*"]}}
	END
	write_destination api <<-END
		{"url": "$DEST_URL/", "record": "/id", "concurrency": 2, "retry": {"schedule": ["100ms", "100ms", "100ms"]}}
	END
}

teardown() {
	local status=0
	evt_teardown || status=$?
	[ -z "$RAM" ] || rm -rf "$RAM"
	return $status
}

# set_fault RULES: FAULT goes in front of a command that shall have them; see tests/tools/fault.c. What its calls came to is in
# $CALLS, what is surely on disk in $DISK. EVT_PRELOAD_FIRST is for tests/controls.sh.
set_fault() {
	FAULT=(env LD_PRELOAD="${EVT_PRELOAD_FIRST-} $BUILD/tests/fault.so" EVT_FAULT_LOG="$CALLS" EVT_FAULT_SHADOW="$DISK" ${1:+EVT_FAULT="$1"})
}

with_fault() { # RULES COMMAND...
	set_fault "$1"
	shift
	"${FAULT[@]}" "$@"
}

start_receiver_with_fault() { # RULES
	RECEIVE_ERR=$BATS_TEST_TMPDIR/receive.err
	rm -f "$RECEIVE_ERR"
	set_fault "$1"
	spawn receive "${FAULT[@]}" evt-receive -l 127.0.0.1:0 </dev/null >/dev/null
	RECEIVE_PID=$PID
	wait_for_receiver
}

start_deliver_with_fault() { # RULES, with $BATS_TEST_TMPDIR/lines
	set_fault "$1"
	spawn deliver "${FAULT[@]}" evt-deliver <"$BATS_TEST_TMPDIR/lines" >/dev/null
}

records() { # FIRST LAST
	seq -f '{"id":"e%g"}' "$1" "$2"
}

# Posts e$1 to e$2, eight at a time; those answered 2xx are in $BATS_TEST_TMPDIR/taken. The receiver may go away.
post_many() {
	seq "$1" "$2" | xargs -P 8 -I N curl -s -o /dev/null -w 'N %{http_code}\n' --max-time 10 \
		-H 'Content-Type: application/json' -d '{"id":"eN"}' "$RECEIVE_URL/shop" >"$BATS_TEST_TMPDIR/answers" || :
	sed -n 's/^\([0-9]*\) 20[02]$/e\1/p' "$BATS_TEST_TMPDIR/answers" >"$BATS_TEST_TMPDIR/taken"
}

is_sound() { # [JOURNAL]
	[ "$(sqlite3 "${1:-$EVT_JOURNAL}" 'pragma integrity_check')" = ok ]
}

# has_all_taken [JOURNAL]: each event that was answered 2xx stands in it, once.
has_all_taken() {
	[ -s "$BATS_TEST_TMPDIR/taken" ]
	sqlite3 "${1:-$EVT_JOURNAL}" 'select id from history' | sort >"$BATS_TEST_TMPDIR/kept"
	[ -z "$(uniq -d "$BATS_TEST_TMPDIR/kept")" ]
	[ -z "$(sort "$BATS_TEST_TMPDIR/taken" | comm -23 - "$BATS_TEST_TMPDIR/kept")" ]
}

all_delivered() {
	deliver_due || :
	[ "$(query "select count(*) from history where status <> 'delivered'")" = 0 ]
}

# A map that refuses every event, and e1 to e3 have to pass it.
strict_map() {
	write_map strict <<<'{"fields": [{"to": "/n", "from": "/missing", "required": true}]}'
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"map\": \"strict\"}"
}

# Each of them has failed by it, now or before.
fails_again() {
	is_sound && end_leases || return 1
	evt-retry | evt-transform -q >/dev/null || :
	[ "$(query "select count(*), sum(status = 'failed' and error like '%missing%') from history")" = '3|3' ] && is_sound && tallies_hold
}

# ---- the order of system calls ----

@test "order: no byte of a 2xx leaves before the WAL with its event is on disk" {
	start_receiver_with_fault ''
	for n in 1 2 3 4 5; do
		[ "$(post shop "{\"id\":\"one$n\"}")" = 202 ]
	done
	# One at a time: a write and a sync of the WAL stand between each request and its answer.
	awk '$2 == "read" && $3 == "socket" && /POST/ { written = synced = 0 }
		$2 == "write" && $3 == "journal.db-wal" { written = 1; synced = 0 }
		$2 == "sync" && $3 == "journal.db-wal" { synced = $4 == 0 && written }
		$2 == "write" && $3 == "socket" && /HTTP\/1.1 2/ { if (!synced) exit 1; answers++ }
		END { if (answers != 5) exit 1 }' "$CALLS"
	# Many at once share a sync; nothing that was written after it may be unsynced when an answer leaves.
	post_many 1 200
	[ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -eq 200 ]
	awk '$2 == "write" && $3 == "journal.db-wal" { synced = 0 }
		$2 == "sync" && $3 == "journal.db-wal" { synced = $4 == 0 }
		$2 == "write" && $3 == "socket" && /HTTP\/1.1 2/ { if (!synced) exit 1; answers++ }
		END { if (answers != 205) exit 1 }' "$CALLS"
}

@test "order: no request is sent before its start is on disk" {
	records 1 5 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	while read -r line; do
		with_fault '' evt-deliver <<<"$line"
	done <"$BATS_TEST_TMPDIR/lines"
	awk '{ if ($1 != process) { process = $1; synced = 0 } }
		$2 == "write" && $3 == "journal.db-wal" { synced = 0 }
		$2 == "sync" && $3 == "journal.db-wal" { synced = $4 == 0 }
		$2 == "write" && $3 == "socket" && /POST/ { if (!synced) exit 1; sent++ }
		END { if (sent != 5) exit 1 }' "$CALLS"
}

# ---- a power cut: what no sync has covered is gone, or is there in part ----

@test "power cut: every event that was answered 2xx is on disk" {
	with_fault '' evt-receive -q -s shop </dev/null >/dev/null
	start_receiver_with_fault 'sync *-wal 12 kill'
	post_many 1 150
	is_gone "$RECEIVE_PID"
	has_all_taken "$DISK/journal.db"
	is_sound "$DISK/journal.db"
}

@test "power cut: so it is when some of the later sectors have been written as well, in any order" {
	start_receiver_with_fault ''
	post_many 1 60
	stop "$RECEIVE_PID" KILL
	# A transaction that never ended: its frames stand behind the last synced ones, and the power goes while they are written.
	records 61 90 | with_fault 'sync *-wal 1 kill' evt-receive -q -s shop >/dev/null 2>&1 || :
	local seed
	for seed in 1 2 3 4 5 6; do
		rm -rf "$BATS_TEST_TMPDIR/cut"
		mkdir "$BATS_TEST_TMPDIR/cut"
		for file in journal.db journal.db-wal; do
			"$BUILD/tests/powercut" "$DISK/$file" "${EVT_JOURNAL%/*}/$file" "$seed" >"$BATS_TEST_TMPDIR/cut/$file"
		done
		has_all_taken "$BATS_TEST_TMPDIR/cut/journal.db"
		is_sound "$BATS_TEST_TMPDIR/cut/journal.db"
	done
}

@test "power cut: nothing that was delivered is forgotten; what was on its way goes again, under the same key" {
	records 1 40 | with_fault '' evt-receive -q -s shop >/dev/null
	evt-retry | with_fault 'write *-wal 150 kill' evt-deliver 2>/dev/null || :
	local sent
	sent=$(wc -l <"$DEST_LOG")
	[ "$sent" -gt 0 ]
	rm -f "$EVT_JOURNAL"*
	cp "$DISK/journal.db" "$DISK/journal.db-wal" "${EVT_JOURNAL%/*}"
	is_sound
	local known
	known=$(query "select count(*) from history where status = 'delivered'")
	end_leases
	wait_until all_delivered
	[ "$(wc -l <"$DEST_LOG")" -le $((40 + sent - known)) ]
	[ "$(curl -s "$DEST_URL/-/counts" | jq .records)" -eq 40 ]
}

@test "power cut: claims that nobody has started may be undone; they are due at once, and neither line sends twice" {
	records 1 20 | with_fault '' evt-receive -q -s shop >/dev/null
	with_fault '' evt-retry >"$BATS_TEST_TMPDIR/before"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/before")" -eq 20 ]
	rm -f "$EVT_JOURNAL"*
	cp "$DISK/journal.db" "$DISK/journal.db-wal" "${EVT_JOURNAL%/*}"
	is_sound
	tallies_hold
	evt-retry >"$BATS_TEST_TMPDIR/after"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/after")" -eq 20 ]
	run evt-deliver < <(cat "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after")
	[ "$status" -eq 1 ]
	[ "$(query "select count(*), sum(status = 'delivered') from history")" = '20|20' ]
	[ "$(wc -l <"$DEST_LOG")" -eq 20 ]
}

@test "power cut in evt-transform: what its map refused has failed, or comes again and fails then; nothing is lost" {
	strict_map
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/input"
	local before=$BATS_TEST_TMPDIR/certain cut=${EVT_JOURNAL%/*}/cut n seed code=137
	mkdir "$before" "$cut" "$BATS_TEST_TMPDIR/whole"
	cp "$EVT_JOURNAL" "$EVT_JOURNAL-wal" "$before"
	cp "$EVT_JOURNAL"* "$BATS_TEST_TMPDIR/whole"
	for ((n = 1; n < 30 && code == 137; n++)); do
		rm -f "$EVT_JOURNAL"*
		cp "$BATS_TEST_TMPDIR/whole"/* "${EVT_JOURNAL%/*}"
		cp "$before"/* "$DISK"
		code=0
		with_fault "sync */journal.db* $n kill" evt-transform -q <"$BATS_TEST_TMPDIR/input" >/dev/null 2>&1 || code=$?
		[ "$code" -eq 137 ] || [ "$code" -eq 0 ]
		for seed in 0 1 2 3; do
			rm -f "$cut"/*
			for file in journal.db journal.db-wal; do
				"$BUILD/tests/powercut" "$DISK/$file" "${EVT_JOURNAL%/*}/$file" "$seed" >"$cut/$file"
			done
			EVT_JOURNAL=$cut/journal.db fails_again
		done
	done
	[ "$code" -eq 0 ] # not killed: all of it was recorded, and synced
	[ "$(sqlite3 "$DISK/journal.db" "select count(*) from history where status = 'failed' and error like '%missing%'")" -eq 3 ]
	[ "$n" -gt 2 ]
}

@test "power cut in evt-prune: the journal is sound, and what is young is whole, whichever sectors were written" {
	records 1 60 | evt-receive -q -s shop >/dev/null
	all_delivered
	age_journal 8
	records 61 90 | evt-receive -q -s shop >/dev/null
	local cut=${EVT_JOURNAL%/*}/cut before=${EVT_JOURNAL%/*}/before n seed code=137
	mkdir "$cut" "$before"
	cp "$EVT_JOURNAL"* "$before"
	for ((n = 1; n < 30 && code == 137; n++)); do
		cp "$before"/* "${EVT_JOURNAL%/*}"
		cp "$before"/journal.db "$before"/journal.db-wal "$DISK"
		code=0
		with_fault "sync */journal.db* $n kill" evt-prune -q 2>/dev/null || code=$?
		for seed in 1 2 3; do
			rm -f "$cut"/*
			for file in journal.db journal.db-wal; do
				"$BUILD/tests/powercut" "$DISK/$file" "${EVT_JOURNAL%/*}/$file" "$seed" >"$cut/$file"
			done
			[ "$(sqlite3 "$cut/journal.db" "pragma integrity_check; select count(*), sum(substr(id, 2) + 0 > 60 and payload = 'stored') from history" | paste -sd' ')" = 'ok 90|30' ]
		done
	done
	[ "$code" -eq 0 ]
	[ "$n" -gt 4 ]
}

# ---- each write, one after the other ----

# each_time RULE CODE COMMAND...: runs it with "RULE" for N = 1, 2, … ("@" stands for N), each time from the journal as it was
# (when a test calls this for the first time; without its folder "before", as it is now), until nothing goes wrong any more. Each failure must have CODE, leave the journal sound, and be made good by `again`. COUNT: how many.
each_time() {
	local rule=$1 wanted=$2 n code
	shift 2
	if mkdir "$BATS_TEST_TMPDIR/before" 2>/dev/null; then
		cp "$EVT_JOURNAL"* "$BATS_TEST_TMPDIR/before" 2>/dev/null || :
	fi
	COUNT=0
	for ((n = 1; n < 400; n++)); do
		rm -f "$EVT_JOURNAL"*
		cp "$BATS_TEST_TMPDIR"/before/* "${EVT_JOURNAL%/*}" 2>/dev/null || :
		code=0
		with_fault "${rule//@/$n}" "$@" <"$BATS_TEST_TMPDIR/input" >/dev/null 2>"$BATS_TEST_TMPDIR/message" || code=$?
		[ "$code" -eq 0 ] && return
		if [ "$code" -ne "$wanted" ] || ! again; then
			echo "$rule at $n: exit $code: $(<"$BATS_TEST_TMPDIR/message")"
			return 1
		fi
		COUNT=$((COUNT + 1))
	done
	return 1
}

# What may be in doubt is taken again, and nothing is there twice.
take_again() {
	if [ -s "$EVT_JOURNAL" ]; then
		is_sound || return 1
	fi
	evt-receive -q -s shop <"$BATS_TEST_TMPDIR/input" >/dev/null || return 1
	[ "$(query 'pragma integrity_check; select count(*), count(distinct id) from history' | paste -sd' ')" = 'ok 3|3' ]
}

@test "kill -9 at each write of a journal in the making, and of the first events" {
	records 1 3 >"$BATS_TEST_TMPDIR/input"
	again() { take_again; }
	each_time 'write */journal.db* @ kill' 137 evt-receive -q -s shop
	[ "$COUNT" -gt 15 ]
}

@test "a full disk at each write: exit 74, said, and nothing half done" {
	records 1 3 >"$BATS_TEST_TMPDIR/input"
	again() { grep -qE 'full|No space' "$BATS_TEST_TMPDIR/message" && take_again; }
	each_time 'write */journal.db* @+ ENOSPC' 74 evt-receive -q -s shop
	[ "$COUNT" -gt 15 ]
}

@test "a failing sync, each in turn: exit 74, said, and nothing half done" {
	records 1 3 >"$BATS_TEST_TMPDIR/input"
	again() { grep -q 'I/O error' "$BATS_TEST_TMPDIR/message" && take_again; }
	each_time 'sync */journal.db* @ EIO' 74 evt-receive -q -s shop
	[ "$COUNT" -gt 5 ]
}

@test "kill -9 of evt-deliver at each write of the journal: sent again under the same key, delivered once" {
	records 1 1 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/input"
	again() { is_sound && end_leases && all_delivered; }
	each_time 'write */journal.db-wal @ kill' 137 evt-deliver
	[ "$COUNT" -gt 1 ]
	[ "$(curl -s "$DEST_URL/-/counts" | jq .records)" -eq 1 ]
}

@test "kill -9 of evt-prune at each write of the journal: it runs again, and the rest is whole" {
	records 1 4 | evt-receive -q -s shop >/dev/null
	all_delivered
	age_journal 8
	records 5 6 | evt-receive -q -s shop >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	again() {
		is_sound && evt-prune -q >/dev/null && is_sound &&
			[ "$(query "select group_concat(payload) from (select payload from history order by id)")" = \
				expired,expired,expired,expired,stored,stored ]
	}
	each_time 'write */journal.db* @ kill' 137 evt-prune -q
	[ "$COUNT" -gt 5 ]
}

@test "kill -9 of evt-prune --subject at each write of the journal: it runs again, and nothing of the record is left" {
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "subject": "/s", "destinations": {"api": ["*"]}}
	END
	printf '{"id":"e%d","s":"ann-%s"}\n' 1 private 2 private 3 other | evt-receive -q -s shop >/dev/null
	evt-retry | evt-deliver || :
	printf '{"id":"e%d","s":"ann-%s"}\n' 4 private | evt-receive -q -s shop >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	again() {
		is_sound || return 1
		evt-prune -q --subject ann-private >/dev/null || [ $? -eq 1 ] || return 1
		[ "$(cat "$EVT_JOURNAL"* | grep -c ann-private)" -eq 0 ] && is_sound && tallies_hold &&
			[ "$(query "select group_concat(id) from history where payload = 'stored'")" = e3 ]
	}
	each_time 'write */journal.db* @ kill' 137 evt-prune -q --subject ann-private
	[ "$COUNT" -gt 5 ]
}

@test "kill -9 of evt-retry at each write of the journal: nothing is claimed for ever, nothing is lost" {
	records 1 3 | evt-receive -q -s shop >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	again() { is_sound && end_leases && [ "$(evt-retry | jq -s length)" -eq 3 ] && tallies_hold; }
	each_time 'write */journal.db* @ kill' 137 evt-retry
	[ "$COUNT" -gt 1 ]
}

@test "kill -9 of evt-transform at each write of the journal: what its map refused has failed, or comes again" {
	strict_map
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/input"
	again() { fails_again; }
	# It ends with 0, but for those that are killed: three lines that failed are not its failure.
	each_time 'write */journal.db* @ kill' 137 evt-transform -q
	[ "$COUNT" -gt 1 ]
}

@test "EIO, and a full disk, at each write of evt-transform: exit 74, said, and nothing half done" {
	strict_map
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/input"
	local rule text
	while read -r text rule; do
		again() { grep -qE "evt-transform: journal .*$text" "$BATS_TEST_TMPDIR/message" && fails_again; }
		each_time "$rule" 74 evt-transform -q
		[ "$COUNT" -gt 1 ]
	done <<-'END'
		disk.I/O.error write */journal.db* @ EIO
		disk.I/O.error write */journal.db* @+ EIO
		full|No.space write */journal.db* @ ENOSPC
		full|No.space write */journal.db* @+ ENOSPC
	END
}

@test "EIO, and a full disk, at each write of evt-retry: exit 74, said, nothing is handed out, and nothing is claimed" {
	records 1 3 | evt-receive -q -s shop >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	local rule text
	while read -r text rule; do
		again() {
			grep -qE "evt-retry: journal .*$text" "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold &&
				[ "$(evt-retry | wc -l)" -eq 3 ]
		}
		each_time "$rule" 74 evt-retry
		[ "$COUNT" -gt 1 ]
	done <<-'END'
		disk.I/O.error write */journal.db* @ EIO
		disk.I/O.error write */journal.db* @+ EIO
		full|No.space write */journal.db* @ ENOSPC
		full|No.space write */journal.db* @+ ENOSPC
	END
}

@test "EIO, and a full disk, at each write of evt-prune: exit 74, said; it runs again, and the rest is whole" {
	records 1 4 | evt-receive -q -s shop >/dev/null
	all_delivered
	age_journal 8
	records 5 6 | evt-receive -q -s shop >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	local rule text
	while read -r text rule; do
		again() {
			grep -qE "evt-prune: journal .*$text" "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold && evt-prune -q >/dev/null &&
				[ "$(query "select group_concat(payload) from (select payload from history order by id)")" = \
					expired,expired,expired,expired,stored,stored ]
		}
		each_time "$rule" 74 evt-prune -q
		[ "$COUNT" -gt 3 ]
	done <<-'END'
		disk.I/O.error write */journal.db* @ EIO
		disk.I/O.error write */journal.db* @+ EIO
		full|No.space write */journal.db* @ ENOSPC
		full|No.space write */journal.db* @+ ENOSPC
	END
}

# ---- each read, one after the other: of who writes, at opening and behind it ----

# Events enough that no command finds all it needs in one page.
many_events() {
	records 1 300 | evt-receive -q -s shop >/dev/null
	evt-prune -q >/dev/null
	records 301 310 | evt-receive -q -s shop >/dev/null
}

@test "evt-receive: each read that fails is told, exit 74; nothing of its lines is half taken" {
	many_events
	records 290 320 >"$BATS_TEST_TMPDIR/input"
	again() {
		grep -q 'disk I/O error' "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold || return 1
		evt-receive -q -s shop <"$BATS_TEST_TMPDIR/input" >/dev/null
		[ "$(query 'select count(*), count(distinct id) from history')" = '320|320' ]
	}
	for file in journal.db journal.db-wal; do
		each_time "read */$file @ EIO" 74 evt-receive -q -s shop
		echo "$file: $COUNT"
		[ "$COUNT" -gt 5 ]
	done
}

@test "evt-retry: each read that fails is told, exit 74; what it has claimed by then is due again at once" {
	many_events
	: >"$BATS_TEST_TMPDIR/input"
	again() {
		grep -q 'disk I/O error' "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold && end_leases || return 1
		[ "$(evt-retry | jq -r .id | sort -u | wc -l)" -eq 310 ]
	}
	for file in journal.db journal.db-wal; do
		each_time "read */$file @ EIO" 74 evt-retry
		echo "$file: $COUNT"
		[ "$COUNT" -gt 3 ]
	done
}

@test "evt-transform: each read that fails is told, exit 74; what its map refused fails when it comes again" {
	strict_map
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-prune -q >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/input"
	again() { grep -q 'disk I/O error' "$BATS_TEST_TMPDIR/message" && fails_again; }
	for file in journal.db journal.db-wal; do
		each_time "read */$file @ EIO" 74 evt-transform -q
		[ "$COUNT" -gt 1 ]
	done
}

@test "evt-prune: each read that fails is told, exit 74; it runs again, and the rest is whole" {
	records 1 40 | evt-receive -q -s shop >/dev/null
	all_delivered
	age_journal 8
	records 41 50 | evt-receive -q -s shop >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	again() {
		grep -q 'disk I/O error' "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold && evt-prune -q >/dev/null &&
			[ "$(query "select count(*), sum(payload = 'stored'), sum(payload = 'stored' and substr(id, 2) + 0 > 40) from history")" = '50|10|10' ]
	}
	for file in journal.db journal.db-wal; do
		each_time "read */$file @ EIO" 74 evt-prune -q
		echo "$file: $COUNT"
		[ "$COUNT" -gt 3 ]
	done
}

@test "evt-deliver: a read that fails is told; before anything is sent it is exit 74, later it is tried again, and each is sent once" {
	many_events
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	local kept=$BATS_TEST_TMPDIR/kept file n code refused=0 borne=0
	head -n 20 "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/twenty"
	mkdir "$kept"
	cp "$EVT_JOURNAL"* "$kept"
	for file in journal.db journal.db-wal; do
		for ((n = 1; n < 400; n++)); do
			rm -f "$EVT_JOURNAL"*
			cp "$kept"/* "${EVT_JOURNAL%/*}"
			: >"$DEST_LOG"
			code=0
			with_fault "read */$file $n EIO" evt-deliver <"$BATS_TEST_TMPDIR/twenty" 2>"$BATS_TEST_TMPDIR/message" || code=$?
			[ -s "$BATS_TEST_TMPDIR/message" ] || break
			echo "$file $n: exit $code: $(<"$BATS_TEST_TMPDIR/message")"
			grep -q 'disk I/O error' "$BATS_TEST_TMPDIR/message"
			is_sound
			tallies_hold
			if [ "$code" -eq 74 ]; then
				[ "$(wc -l <"$DEST_LOG")" -eq 0 ]
				refused=$((refused + 1))
			else
				[ "$code" -eq 0 ]
				[ "$(wc -l <"$DEST_LOG")" -eq 20 ]
				[ "$(query "select count(*), sum(attempts) from history where status = 'delivered'")" = '20|20' ]
				borne=$((borne + 1))
			fi
		done
		[ "$code" -eq 0 ]
	done
	echo "refused $refused, borne $borne"
	[ "$refused" -gt 3 ]
	[ "$borne" -gt 3 ]
}

@test "a receiver that cannot read for a while: 503, said once, and then it takes events again" {
	many_events
	local n
	for ((n = 1; n < 100; n++)); do # those of its opening are passed by
		start_receiver_with_fault "read *-wal $n-$((n + 5)) EIO" 2>/dev/null && break
		grep -q 'disk I/O error' "$RECEIVE_ERR"
	done
	read_fails() { # another process's commits make it read
		records 1000 1010 | evt-receive -q -s shop >/dev/null
		[ "$(post shop '{"id":"e1"}')" = 503 ]
	}
	wait_until read_fails
	reads_again() { [ "$(post shop '{"id":"after"}')" = 202 ] || [ "$(post shop '{"id":"after"}')" = 200 ]; }
	wait_until reads_again
	[ "$(grep -c 'disk I/O error' "$RECEIVE_ERR")" -eq 1 ]
	grep -q 'takes events again' "$RECEIVE_ERR"
	has_status after received
	is_sound
}

@test "evt-status writes nothing of the journal: there is nothing to be killed at" {
	records 1 3 | evt-receive -q -s shop >/dev/null
	for options in '' --summary --check --verify e1 '--format html' '--format prometheus'; do
		# shellcheck disable=SC2086 # words
		with_fault '' evt-status $options >/dev/null 2>&1 || [ "$options" = --check ]
	done
	[ "$(grep -cE ' (write|sync) journal.db(-wal)? ' "$CALLS")" -eq 0 ]
}

@test "a full disk: exit 74 and said by evt-retry, evt-transform and evt-prune too, and nothing half done" {
	write_map strict <<<'{"fields": [{"to": "/n", "from": "/missing", "required": true}]}'
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"map\": \"strict\"}"
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	records 4 6 | evt-receive -q -s shop >/dev/null
	write_source idle <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {}}'
	records 7 7 | evt-receive -q -s idle >/dev/null
	run with_fault 'write *-wal 1+ ENOSPC' evt-retry
	[ "$status" -eq 74 ]
	[[ $output == *'evt-retry: journal '*'disk is full'* ]]
	run with_fault 'write *-wal 1+ ENOSPC' evt-transform <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 74 ]
	[[ $output == *'evt-transform: journal '*'disk is full'* ]]
	run with_fault 'write *-wal 1+ ENOSPC' evt-prune --payloads 0s
	[ "$status" -eq 74 ]
	[[ $output == *'evt-prune: journal '*'disk is full'* ]]
	is_sound
	tallies_hold
	[ "$(query 'select status, count(*) from history group by 1 order by 1' | paste -sd' ')" = 'processing|3 received|3 skipped|1' ]
	[ "$(evt-retry | wc -l)" -eq 3 ]
}

@test "a failing sync, each in turn, of evt-transform and evt-prune: exit 74, said, and nothing half done; evt-retry needs none" {
	write_map strict <<<'{"fields": [{"to": "/n", "from": "/missing", "required": true}]}'
	records 1 3 | evt-receive -q -s shop >/dev/null
	with_fault 'sync */journal.db* 1+ EIO' evt-retry >"$BATS_TEST_TMPDIR/input"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/input")" -eq 3 ]
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"map\": \"strict\"}"
	again() {
		grep -q 'I/O error' "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold && end_leases || return 1
		evt-retry | evt-transform -q >/dev/null
		[ "$(query "select count(*) from history where status = 'failed'")" -eq 3 ]
	}
	each_time 'sync */journal.db* @ EIO' 74 evt-transform -q
	[ "$COUNT" -ge 1 ]
	age_journal 8
	: >"$BATS_TEST_TMPDIR/input"
	again() {
		grep -q 'I/O error' "$BATS_TEST_TMPDIR/message" && is_sound && tallies_hold && evt-prune -q >/dev/null && is_sound &&
			[ "$(query "select count(*) from history where payload = 'expired'")" -eq 3 ]
	}
	rm -rf "$BATS_TEST_TMPDIR/before"
	each_time 'sync */journal.db* @ EIO' 74 evt-prune -q
	[ "$COUNT" -gt 2 ]
}

@test "short and interrupted writes of the journal by the others are taken up where they ended" {
	local bad='write */journal.db* 1-9 short; write */journal.db* 11 EINTR; write */journal.db* 14-40 short'
	records 1 20 | with_fault "$bad" evt-receive -q -s shop >/dev/null
	with_fault "$bad" evt-retry >"$BATS_TEST_TMPDIR/lines"
	with_fault "$bad" evt-deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$(query "select count(*), sum(status = 'delivered') from history")" = '20|20' ]
	strict_map
	records 21 23 | evt-receive -q -s shop >/dev/null
	evt-retry | with_fault "$bad" evt-transform -q >/dev/null || :
	[ "$(query "select count(*), sum(status = 'failed' and error like '%missing%') from history")" = '23|3' ]
	is_sound
	age_journal 8
	with_fault "$bad" evt-prune -q
	[ "$(query "select count(*) from history where payload = 'expired'")" -eq 23 ]
	is_sound
	tallies_hold
}

@test "evt-status: each read that fails is told, exit 74; no half history passes for a whole one" {
	records 1 300 | evt-receive -q -s shop >/dev/null
	evt-prune -q >/dev/null
	: >"$BATS_TEST_TMPDIR/input"
	again() { grep -q 'I/O error' "$BATS_TEST_TMPDIR/message"; }
	each_time 'read */journal.db @ EIO' 74 evt-status --limit 300 --format jsonl
	[ "$COUNT" -gt 5 ]
	[ "$(evt-status --limit 300 --format jsonl | wc -l)" -eq 300 ]
	records 301 310 | evt-receive -q -s shop >/dev/null
	rm -rf "$BATS_TEST_TMPDIR/before"
	each_time 'read */journal.db-wal @ EIO' 74 evt-status --limit 300 --format jsonl
	[ "$COUNT" -gt 1 ]
}

@test "the page: no descriptor for a while, interrupted and short calls; it answers the next, and whole" {
	records 1 100 | evt-receive -q -s shop >/dev/null
	set_fault 'accept socket:* 1-2 EMFILE; accept socket:* 4 EINTR; read socket:* 1-2 EINTR; read socket:* 4 short; write socket:* 1 EINTR; write socket:* 2-6 short'
	spawn page "${FAULT[@]}" evt-status --http -l 127.0.0.1:0 </dev/null >/dev/null
	wait_until grep -q 'listening on' "$BATS_TEST_TMPDIR/page.err"
	local url
	url=http://$(sed -n 's/^evt-status: listening on //p' "$BATS_TEST_TMPDIR/page.err")/
	for n in 1 2 3; do
		wait_until curl -sSf --max-time 5 -o "$BATS_TEST_TMPDIR/page.html" "$url"
		[[ "$(tail -n 1 "$BATS_TEST_TMPDIR/page.html")" == *'</html>' ]]
	done
	kill -0 "$PID"
}

# ---- moving the WAL into the database ----

# Until its WAL is so large that the receiver moves it in an idle moment.
post_until_said() { # TEXT
	post_many $((COUNT + 1)) $((COUNT + 20))
	[ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -eq 20 ] || return 1
	cat "$BATS_TEST_TMPDIR/taken" >>"$BATS_TEST_TMPDIR/all"
	COUNT=$((COUNT + 20))
	grep -q "$1" "$RECEIVE_ERR"
}

@test "the WAL cannot be moved into the database: said once, nothing is lost, and said when it is over" {
	local rule
	for rule in 'write */journal.db 1-3 EIO' 'sync */journal.db 1 EIO' 'write */journal.db 1 ENOSPC'; do
		rm -f "$EVT_JOURNAL"* "$BATS_TEST_TMPDIR/all"
		evt-receive -q -s shop </dev/null >/dev/null
		COUNT=0
		start_receiver_with_fault "$rule"
		echo "$rule"
		wait_until post_until_said 'its -wal cannot be moved into it, and grows until it can; nothing is lost'
		wait_until post_until_said 'its -wal is moved into it again'
		[ "$(grep -c 'cannot be moved' "$RECEIVE_ERR")" -eq 1 ]
		stop "$RECEIVE_PID"
		cp "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/taken"
		has_all_taken
		is_sound
		has_all_taken "$DISK/journal.db"
	done
}

@test "evt-prune cannot move the WAL: exit 74, said, and it can be run again" {
	records 1 40 | evt-receive -q -s shop >/dev/null
	all_delivered
	age_journal 8
	run with_fault 'write */journal.db 1+ EIO' evt-prune
	[ "$status" -eq 74 ]
	[[ $output == *'disk I/O error (Input/output error)'* ]]
	is_sound
	evt-prune -q
	[ "$(query "select count(*) from history where payload = 'expired'")" -eq 40 ]
	is_sound
}

# ---- a receiver that lives through it ----

@test "the disk is full for a while: 503 with Retry-After, said once, and then it takes events again" {
	evt-receive -q -s shop </dev/null >/dev/null
	start_receiver_with_fault 'write *-wal 1-3 ENOSPC'
	for n in 1 2 3; do
		[ "$(post shop "{\"id\":\"e$n\"}" -D "$BATS_TEST_TMPDIR/head")" = 503 ]
		grep -qi '^Retry-After:' "$BATS_TEST_TMPDIR/head"
	done
	[ "$(post shop '{"id":"e1"}')" = 202 ]
	[ "$(grep -c 'disk is full' "$RECEIVE_ERR")" -eq 1 ]
	grep -q 'takes events again' "$RECEIVE_ERR"
	[ "$(query 'select group_concat(id) from history')" = e1 ]
	is_sound
}

@test "a failing fdatasync is never answered 2xx" {
	start_receiver_with_fault 'sync *-wal 4-40 EIO'
	post_many 1 60
	grep -q ' 503' "$BATS_TEST_TMPDIR/answers"
	grep -q 'disk I/O error' "$RECEIVE_ERR"
	stop "$RECEIVE_PID" KILL
	has_all_taken "$DISK/journal.db"
	is_sound "$DISK/journal.db"
}

@test "interrupted and short calls on sockets and on the journal are taken up where they ended" {
	start_receiver_with_fault "read socket:* 1-3 EINTR; read socket:* 5 short; write socket:* 1-2 EINTR; write socket:* 4-8 short; \
write */journal.db-wal 1-9 short; write */journal.db-wal 12 EINTR; accept socket:* 2 EINTR"
	post_many 1 40
	[ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -eq 40 ]
	has_all_taken
	is_sound
}

@test "no descriptor is left for a while: the next connection is taken" {
	start_receiver_with_fault 'accept socket:* 2-4 EMFILE'
	post_many 1 10
	wait_until test "$(post shop '{"id":"last"}')" = 202
	kill -0 "$RECEIVE_PID"
	has_all_taken
}

# ---- a process for each request ----

# As a web server starts it by CGI, under RULES, with the event e1. Its answer is in $BATS_TEST_TMPDIR/answer; the status of it is told.
cgi() {
	local body='{"id":"e1"}' code=0
	with_fault "$1" env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST PATH_INFO=/shop CONTENT_TYPE=application/json \
		CONTENT_LENGTH=${#body} evt-receive <<<"$body" >"$BATS_TEST_TMPDIR/answer" 2>/dev/null || code=$?
	[ "$code" -ne 137 ] || echo killed
	sed -n 's/^Status: \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/answer"
}

# each_answer RULE ANSWER: RULE with N = 1, 2, … in place of "@", until the event is taken; before, the answer is ANSWER and nothing was
# taken that is not on disk for certain. COUNT: how often.
each_answer() {
	local n told
	rm -rf "${EVT_JOURNAL%/*}"/{journal.db*,disk/journal.db*}
	with_fault '' evt-receive -q -s shop </dev/null >/dev/null
	COUNT=0
	for ((n = 1; n < 100; n++)); do
		told=$(cgi "${1//@/$n}")
		[ "$(query 'pragma integrity_check')" = ok ] || return 1 # is_sound would write, and sync
		[ "$told" = 202 ] && break
		if [ "$told" = 200 ]; then # it was written before, and nobody was told
			[ "$2" = killed ] && break
			return 1
		fi
		echo "$1 at $n: $told"
		[ "$told" = "$2" ] || return 1
		COUNT=$((COUNT + 1))
	done
	[ "$(query 'select group_concat(id) from history')" = e1 ] && [ "$(sqlite3 "$DISK/journal.db" 'select count(*) from history')" -eq 1 ]
}

@test "CGI: no 2xx for what is not on disk, whatever fails: killed it says nothing, else 503" {
	each_answer 'sync *-wal @ kill' killed
	[ "$COUNT" -ge 1 ]
	each_answer 'write *-wal @ kill' killed
	[ "$COUNT" -ge 1 ]
	each_answer 'sync *-wal @ EIO' 503
	[ "$COUNT" -ge 1 ]
	each_answer 'write *-wal @+ ENOSPC' 503
	grep -q . "$BATS_TEST_TMPDIR/answer"
	[ "$COUNT" -ge 1 ]
	each_answer 'read *-wal @ EIO' 503
	each_answer 'read */journal.db @ EIO' 503
	[ "$COUNT" -ge 1 ]
}

# ---- programs as destinations ----

@test "evt-deliver --start and --record: what cannot be written is not passed on, and what was done is recorded when it can be" {
	write_destination api <<<'{"program": true, "retry": {"schedule": ["100ms"]}}'
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-retry -d api >"$BATS_TEST_TMPDIR/lines"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -eq 3 ]
	set_fault 'write *-wal 1+ ENOSPC'
	spawn start "${FAULT[@]}" evt-deliver --start <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/started"
	wait_until grep -q 'disk is full' "$BATS_TEST_TMPDIR/start.err"
	stop "$PID" KILL
	[ ! -s "$BATS_TEST_TMPDIR/started" ]
	is_sound
	run with_fault 'sync *-wal 1 EIO' evt-deliver --start <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 74 ]
	[[ $output == *'disk I/O error'* && $output != *specversion* ]]
	with_fault '' evt-deliver --start <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/started"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/started")" -eq 3 ]
	jq -c '. + {evtoutcome: "delivered"}' "$BATS_TEST_TMPDIR/started" |
		with_fault 'write *-wal 1 ENOSPC; sync *-wal 1 EIO' evt-deliver --record 2>"$BATS_TEST_TMPDIR/record.err"
	grep -q 'trying again' "$BATS_TEST_TMPDIR/record.err"
	[ "$(query "select count(*), sum(attempts), sum(status = 'delivered') from history")" = '3|3|3' ]
	is_sound
	tallies_hold
}

# ---- pipes ----

@test "short and interrupted writes and reads of pipes lose and halve no line" {
	records 1 50 | evt-receive -q -s shop >/dev/null
	with_fault 'write pipe:* 1-5 short; write pipe:* 6-7 EINTR' evt-retry |
		with_fault 'read pipe:* 1-2 EINTR; read pipe:* 3-9 short; write pipe:* 1-3 short; write pipe:* 4 EINTR' evt-transform |
		with_fault 'read pipe:* 1-2 EINTR; read pipe:* 3-9 short' evt-deliver
	[ "$(query "select count(*) from history where status = 'delivered'")" -eq 50 ]
	[ "$(wc -l <"$DEST_LOG")" -eq 50 ]
}

@test "short and interrupted reads and writes of records, of the history and of receipts" {
	seq -f '{"id":"e%g"}' 1 50 | with_fault 'read pipe:* 1-2 EINTR; read pipe:* 3-9 short; write */journal.db-wal 1-5 short; write */journal.db-wal 8 EINTR' \
		evt-receive -q -s shop | cat >/dev/null
	[ "$(with_fault 'write pipe:* 1-3 short; write pipe:* 4 EINTR' evt-status --format jsonl | jq -s length)" -eq 50 ]
	with_fault 'write pipe:* 1-2 short; write pipe:* 3 EINTR' evt-prune -n | grep -q '^would remove 0 payloads'
}

@test "few descriptors: what cannot be sent is tried again, and in plain words" {
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"concurrency\": 30, \"retry\": {\"schedule\": [\"100ms\", \"100ms\", \"100ms\", \"100ms\", \"100ms\"]}}"
	destination_rules '[{"answers": [{"delay_ms": 50}]}]'
	records 1 60 | evt-receive -q -s shop >/dev/null
	evt-retry | (ulimit -n 24 && evt-deliver) 2>"$BATS_TEST_TMPDIR/few.err" || :
	[ "$(query "select count(*) from history where status in ('delivered', 'retrying', 'received')")" -eq 60 ]
	[ "$(query "select count(*) from history where status = 'delivered'")" -gt 0 ]
	wait_until all_delivered
	is_sound
}

@test "standard output fails: exit 74, said, and what was claimed is due at once" {
	records 1 3 | evt-receive -q -s shop >/dev/null
	{
		with_fault 'write pipe:* 1+ EIO' evt-retry 2>"$BATS_TEST_TMPDIR/message" || echo $? >"$BATS_TEST_TMPDIR/code"
	} | cat >/dev/null
	[ "$(<"$BATS_TEST_TMPDIR/code")" -eq 74 ]
	grep -q 'standard output: Input/output error' "$BATS_TEST_TMPDIR/message"
	[ "$(query "select group_concat(distinct status) from history")" = received ]
	[ "$(evt-retry | wc -l)" -eq 3 ]
}

@test "standard output is full: exit 74, said by each, and what is journaled is as if nobody had read" {
	records 1 3 >"$BATS_TEST_TMPDIR/input"
	full() { # COMMAND...: into a device that is full, with $BATS_TEST_TMPDIR/input
		local code=0
		"$@" <"$BATS_TEST_TMPDIR/input" >/dev/full 2>"$BATS_TEST_TMPDIR/message" || code=$?
		echo "$1: exit $code: $(<"$BATS_TEST_TMPDIR/message")"
		[ "$code" -eq 74 ] && grep -q "^$1: standard output: No space left on device" "$BATS_TEST_TMPDIR/message"
	}
	evt-receive -q -s shop <"$BATS_TEST_TMPDIR/input" >/dev/full # no device is given live lines
	[ "$(query "select count(*), sum(status = 'received') from history")" = '3|3' ]
	full evt-retry
	[ "$(query "select count(*), sum(status = 'received') from history")" = '3|3' ]
	evt-retry >"$BATS_TEST_TMPDIR/input"
	full evt-transform
	full evt-deliver -p
	[ "$(query "select count(*), sum(status = 'delivered') from history")" = '3|3' ]
	full evt-status
	full evt-prune -n
	full evt-prune --payloads 0s
	is_sound
	tallies_hold
}

# ---- delivery ----

# evt-deliver bears a journal that cannot be written for a minute, and tries again meanwhile.

says() { # TEXT, in the messages of the evt-deliver in the background
	grep -q "$1" "$BATS_TEST_TMPDIR/deliver.err"
}

@test "no start can be written: said, and nothing is sent" {
	records 1 3 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	start_deliver_with_fault 'write *-wal 1+ ENOSPC'
	wait_until says 'disk is full.*trying again'
	stop "$PID" KILL
	[ "$(wc -l <"$DEST_LOG")" -eq 0 ]
	is_sound
	end_leases
	wait_until all_delivered
	[ "$(wc -l <"$DEST_LOG")" -eq 3 ]
}

@test "starts and outcomes cannot be written for a while: each is sent once and recorded" {
	records 1 5 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	start_deliver_with_fault 'write *-wal 1-2 ENOSPC; write *-wal 4 EIO; sync *-wal 2-4 EIO'
	wait "$PID"
	says 'trying again'
	[ "$(query "select count(*), sum(attempts), sum(status = 'delivered') from history")" = '5|5|5' ]
	[ "$(wc -l <"$DEST_LOG")" -eq 5 ]
	is_sound
}

@test "of many that are under way, half are recorded in one transaction at most, however many have been answered" {
	write_destination api <<-END
		{"url": "$DEST_URL/", "record": "/id", "concurrency": 40}
	END
	destination_rules '[{"answers": [{"delay_ms": 100}]}]'
	records 1 40 | with_fault '' evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	# All are started with the first sync. While nothing can be recorded all of them are answered; then the power is cut at the next sync but one.
	start_deliver_with_fault 'sync *-wal 6 kill; sync *-wal 2-4 EIO'
	wait_until is_gone "$PID"
	[ "$(wc -l <"$DEST_LOG")" -eq 40 ]
	local recorded
	recorded=$(sqlite3 "$DISK/journal.db" "select count(*) from history where status = 'delivered'")
	echo "recorded: $recorded"
	[ "$recorded" -ge 1 ]
	[ "$recorded" -le 20 ]
}

@test "an outcome could not be written before the end: it goes again under the same key" {
	records 1 1 | evt-receive -q -s shop >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	start_deliver_with_fault 'sync *-wal 2+ EIO'
	wait_until says 'I/O error.*trying again'
	stop "$PID" KILL
	[ "$(wc -l <"$DEST_LOG")" -eq 1 ]
	is_sound
	end_leases
	wait_until all_delivered
	[ "$(curl -s "$DEST_URL/-/counts" | jq .records)" -eq 1 ]
}
