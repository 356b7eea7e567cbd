#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The whole main job: five posts, each with its own end, live and from cron.

load ../lib

setup() {
	evt_setup
	start_destination -r '[
		{"body": "busy@example.com", "answers": [{"status": 503}, {}]},
		{"body": "taken@example.com", "answers": [{"status": 422, "headers": {"Content-Type": "application/problem+json"},
		 "body": {"title": "Unprocessable", "detail": "taken@example.com belongs to another contact"}}]}]'
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "subject": "/contact",
		 "destinations": {"crm": ["contact.*"]}}
	END
	retry_after 100ms
	write_map contacts <<-'END'
		{"fields": [
		  {"to": "/email", "from": "/email", "type": "string", "required": true, "apply": ["trim", "lowercase"], "format": "email"},
		  {"to": "/amount", "from": "/amount", "type": "number", "minimum": 0}]}
	END
}

retry_after() {
	write_destination crm <<-END
		{"url": "$DEST_URL/contacts", "map": "contacts", "record": "/id", "retry": {"schedule": ["$1", "1s"]}}
	END
}

post_five() {
	[ "$(post shop '{"id":"good","type":"contact.created","contact":"c1","email":" Ann@Example.com","amount":19.99}')" = 202 ]
	[ "$(post shop '{"id":"busy","type":"contact.created","contact":"c2","email":"busy@example.com"}')" = 202 ]
	[ "$(post shop '{"id":"taken","type":"contact.created","contact":"c3","email":"taken@example.com"}')" = 202 ]
	[ "$(post shop '{"id":"missing","type":"contact.created","contact":"c4","amount":1}')" = 202 ]
	[ "$(post shop '{"id":"wrong","type":"contact.created","contact":"c5","email":"eve@example.com","amount":"plenty"}')" = 202 ]
}

error_of() {
	query "select error from history where id = '$1'"
}

check_five() {
	[ "$(status_of good)" = delivered ]
	[ "$(query "select destination_record, http_status, attempts from history where id = 'good'")" = 'rec_1|201|1' ]
	[ "$(requests 'select(.body | contains("ann")) | .body')" = '"{\"email\":\"ann@example.com\",\"amount\":19.99}"' ]

	[ "$(status_of busy)" = delivered ]
	[ "$(query "select attempts from history where id = 'busy'")" = 2 ]

	[ "$(status_of taken)" = failed ]
	[[ "$(error_of taken)" == *'taken@example.com belongs to another contact'* ]]
	[ "$(query "select http_status from history where id = 'taken'")" = 422 ]

	[ "$(status_of missing)" = failed ]
	[[ "$(error_of missing)" == *contacts*/email*required* ]]

	[ "$(status_of wrong)" = failed ]
	[[ "$(error_of wrong)" == *contacts*/amount*plenty*number* || "$(error_of wrong)" == *contacts*/amount*number*plenty* ]]
}

five_are_through() {
	[ "$(query "select count(*) from history where status in ('delivered', 'failed')")" = 4 ] && has_status busy retrying
}

@test "five posts end as they should, received live and retried by hand" {
	retry_after 1h # the live pipeline would retry it by itself, before anybody looks
	start_pipeline
	post_five
	wait_until five_are_through
	evt-retry busy | evt-transform | evt-deliver
	check_five
}

@test "five posts end as they should, with all but the receipt run from cron" {
	start_receiver
	post_five
	deliver_due || :
	five_are_through
	wait_until ends_as busy delivered
	check_five
}

@test "a repeated post answers 200 and adds nothing" {
	start_receiver
	post_five
	deliver_due || :
	wait_until ends_as busy delivered
	before=$(query 'select * from history')
	[ "$(post shop '{"id":"good","type":"contact.created","contact":"c1","email":" Ann@Example.com","amount":19.99}')" = 200 ]
	deliver_due || :
	[ "$(query 'select * from history')" = "$before" ]
	[ "$(requests 'select(.body | contains("ann"))' | wc -l)" -eq 1 ]
}

@test "eight days on the payloads have expired, thirty-one days on the history is empty" {
	start_receiver
	post_five
	deliver_due || :
	wait_until ends_as busy delivered
	stop "$RECEIVE_PID"

	evt-prune
	[ "$(query "select count(*) from history where payload = 'stored'")" = 5 ]
	age_journal 8
	evt-prune
	[ "$(query "select count(*), sum(payload = 'expired') from history")" = '5|5' ]
	run evt-status good
	[ "$status" -eq 0 ]
	[[ "$output" == *expired* ]]
	run grep -rlaF 'ann@example.com' "$EVT_JOURNAL" "$EVT_JOURNAL-wal"
	[ "$output" = '' ]

	age_journal 23
	evt-prune
	[ "$(query 'select count(*) from history')" = 0 ]
	run evt-status
	[ "$status" -eq 1 ]
}

@test "a failed delivery goes again by hand once its cause is gone" {
	start_receiver
	post_five
	deliver_due || :
	destination_rules '[]'
	deliver_due taken
	[ "$(status_of taken)" = delivered ]
	sed -i 's/"type": "number", "minimum": 0/"type": "string"/' "$EVT_CONFIG/maps/contacts.json"
	deliver_due --failed --error amount
	[ "$(status_of wrong)" = delivered ]
	[ "$(status_of missing)" = failed ]
}

@test "an unmapped destination and a mapped one each get the event" {
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["*"], "raw": ["*"]}}
	END
	write_destination raw <<-END
		{"url": "$DEST_URL/raw"}
	END
	start_pipeline
	[ "$(post shop '{"id":"a","type":"contact.created","email":"ann@example.com" }')" = 202 ]
	wait_until has_two_requests
	[ "$(requests 'select(.path == "/raw") | .body')" = '"{\"id\":\"a\",\"type\":\"contact.created\",\"email\":\"ann@example.com\" }"' ]
	[ "$(requests 'select(.path == "/contacts") | .body')" = '"{\"email\":\"ann@example.com\"}"' ]
}

has_two_requests() {
	[ "$(wc -l <"$DEST_LOG")" -eq 2 ]
}
