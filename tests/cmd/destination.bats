#!/usr/bin/env bats
# The scripted destination itself: what the other tests lean on.
# SPDX-License-Identifier: MIT

load ../lib

send() { # KEY BODY
	curl -s -o /dev/null -w '%{http_code}\n' -H "Idempotency-Key: $1" -d "$2" "$DEST_URL/contacts"
}

@test "the destination creates one record for one idempotency key, and counts repeats" {
	start_destination
	[ "$(send a 1)" = 201 ]
	[ "$(send b 1)" = 201 ]
	[ "$(send a 1)" = 201 ]
	[ "$(requests .record)" = $'"rec_1"\n"rec_2"\n"rec_1"' ]
	[ "$(curl -s "$DEST_URL/-/counts")" = '{"requests":3,"records":2,"repeats":1}' ]
}

@test "the destination answers 503 once for each key, and 429 every third time" {
	start_destination -r '[{"body": "bob", "answers": [{"status": 503}, {}]},
		{"every": 3, "answers": [{"status": 429, "headers": {"Retry-After": "1"}}]}]'
	[ "$(send a bob; send b bob; send a bob; send b bob)" = $'503\n503\n201\n201' ]
	[ "$(send c x; send d x; send e x; send f x)" = $'201\n201\n429\n201' ]
}

@test "the destination can close without an answer, and answer late while others pass" {
	start_destination -r '[{"body": "gone", "answers": [{"close": true}]}, {"body": "slow", "answers": [{"delay_ms": 200}]}]'
	run curl -s -d gone "$DEST_URL/"
	[ "$status" -eq 52 ]
	send a slow >"$BATS_TEST_TMPDIR/slow" &
	local slow=$!
	send b quick
	wait "$slow"
	[ "$(<"$BATS_TEST_TMPDIR/slow")" = 201 ]
	[ "$(requests .body)" = $'"gone"\n"quick"\n"slow"' ]
}

@test "the destination's script can be replaced while it runs" {
	start_destination -r '[{"answers": [{"status": 500}]}]'
	[ "$(send a 1)" = 500 ]
	destination_rules '[]'
	[ "$(send a 1)" = 201 ]
}
