#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kill -9 of each stage while events flow: what was answered 202 is delivered in the end, and created once.

load ../lib

events=60

setup() {
	evt_setup
	# Slow enough to be caught in the middle.
	start_destination -r '[{"answers": [{"delay_ms": 30}]}]'
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"api": ["*"]}}
	END
	write_destination api <<-END
		{"url": "$DEST_URL/", "map": "same", "record": "/id", "concurrency": 2, "retry": {"schedule": ["100ms", "100ms", "100ms"]}}
	END
	write_map same <<<'{"fields": [{"to": "/n", "from": "/id"}]}'
}

post_all() { # remembers in $BATS_TEST_TMPDIR/taken what was answered 202
	local n
	: >"$BATS_TEST_TMPDIR/taken"
	for ((n = 1; n <= events; n++)); do
		if [ "$(post shop "{\"id\":\"e$n\"}" 2>/dev/null)" = 202 ]; then
			echo "e$n" >>"$BATS_TEST_TMPDIR/taken"
		fi
	done
}

some_are_delivered() {
	[ "$(wc -l <"$DEST_LOG")" -ge 5 ]
}

nothing_is_open() {
	deliver_due || :
	[ "$(query "select count(*) from history where status in ('received', 'processing', 'retrying')")" = 0 ]
}

# Whatever was taken is delivered, and the destination has one record for each.
check_all_delivered() {
	local taken
	taken=$(wc -l <"$BATS_TEST_TMPDIR/taken")
	[ "$(query "select count(*) from history where status = 'delivered'")" -ge "$taken" ]
	[ "$(query "select count(*) from history where status <> 'delivered'")" -eq 0 ]
	while read -r id; do
		[ "$(status_of "$id")" = delivered ]
	done <"$BATS_TEST_TMPDIR/taken"
	[ "$(curl -s "$DEST_URL/-/counts" | jq .records)" -eq "$(query 'select count(*) from history')" ]
	tallies_hold
}

# kill_while_busy NAME: kills that stage with events on their way, ends the rest, and recovers from the journal.
kill_while_busy() {
	local victim=$1_PID
	start_pipeline
	post_all &
	local poster=$!
	wait_until some_are_delivered
	stop "${!victim}" KILL
	wait "$poster"
	stop "$RECEIVE_PID"
	stop "$TRANSFORM_PID"
	stop "$DELIVER_PID"
	end_leases
	wait_until nothing_is_open
	check_all_delivered
}

@test "kill -9 of evt-receive loses nothing that was answered 202" {
	kill_while_busy RECEIVE
	[ -s "$BATS_TEST_TMPDIR/taken" ]
}

@test "kill -9 of evt-transform loses nothing, and receipt goes on" {
	kill_while_busy TRANSFORM
	[ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -eq "$events" ]
}

@test "kill -9 of evt-deliver loses nothing, and receipt goes on" {
	kill_while_busy DELIVER
	[ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -eq "$events" ]
}

@test "kill -9 of the whole pipeline from cron loses nothing" {
	start_receiver
	post_all
	stop "$RECEIVE_PID"
	mkfifo "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	exec 8<>"$BATS_TEST_TMPDIR/a" 9<>"$BATS_TEST_TMPDIR/b"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/b" >/dev/null 8>&- 9>&-
	DELIVER_PID=$PID
	spawn transform evt-transform <"$BATS_TEST_TMPDIR/a" >"$BATS_TEST_TMPDIR/b" 8>&- 9>&-
	TRANSFORM_PID=$PID
	spawn retry evt-retry </dev/null >"$BATS_TEST_TMPDIR/a" 8>&- 9>&-
	RETRY_PID=$PID
	exec 8>&- 9>&-
	wait_until some_are_delivered
	kill -9 "$RETRY_PID" "$TRANSFORM_PID" "$DELIVER_PID" 2>/dev/null || :
	wait_until is_gone "$DELIVER_PID"
	[ "$(query "select count(*) from history where status = 'delivered'")" -lt "$events" ]
	end_leases
	wait_until nothing_is_open
	check_all_delivered
}

@test "a receiver that is killed has answered nothing it did not keep" {
	start_receiver
	post_all &
	local poster=$!
	wait_until test -s "$BATS_TEST_TMPDIR/taken"
	stop "$RECEIVE_PID" KILL
	wait "$poster"
	while read -r id; do
		[ "$(status_of "$id")" = received ]
	done <"$BATS_TEST_TMPDIR/taken"
}
