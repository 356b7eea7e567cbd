#!/usr/bin/env bats
# evt-prune: payloads after 7 days, all of it after 30, and nothing that is still to be delivered.

load ../lib

setup() {
	evt_setup
	write_source orders <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["order.*"]}}'
	start_destination
	write_destination crm <<<'{"url": "'"$DEST_URL"'/orders", "record": "/id"}'
	printf '{"id":"o1","type":"order.paid","secret":"hunter2hunter2"}\n' | evt-receive -q -s orders >/dev/null
}

deliver() {
	evt-retry | evt-deliver
}

# As if everything had been received that long ago.
age_days() {
	sqlite3 "$EVT_JOURNAL" "update event set received_at = received_at - $1 * 86400000"
}

@test "a missing journal is exit 66, wrong usage 64" {
	run evt-prune -j "$BATS_TEST_TMPDIR/none.db"
	[ "$status" -eq 66 ]
	run evt-prune --payloads soon
	[ "$status" -eq 64 ]
	run evt-prune one
	[ "$status" -eq 64 ]
}

@test "what is young stays" {
	deliver
	run evt-prune
	[ "$status" -eq 0 ]
	[[ $output == "removed 0 payloads and 0 events"* ]]
	[ "$(query 'select payload from history')" = stored ]
}

@test "after 7 days the payload is gone from every file, the history stays" {
	deliver
	cat "$EVT_JOURNAL"* | grep -q hunter2
	age_days 8
	run evt-prune
	[ "$status" -eq 0 ]
	[[ $output == "removed 1 payloads and 0 events"* ]]
	[ "$(query 'select status, payload from history')" = 'delivered|expired' ]
	[ "$(cat "$EVT_JOURNAL"* | grep -c hunter2)" -eq 0 ]
}

@test "after 30 days the history is empty, the destination record is not forgotten" {
	deliver
	age_days 31
	run evt-prune
	[[ $output == "removed 1 payloads and 1 events"* ]]
	[ "$(query 'select count(*) from history')" -eq 0 ]
}

@test "an event that is still to be delivered keeps its payload" {
	age_days 40
	run evt-prune
	[[ $output == *"removed 0 payloads and 0 events"*"1 old payloads kept: still to be delivered" ]]
	deliver
	[ "$(status_of o1)" = delivered ]
	run evt-prune
	[[ $output == "removed 1 payloads and 1 events"* ]]
}

@test "--dry-run says what would go and changes nothing" {
	deliver
	age_days 8
	run evt-prune -n
	[ "$output" = "would remove 1 payloads and 0 events" ]
	[ "$(query 'select payload from history')" = stored ]
	run evt-prune -n --payloads 10d
	[ "$output" = "would remove 0 payloads and 0 events" ]
}

@test "space is given back to the file system" {
	for i in $(seq 300); do printf '{"id":"p%d","type":"order.paid","pad":"%04000d"}\n' "$i" 0; done | evt-receive -q -s orders >/dev/null
	deliver
	age_days 8
	before=$(stat -c %s "$EVT_JOURNAL")
	run evt-prune
	[ "$status" -eq 0 ]
	[ "$(stat -c %s "$EVT_JOURNAL")" -lt "$before" ]
	[[ $output == "removed 301 payloads and 0 events; "[1-9]*" bytes given back" ]]
}

@test "a reader that keeps an old state open makes it say so, exit 75" {
	deliver
	age_days 8
	mkfifo "$BATS_TEST_TMPDIR/sql"
	exec 7<>"$BATS_TEST_TMPDIR/sql" # both ways, or opening it would wait for the reader
	spawn reader sqlite3 -readonly "$EVT_JOURNAL" <"$BATS_TEST_TMPDIR/sql" >"$BATS_TEST_TMPDIR/rows" 7>&-
	printf 'begin;\nselect count(*) from history;\n' >&7
	wait_until grep -q 1 "$BATS_TEST_TMPDIR/rows"
	run evt-prune
	[ "$status" -eq 75 ]
	[[ $output == *"not yet erased"* ]]
	exec 7>&-
	wait_until is_gone "$PID"
	run evt-prune
	[ "$status" -eq 0 ]
	[ "$(cat "$EVT_JOURNAL"* | grep -c hunter2)" -eq 0 ]
}
