#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Numbers and strings reach the destination exactly as they came.

load ../lib

exact='{"money":19.99,"big":12345678901234567890,"cents":1.10,"huge":1e400,"small":-0.0,"nul":"\u0000","text":"\u00e9 é \ud83d\ude00","slash":"\/"}'

setup() {
	evt_setup
	start_destination
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "header:X-Id", "type": "const:t", "destinations": {"api": ["*"]}}
	END
}

body_arrives_as() {
	[ "$(requests .body | jq -r .)" = "$1" ]
}

@test "without a map the payload arrives byte for byte" {
	write_destination api <<<"{\"url\": \"$DEST_URL/\"}"
	start_pipeline
	[ "$(post shop "$exact" -H 'X-Id: 1')" = 202 ]
	wait_until body_arrives_as "$exact"
}

@test "through a map each value arrives in its own spelling" {
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"map\": \"all\"}"
	write_map all <<-'END'
		{"fields": [
		  {"to": "/money", "from": "/money", "type": "number", "minimum": 0, "maximum": 20},
		  {"to": "/big", "from": "/big", "type": "integer"},
		  {"to": "/cents", "from": "/cents", "type": "number"},
		  {"to": "/huge", "from": "/huge"},
		  {"to": "/small", "from": "/small"},
		  {"to": "/nul", "from": "/nul", "type": "string"},
		  {"to": "/text", "from": "/text", "type": "string"},
		  {"to": "/slash", "from": "/slash", "type": "string"}]}
	END
	start_pipeline
	[ "$(post shop "$exact" -H 'X-Id: 1')" = 202 ]
	wait_until body_arrives_as "$exact"
}

@test "what is not JSON arrives byte for byte too" {
	write_destination api <<<"{\"url\": \"$DEST_URL/\"}"
	start_pipeline
	printf '\377\000\001text' >"$BATS_TEST_TMPDIR/bytes"
	status=$(curl -sS -o /dev/null -w '%{http_code}' -H 'Content-Type: application/octet-stream' -H 'X-Id: 1' \
		--data-binary @"$BATS_TEST_TMPDIR/bytes" "$RECEIVE_URL/shop")
	[ "$status" = 202 ]
	wait_until test -s "$DEST_LOG"
	[ "$(requests .body_base64)" = "\"$(base64 <"$BATS_TEST_TMPDIR/bytes")\"" ]
	[ "$(requests '.headers["content-type"]')" = '"application/octet-stream"' ]
}

@test "from the journal it arrives the same as live" {
	write_destination api <<<"{\"url\": \"$DEST_URL/\"}"
	start_receiver
	[ "$(post shop "$exact" -H 'X-Id: 1')" = 202 ]
	stop "$RECEIVE_PID"
	deliver_due
	body_arrives_as "$exact"
}
