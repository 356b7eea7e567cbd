#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Destinations on a bad day: down, their key revoked, slow, or served by several processes; clocks that are set back.

load ../lib

setup() {
	evt_setup
	start_destination
	write_source shop <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"crm": ["*"]}}'
}

quick='"retry": {"schedule": ["1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"]}'

crm() { # [MEMBERS]
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", $quick${1:+, $1}}"
}

accept() { # FROM TO
	seq -f '{"id":"e%g"}' "$1" "$2" | evt-receive -q -s shop >/dev/null
}

# The pipeline that stays: evt-retry -f | evt-deliver.
follow() {
	mkfifo "$BATS_TEST_TMPDIR/follow"
	exec 7<>"$BATS_TEST_TMPDIR/follow" # or each end would wait in open(2) for the other
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/follow" 7>&-
	spawn retry evt-retry -f </dev/null >"$BATS_TEST_TMPDIR/follow" 7>&-
	exec 7>&-
}

breaker_is_open() {
	[ "$(query "select open_until > 0 from destination where name = 'crm'")" = 1 ]
}

are_delivered() { # COUNT
	[ "$(query "select count(*) from history where status = 'delivered'")" -eq "$1" ]
}

@test "a revoked key: the breaker holds what comes, probes with one, recovers gently, and all flows without a hand" {
	destination_rules '[{"answers": [{"status": 401}]}]'
	crm '"concurrency": 16'
	accept 1 120
	follow
	wait_until breaker_is_open
	[ "$(query 'select count(*) from history where attempts = 0')" -ge 80 ] # held, none of their attempts used up
	[[ "$(evt-status --check || :)" == *crm* ]]
	[[ "$(evt-status --summary)" == *'held by its breaker since'* ]]
	destination_rules '[{"answers": [{"delay_ms": 20}]}]'
	wait_until are_delivered 120
	# Few have found out that it was closed, and nobody was sent twice but those.
	[ "$(requests 'select(.status == 401)' | wc -l)" -le 40 ]
	[ "$(requests 'select(.status == 201)' | wc -l)" -eq 120 ]
	[ "$(query 'select sum(attempts) from history')" -eq "$(requests | wc -l)" ]
	[ "$(query 'select max(attempts) from history')" -le 4 ]
	# No herd: one at first, then at most one more for each that went well.
	[ "$(jq -s 'map(select(.status == 201)) | to_entries | map(select(.value.open > .key + 1)) | length' "$DEST_LOG")" -eq 0 ]
	[ "$(requests 'select(.status == 201) | .open' | head -n 1)" -eq 1 ]
}

@test "a poison event uses up its own attempts, and none of its neighbours'" {
	destination_rules '[{"body": "\"e1\"", "answers": [{"close": true}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"retry\": {\"schedule\": [\"10ms\", \"10ms\", \"10ms\"]}}"
	accept 1 40
	follow
	wait_until has_status e1 failed
	wait_until are_delivered 39
	[ "$(query "select attempts from history where id = 'e1'")" -eq 4 ]
	[ "$(query "select max(attempts) from history where id <> 'e1'")" -eq 1 ]
}

@test "several processes share a destination's concurrency" {
	destination_rules '[{"answers": [{"delay_ms": 15}]}]'
	crm '"concurrency": 2'
	accept 1 60
	local i pids=()
	for i in 1 2 3; do
		evt-retry --limit 20 >"$BATS_TEST_TMPDIR/lines$i"
		spawn "deliver$i" evt-deliver <"$BATS_TEST_TMPDIR/lines$i"
		pids+=("$PID")
	done
	wait_until are_delivered 60
	for i in "${pids[@]}"; do wait_until is_gone "$i"; done
	[ "$(requests .open | sort -n | tail -n 1)" -eq 2 ]
}

@test "several processes share a destination's rate" {
	crm '"rate": "20/s"'
	accept 1 40
	local i
	for i in 1 2; do
		evt-retry --limit 20 >"$BATS_TEST_TMPDIR/lines$i"
		spawn "deliver$i" evt-deliver <"$BATS_TEST_TMPDIR/lines$i"
	done
	wait_until are_delivered 40
	# 39 gaps of 50 ms, but for the few starts that may come in a bunch.
	jq -es 'map(.time | sub("\\.[0-9]+Z$"; "Z") as $s | ($s | fromdate) + (.[-4:-1] | tonumber) / 1000) | (max - min) > 1.7' "$DEST_LOG"
}

# As if the clock had been ahead by so many days until now.
set_clock_back() { # DAYS
	sqlite3 "$EVT_JOURNAL" "
		update delivery set due_at = due_at + $1 * 86400000 where due_at is not null;
		update delivery set updated_at = updated_at + $1 * 86400000;
		update destination set rate_at = rate_at + $1 * 86400000000;
		update destination set open_until = open_until + $1 * 86400000 where open_until > 0"
}

@test "a clock that is set back by weeks neither stalls what waits nor repeats what is done" {
	destination_rules '[{"body": "e1\"", "answers": [{}]}, {"answers": [{"status": 503}]}]'
	crm '"rate": "1000/s"'
	accept 1 15
	deliver_due
	deliver_due
	breaker_is_open
	[ "$(query "select count(*) from history where status = 'retrying'")" -ge 10 ]
	[ "$(status_of e1)" = delivered ]
	set_clock_back 30
	destination_rules '[]'
	all_are_there() {
		deliver_due
		are_delivered 15
	}
	wait_until all_are_there
	[ "$(requests 'select(.body == "{\"id\":\"e1\"}")' | wc -l)" -eq 1 ]
	[ "$(query 'select sum(attempts) from history')" -eq "$(requests | wc -l)" ]
}

@test "evt-retry -f is idle while nothing is due" {
	destination_rules '[{"answers": [{"status": 503}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"retry\": {\"schedule\": [\"1h\"]}}"
	accept 1 3
	deliver_due
	local TIMEFORMAT='%3U %3S' used
	used=$({ time timeout 3 evt-retry -f 2>/dev/null || [ $? -eq 124 ]; } 2>&1)
	awk -v used="$used" 'BEGIN { split(used, t, " "); exit t[1] + t[2] > 0.5 }'
}
