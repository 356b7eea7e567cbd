#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Destinations on a bad day: down, their key revoked, slow, or served by several processes; clocks that are set back.
# shellcheck disable=SC2030,SC2031 # each test is a subshell

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

@test "several processes share a destination's breaker" {
	destination_rules '[{"answers": [{"status": 500}]}]'
	crm '"concurrency": 1'
	accept 1 40
	local i pids=()
	for i in 1 2; do
		evt-retry --limit 20 >"$BATS_TEST_TMPDIR/lines$i"
	done
	for i in 1 2; do
		spawn "deliver$i" evt-deliver <"$BATS_TEST_TMPDIR/lines$i"
		pids+=("$PID")
	done
	for i in "${pids[@]}"; do wait_until is_gone "$i"; done
	# Ten faults in a row, whoever met them; then neither sends what it has left.
	[ "$(requests | wc -l)" -eq 10 ]
	breaker_is_open
	[ "$(query "select count(*) from history where attempts = 0 and status = 'received'")" -eq 30 ]
	grep -q 'back to the journal, unsent: the destination is failing' "$BATS_TEST_TMPDIR/deliver1.err"
	grep -q 'back to the journal, unsent: the destination is failing' "$BATS_TEST_TMPDIR/deliver2.err"
	[ -z "$(evt-retry)" ]
}

# As if the clock had been ahead by so many hours until now.
set_clock_back() { # HOURS
	sqlite3 "$EVT_JOURNAL" "
		update event set received_at = received_at + $1 * 3600000;
		update delivery set due_at = due_at + $1 * 3600000 where due_at is not null;
		update delivery set updated_at = updated_at + $1 * 3600000, claimed_at = claimed_at + $1 * 3600000;
		update destination set rate_at = rate_at + $1 * 3600000000, seen_at = seen_at + $1 * 3600000;
		update destination set open_until = open_until + $1 * 3600000 where open_until > 0"
}

neither_stalls_nor_repeats() { # HOURS
	destination_rules '[{"body": "e1\"", "answers": [{}]}, {"body": "e2\"", "answers": [{"delay_ms": 3000}]}, {"answers": [{"status": 503}]}]'
	crm '"rate": "1000/s", "concurrency": 12'
	accept 1 15
	deliver_due &
	local first=$!
	wait_until has_status e1 delivered
	wait_until breaker_is_open
	accept 16 17 # nobody has claimed these
	sending() {
		[ "$(query "select count(*) from history where status = 'processing'")" -eq 1 ]
	}
	wait_until sending
	[ "$(query "select count(*) from history where status = 'retrying'")" -ge 10 ]
	set_clock_back "$1"
	destination_rules '[]'
	all_are_there() {
		deliver_due
		are_delivered 17
	}
	wait_until all_are_there
	wait "$first"
	[ "$(requests 'select(.body == "{\"id\":\"e1\"}")' | wc -l)" -eq 1 ]
	[ "$(requests 'select(.body == "{\"id\":\"e2\"}")' | wc -l)" -eq 1 ] # it was being sent at that moment
	[ "$(query 'select sum(attempts) from history')" -eq "$(requests | wc -l)" ]
}

@test "a clock that is set back by three hours neither stalls what waits nor repeats what is done" {
	neither_stalls_nor_repeats 3
}

@test "a clock that is set back by weeks neither stalls what waits nor repeats what is done" {
	neither_stalls_nor_repeats 720
}

@test "processes that are there when the clock is set back go on at once" {
	command -v faketime >/dev/null || skip 'no faketime'
	! grep -q asan <<<"$BUILD" || skip 'ASan wants to be loaded first'
	local clock=$BATS_TEST_TMPDIR/clock library
	library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1)
	export FAKETIME_TIMESTAMP_FILE=$clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
	echo '+0' >"$clock"
	destination_rules '[{"body": "e1\"", "answers": [{"status": 503}, {}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"rate\": \"2/s\", \"retry\": {\"schedule\": [\"2s\"], \"jitter\": 0}}"
	accept 1 8
	mkfifo "$BATS_TEST_TMPDIR/follow"
	exec 7<>"$BATS_TEST_TMPDIR/follow"
	spawn deliver env LD_PRELOAD="$library" evt-deliver <"$BATS_TEST_TMPDIR/follow" 7>&-
	spawn retry env LD_PRELOAD="$library" evt-retry -f </dev/null >"$BATS_TEST_TMPDIR/follow" 7>&-
	exec 7>&-
	wait_until has_status e1 retrying
	wait_until are_delivered 2 # the others wait for the rate
	[ "$(query "select count(*) from history where status = 'processing'")" -ge 3 ]
	echo '-3h' >"$clock"
	wait_until are_delivered 8
	[ "$(query "select min(updated_at) < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-2 hours') from history")" -eq 1 ] # it has been set back
	[ "$(requests | wc -l)" -eq 9 ]
}

@test "a clock that is set forward: neither what is under way nor what waits is sent twice" {
	command -v faketime >/dev/null || skip 'no faketime'
	! grep -q asan <<<"$BUILD" || skip 'ASan wants to be loaded first'
	local clock=$BATS_TEST_TMPDIR/clock library
	library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1)
	export FAKETIME_TIMESTAMP_FILE=$clock FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
	echo '+0' >"$clock"
	destination_rules '[{"body": "e1\"", "answers": [{"delay_ms": 3000}, {}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"concurrency\": 1, \"timeout\": \"5s\"}"
	accept 1 2
	evt-retry >"$BATS_TEST_TMPDIR/claimed"
	spawn deliver env LD_PRELOAD="$library" evt-deliver <"$BATS_TEST_TMPDIR/claimed"
	is_under_way() {
		[ "$(query "select count(*) from delivery where started_at is not null")" -eq 1 ]
	}
	wait_until is_under_way
	echo '+1h' >"$clock"
	env LD_PRELOAD="$library" evt-retry 2>/dev/null | env LD_PRELOAD="$library" evt-deliver
	wait_until is_gone "$PID"
	are_delivered 2
	[ "$(requests 'select(.body == "{\"id\":\"e1\"}")' | wc -l)" -eq 1 ]
	[ "$(requests 'select(.body == "{\"id\":\"e2\"}")' | wc -l)" -eq 1 ]
	grep -q '1 not sent: claimed by others since' "$BATS_TEST_TMPDIR/deliver.err"
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
