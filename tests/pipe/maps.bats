#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Maps through the whole pipeline: parts of an event, and bodies as they reach the destination.

bats_require_minimum_version 1.5.0

load ../lib

setup() {
	evt_setup
	start_destination
	write_source shop <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "subject": "/no", "destinations": {"api": ["*"]}}'
	write_destination api <<-END
		{"url": "$DEST_URL/", "map": "m", "record": "/id", "retry": {"schedule": ["1ms", "1ms"], "jitter": 0}}
	END
}

receive() {
	evt-receive -s shop <<<"$1" >/dev/null
}

history() {
	query "select id, status, coalesce(destination_record, error) from history order by length(id), id"
}

order='{"id":"o1","type":"order","no":"N7","lines":[{"sku":"A"},{"sku":"B"}]}'

@test "an order to its lines: each has its own status and record, and a retry maps it anew, as the same part" {
	write_map m <<<'{"split": "/lines", "fields": [{"to": "/order", "from": "/no"}, {"to": "/sku", "from": "/lines/sku"}]}'
	destination_rules '[{"body": "B", "answers": [{"status": 503}, {}]}]'
	receive "$order"
	deliver_due
	[ "$(status_of o1)" = skipped ]
	wait_until ends_as o1/1 delivered
	wait_until ends_as o1/2 delivered
	[ "$(requests .body | sort -u)" = $'"{\\"order\\":\\"N7\\",\\"sku\\":\\"A\\"}"\n"{\\"order\\":\\"N7\\",\\"sku\\":\\"B\\"}"' ]
	[ "$(requests | wc -l)" -eq 3 ]
	[ "$(query "select count(distinct destination_record) from history where id like 'o1/%'")" = 2 ]
	[ "$(query "select error from history where id = 'o1'")" = 'map m: split into 2 parts' ]
}

@test "a crash between the parts and the original brings the same parts, which are not sent twice" {
	write_map m <<<'{"split": "/lines", "fields": [{"to": "/sku", "from": "/lines/sku"}]}'
	receive "$order"
	evt-retry | evt-transform | head -n 2 | evt-deliver
	[ "$(requests | wc -l)" -eq 2 ]
	[ "$(status_of o1)" = processing ]
	end_leases
	deliver_due || :
	[ "$(status_of o1)" = skipped ]
	[ "$(requests | wc -l)" -eq 2 ]
}

@test "bodies reach the destination as the map says" {
	write_map m <<<'{"body": "form", "fields": [{"to": "/no", "from": "/no"}]}'
	receive '{"id":"1","type":"t","no":"a b"}'
	deliver_due
	write_map m <<<'{"body": "cloudevents-binary", "fields": [{"to": "/no", "from": "/no"}]}'
	receive '{"id":"2","type":"t","no":"é \"%"}'
	deliver_due
	write_map m <<<'{"body": "cloudevents", "fields": [{"to": "/no", "from": "/no"}]}'
	receive '{"id":"3","type":"t","no":"x"}'
	deliver_due
	[ "$(requests '[.headers."content-type", .body]' | head -n 1)" = '["application/x-www-form-urlencoded","no=a+b"]' ]
	[ "$(requests '[.headers | ."content-type", ."ce-specversion", ."ce-id", ."ce-source", ."ce-type", ."ce-subject"]' | sed -n 2p)" = \
		'["application/json","1.0","2","shop","t","%C3%A9%20%22%25"]' ]
	[ "$(requests '.headers."content-type"' | sed -n 3p)" = '"application/cloudevents+json"' ]
	[ "$(requests '.body' | sed -n 3p | jq -r . | jq -c '[.id, .data]')" = '["3",{"no":"x"}]' ]
}

@test "a line without a claim is stored as it came, and mapped anew when it is sent again" {
	write_map m <<<'{"fields": [{"to": "/a", "from": "/b", "required": true}]}'
	destination_rules '[{"answers": [{"status": 503}, {"status": 200, "body": {"id": "r"}}]}]'
	evt-transform <<<'{"specversion":"1.0","id":"h","source":"hand","type":"t","evtdestination":"api","data":{"b": 1.10}}' | evt-deliver
	wait_until ends_as h delivered
	[ "$(requests .body)" = $'"{\\"a\\":1.10}"\n"{\\"a\\":1.10}"' ]
}

@test "what a changed map would change: a unified diff, and as JSON; and nothing changes" {
	write_map m <<<'{"fields": [{"to": "/no", "from": "/no"}, {"to": "/sum", "from": "/cents", "type": "integer"}, {"to": "/same", "const": [1, 2]}]}'
	receive '{"id":"1","type":"t","no":"A","cents":1900}'
	receive '{"id":"2","type":"t","no":"B","cents":"5"}'
	receive '{"id":"3","type":"t","no":"C"}'
	deliver_due
	write_map new <<<'{"fields": [{"to": "/no", "from": "/no"}, {"to": "/sum", "from": "/cents", "type": "string", "coerce": true, "apply": {"scale": -2}, "required": true}, {"to": "/same", "const": [1, 2]}]}'
	local before
	before=$(query "select * from history")
	run -0 --separate-stderr bash -c 'evt-status --since today --format event | evt-transform --diff -m new'
	[ "$output" = '--- 3 api delivered: as sent
+++ map new: map new: /sum (from /cents): required, but missing
--- 2 api failed: nothing sent: map m: /sum (from /cents): "5" is not of type integer
+++ map new
@@ -0,0 +1,8 @@
+{
+  "no": "B",
+  "sum": "0.05",
+  "same": [
+    1,
+    2
+  ]
+}
--- 1 api delivered: as sent
+++ map new
@@ -1,6 +1,6 @@
 {
   "no": "A",
-  "sum": 1900,
+  "sum": "19.00",
   "same": [
     1,
     2' ]
	[ "$stderr" = 'evt-transform: 0 the same, 1 changed, 1 made for the first time, 1 refused by the map, 0 skipped' ]
	run -0 bash -c 'evt-status --format event 1 3 | evt-transform --diff -q -m new --format json'
	[ "$(jq -c '[.id, .status, .outcome, .why, .changes]' <<<"$output")" = '["3","delivered","refused","map new: /sum (from /cents): required, but missing",[]]
["1","delivered","changed",null,[{"op":"replace","path":"/sum","from":1900,"to":"19.00"}]]' ]
	run -0 bash -c 'evt-status --format event 1 | evt-transform --diff'
	[ "$output" = 'evt-transform: 1 the same, 0 changed, 0 made for the first time, 0 refused by the map, 0 skipped' ]
	[ "$(query "select * from history")" = "$before" ]
	# and then for real
	cp "$EVT_CONFIG/maps/new.json" "$EVT_CONFIG/maps/m.json"
	evt-retry --failed --since today | evt-transform | evt-deliver
	[ "$(status_of 2)" = delivered ]
	[ "$(requests .body | tail -n 1)" = '"{\"no\":\"B\",\"sum\":\"0.05\",\"same\":[1, 2]}"' ]
}

@test "deliveries whose payload has expired have no lines; they are counted" {
	write_map m <<<'{"rest": true}'
	receive '{"id":"1","type":"t","no":"A"}'
	deliver_due
	run -0 evt-status --format event
	[ "$(jq -c '[.id, .evtdestination, .evtclaim, .data.no]' <<<"$output")" = '["1","api",null,"A"]' ]
	age_journal 8
	evt-prune
	run -1 --separate-stderr evt-status --format event
	[ -z "$output" ]
	[ "$stderr" = 'evt-status: 1 more have no payload any more' ]
}

@test "--diff reports lines that are no events, exit 1, and needs a journal" {
	run -66 evt-transform --diff </dev/null
	receive '{"id":"1","type":"t","no":"A"}'
	run -1 evt-transform --diff <<<'nonsense'
	[[ "$output" == *'line 1: not JSON'* ]]
	run -64 evt-transform --format json </dev/null
	run -64 evt-transform --diff --explain </dev/null
	run -64 evt-transform --diff --format xml </dev/null
}
