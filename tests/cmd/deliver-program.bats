#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# evt-deliver --start and --record: destinations that a program of one's own serves.

load ../lib

line() { # ID [MEMBERS]
	printf '{"specversion":"1.0","id":"%s","source":"shop","type":"t","subject":"s/1","evtdestination":"files","data":{"a":1.10}%s}\n' \
		"$1" "${2:+,$2}"
}

files() { # [MEMBERS]
	write_destination files <<<"{\"program\": true, \"retry\": {\"schedule\": [\"1ms\"]}${1:+, $1}}"
}

history_of() { # ID COLUMNS
	query "select $2 from history where id = '$1'"
}

make_due() {
	sqlite3 "$EVT_JOURNAL" 'update delivery set due_at = 1 where due_at is not null'
}

say() { # MEMBERS OF THE OUTCOME: what a program does to each line
	jq -c "del(.data) + $1"
}

@test "a start is committed before the line goes on, with all that a program needs" {
	files '"order": "subject"'
	line e1 '"x":"kept"' | evt-deliver --start >"$BATS_TEST_TMPDIR/started"
	[ "$(history_of e1 'status, attempts')" = 'processing|1' ]
	[ "$(query 'select started_at is not null from delivery')" -eq 1 ]
	[ "$(jq -c '[.evtattempt, .evtclaim, .evtstep, .x]' "$BATS_TEST_TMPDIR/started")" = '[1,1,1,"kept"]' ]
	grep -qF '"data":{"a":1.10}' "$BATS_TEST_TMPDIR/started"
	[ "$(jq -r .evtkey "$BATS_TEST_TMPDIR/started")" = "$(printf 'shop\0e1\0files' | sha256sum | cut -c1-32)" ]
	say '{evtoutcome: "delivered", evtrecord: "f-1"}' <"$BATS_TEST_TMPDIR/started" | evt-deliver --record
	[ "$(history_of e1 'status, attempts, destination_record')" = 'delivered|1|f-1' ]
	[ "$(query 'select count(*) from attempt where ended_at >= started_at and code is null and sent_bytes is null')" -eq 1 ]
	# The subject's record is known to the next one.
	line e2 | evt-deliver --start | tee "$BATS_TEST_TMPDIR/started" | say '{evtoutcome: "delivered"}' | evt-deliver --record
	[ "$(jq -r .evtrecord "$BATS_TEST_TMPDIR/started")" = f-1 ]
}

@test "retry, failed and a bare evterror; attempts are used up in the end" {
	files
	line e1 | evt-deliver --start | say '{evtoutcome: "retry", evterror: "disk full", evtretryafter: 3600}' | evt-deliver --record
	[ "$(query "select status, error, (julianday(next_attempt_at) - julianday(updated_at)) * 86400 between 3590 and 3610 from history")" = 'retrying|disk full|1' ]
	make_due
	evt-retry -d files | evt-deliver --start | say '{evtoutcome: "retry", evterror: "disk full"}' | evt-deliver --record
	[ "$(history_of e1 'status, attempts')" = 'failed|2' ]
	line e2 | evt-deliver --start | say '{evtoutcome: "failed", evterror: "no such folder"}' | evt-deliver --record
	[ "$(history_of e2 'status, error')" = 'failed|no such folder' ]
	line e3 | evt-deliver --start | say '{evterror: "no"}' | evt-deliver --record
	[ "$(history_of e3 'status, error')" = 'failed|no' ]
	[ "$(query 'select distinct code from delivery')" = program ]
}

@test "what was started is not started again, nor is a duplicate; lines that carry their end go no further" {
	files
	line e1 | evt-deliver --start >"$BATS_TEST_TMPDIR/started"
	run bash -c 'evt-deliver --start <"$1" 2>&1' - "$BATS_TEST_TMPDIR/started"
	[ "$status" -eq 1 ]
	[[ $output == *'files: e1 of shop: not passed on: '* ]]
	run bash -c 'evt-deliver --start 2>&1' <<<"$(line e1)"
	[ "$status" -eq 1 ]
	run evt-deliver --start <<<"$(line e2 '"evtskip":"a test"')"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(history_of e2 'status, attempts, error')" = 'skipped|0|a test' ]
}

@test "a crash between act and record: the line comes again with the same key, and a late success counts" {
	files '"timeout": "1s"'
	line e1 | evt-deliver --start >"$BATS_TEST_TMPDIR/first" # ... and the program is gone
	run evt-retry -d files
	[ "$status" -eq 0 ]
	[ -z "$output" ] # its lease has not ended
	make_due
	evt-retry -d files | evt-deliver --start >"$BATS_TEST_TMPDIR/second"
	[ "$(jq -s 'map(.evtkey) | unique | length' "$BATS_TEST_TMPDIR"/{first,second})" -eq 1 ]
	[ "$(jq .evtattempt "$BATS_TEST_TMPDIR/second")" -eq 2 ]
	[ "$(query "select code from attempt where n = 1")" = unknown ]
	say '{evtoutcome: "failed", evterror: "late"}' <"$BATS_TEST_TMPDIR/first" | evt-deliver --record
	[ "$(history_of e1 status)" = processing ] # a late failure is only evidence
	say '{evtoutcome: "delivered"}' <"$BATS_TEST_TMPDIR/second" | evt-deliver --record
	[ "$(history_of e1 'status, attempts')" = 'delivered|2' ]
}

@test "kill -9 of --start and of the program: nothing is lost" {
	files '"concurrency": 4'
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn start evt-deliver --start <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/started" 8>&-
	for i in {1..10}; do line "e$i"; done >&8
	wait_until has_lines 4
	stop "$PID" KILL
	exec 8>&-
	[ "$(query 'select count(*) from delivery where started_at is not null')" -eq 4 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/started")" -eq 4 ]
	for i in {5..10}; do line "e$i"; done >"$BATS_TEST_TMPDIR/rest" # what the sender of an unread line still has
	files '"concurrency": 20'
	make_due
	{
		evt-retry -d files
		evt-receive_rest
	} | evt-deliver --start 2>/dev/null | say '{evtoutcome: "delivered"}' | evt-deliver --record
	[ "$(query "select count(*) from history where status = 'delivered'")" -eq 10 ]
}

has_lines() {
	[ "$(wc -l <"$BATS_TEST_TMPDIR/started")" -ge "$1" ]
}

# Lines that the killed one had read but not journaled: they come from their sender again; those it had journaled are known.
evt-receive_rest() {
	local i
	for i in {5..10}; do
		[ -n "$(history_of "e$i" id)" ] || line "e$i"
	done
}

@test "concurrency is kept: the next line goes on when an outcome has been recorded" {
	files '"concurrency": 1'
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn start evt-deliver --start <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/started" 8>&-
	{ line e1; line e2; } >&8
	wait_until has_lines 1
	[ "$(query 'select count(*) from delivery where started_at is not null')" -eq 1 ]
	head -n 1 "$BATS_TEST_TMPDIR/started" | say '{evtoutcome: "delivered"}' | evt-deliver --record
	wait_until has_lines 2
	stop "$PID"
	exec 8>&-
	[ "$STATUS" -eq 0 ]
}

@test "SIGTERM gives back what was not passed on" {
	files '"order": "subject"'
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn start evt-deliver --start <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/started" 8>&-
	{ line e1; line e2; } >&8
	wait_until has_lines 1
	wait_until test -n "$(history_of e2 id)"
	stop "$PID"
	exec 8>&-
	[ "$(history_of e2 'status, attempts')" = 'received|0' ]
	[ "$(history_of e1 status)" = processing ]
}

@test "--record names the lines it cannot take, and records the others" {
	files
	{ line e1; line e2; } | evt-deliver --start >"$BATS_TEST_TMPDIR/started"
	run bash -c 'evt-deliver --record 2>&1' <<<"$(
		head -n 1 "$BATS_TEST_TMPDIR/started"
		say '{evtoutcome: "maybe"}' <"$BATS_TEST_TMPDIR/started" | head -n 1
		line e9 '"evtoutcome":"delivered"'
		echo nonsense
		say '{evtoutcome: "delivered"}' <"$BATS_TEST_TMPDIR/started" | tail -n 1
	)"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == *"line 1: attribute 'evtoutcome' is missing"* ]]
	[[ ${lines[1]} == *"line 2: attribute 'evtoutcome'"* ]]
	[[ ${lines[2]} == *'line 3: it was not started'* ]]
	[[ ${lines[3]} == *'line 4: not JSON'* ]]
	[ "$(history_of e1 status)$(history_of e2 status)" = processingdelivered ]
}

@test "a program's lines are handed out to those alone who ask for them" {
	files
	line e1 | evt-deliver --start | say '{evtoutcome: "retry"}' | evt-deliver --record
	make_due
	run evt-retry
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	run bash -c 'evt-deliver 2>&1' <<<"$(line e2)"
	[ "$status" -eq 78 ]
	[[ $output == *'files: it is served by a program'* ]]
	[ "$(history_of e2 'status, attempts')" = 'received|0' ]
	make_due
	[ "$(evt-retry -d files | jq -r .id | sort | tr '\n' ' ')" = 'e1 e2 ' ]
}

claimed_often() {
	[ "$(query 'select claim from delivery')" -ge 7 ]
}

@test "evt-retry -d -f and a plain evt-deliver, by mistake: said once, and no spinning" {
	files
	line e1 | evt-deliver 2>/dev/null || [ $? -eq 78 ]
	mkfifo "$BATS_TEST_TMPDIR/lines"
	exec 7<>"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines" 7>&-
	spawn retry evt-retry -d files -f </dev/null >"$BATS_TEST_TMPDIR/lines" 7>&-
	exec 7>&-
	local begun=$SECONDS
	wait_until claimed_often # each time it comes back, two claim numbers later
	((SECONDS - begun >= 2)) # after 1 s, then after 2 s more
	[ "$(grep -c 'files: it is served by a program: evt-deliver --start' "$BATS_TEST_TMPDIR/deliver.err")" -eq 1 ]
	[ "$(history_of e1 attempts)" -eq 0 ]
}

@test "usage: --start and --record stand alone; a program has no url" {
	run evt-deliver --start --record
	[ "$status" -eq 64 ]
	run evt-deliver --start -p
	[ "$status" -eq 64 ]
	files '"url": "https://h/"'
	run evt-deliver --start -d files </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'/url: "program" acts in its place'* ]]
}
