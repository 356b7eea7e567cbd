#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Any stage can be replaced, and any filter stand between two.

load ../lib

setup() {
	evt_setup
	start_destination
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"api": ["*"]}}
	END
	write_destination api <<-END
		{"url": "$DEST_URL/", "map": "names"}
	END
	write_map names <<<'{"fields": [{"to": "/name", "from": "/name", "type": "string", "required": true}]}'
	printf '%s\n' '{"id":"a","type":"person","name":"Ann"}' '{"id":"b","type":"person","name":"Ben"}' \
		'{"id":"c","type":"order","items":[{"name":"pen"},{"name":"ink"}]}' | evt-receive -s shop >/dev/null
}

bodies() {
	requests .body | jq -rs 'sort | .[]'
}

reason_of() {
	query "select status, error from history where id = '$1'"
}

@test "jq before the map skips one and fails another, each with its reason" {
	evt-retry |
		jq -c 'if .id == "a" then .evtskip = "a test account" elif .id == "c" then .evterror = "orders are not for us" else . end' |
		evt-transform | evt-deliver
	[ "$(reason_of a)" = 'skipped|a test account' ]
	[ "$(reason_of c)" = 'failed|orders are not for us' ]
	[ "$(status_of b)" = delivered ]
	[ "$(bodies)" = '{"name":"Ben"}' ]
}

@test "sed and awk between the stages" {
	evt-retry | awk '!/"type":"order"/' | evt-transform | sed 's/"name":"Ann"/"name":"Anna"/' | evt-deliver
	[ "$(bodies)" = $'{"name":"Anna"}\n{"name":"Ben"}' ]
	[ "$(status_of a)" = delivered ]
	[ "$(status_of b)" = delivered ]
	[ "$(status_of c)" = processing ]
}

@test "jq in the place of evt-transform" {
	evt-retry | jq -c '.data = {hello: (.data.name // "order")}' | evt-deliver
	[ "$(bodies)" = $'{"hello":"Ann"}\n{"hello":"Ben"}\n{"hello":"order"}' ]
	[ "$(query "select count(*) from history where status = 'delivered'")" = 3 ]
}

@test "a shell loop in the place of evt-deliver; the claims come back when their leases end" {
	evt-retry | evt-transform | while read -r line; do
		jq -r .data.name <<<"$line" >>"$BATS_TEST_TMPDIR/names"
	done
	[ "$(sort "$BATS_TEST_TMPDIR/names")" = $'Ann\nBen' ]
	[ "$(status_of a)" = processing ]
	end_leases
	deliver_due || :
	[ "$(status_of a)" = delivered ]
	[ "$(status_of b)" = delivered ]
}

@test "an order split into its items: each part delivered, the original skipped" {
	evt-retry | jq -c 'if .type == "order" then
			. as $e
			| ($e.data.items | to_entries[] | . as $item | $e | .id += "/\($item.key + 1)" | del(.evtclaim) | .data = $item.value),
			  ($e | .evtskip = "split into \($e.data.items | length) parts")
		else . end' | evt-transform | evt-deliver
	[ "$(bodies)" = $'{"name":"Ann"}\n{"name":"Ben"}\n{"name":"ink"}\n{"name":"pen"}' ]
	[ "$(status_of c/1)" = delivered ]
	[ "$(status_of c/2)" = delivered ]
	[ "$(reason_of c)" = 'skipped|split into 2 parts' ]
}

@test "a line written by hand is accepted, then sent; written again it is a duplicate" {
	line='{"specversion":"1.0","id":"x","source":"hand","type":"t","evtdestination":"api","data":{"name":"Xenia"}}'
	evt-transform <<<"$line" | evt-deliver
	[ "$(status_of x)" = delivered ]
	run evt-deliver <<<"$line"
	[ "$status" -eq 1 ]
	[[ "$output" == *x* ]]
	[ "$(bodies)" = '{"name":"Xenia"}' ]
}

@test "tee keeps a copy of the lines, and sending the copy again sends nothing" {
	evt-retry | evt-transform | tee "$BATS_TEST_TMPDIR/copy" | evt-deliver || :
	[ "$(requests | wc -l)" -eq 2 ]
	run evt-deliver <"$BATS_TEST_TMPDIR/copy"
	[ "$status" -eq 1 ]
	[ "$(requests | wc -l)" -eq 2 ]
}
