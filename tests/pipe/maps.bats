#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Maps through the whole pipeline: parts of an event, and bodies as they reach the destination.

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
