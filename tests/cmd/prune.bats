#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
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

# Is the text in any file of the journal?
is_there() {
	cat "$EVT_JOURNAL"* | grep -q -- "$1"
}

# None of them is.
is_erased() {
	local text
	for text; do
		[ "$(cat "$EVT_JOURNAL"* | grep -c -- "$text")" -eq 0 ] || return 1
	done
}

@test "a missing journal is exit 66, wrong usage 64" {
	run evt-prune -j "$BATS_TEST_TMPDIR/none.db"
	[ "$status" -eq 66 ]
	run evt-prune --payloads soon
	[ "$status" -eq 64 ]
	run evt-prune one
	[ "$status" -eq 64 ]
	run evt-prune --subject c1 --payloads 1d
	[ "$status" -eq 64 ]
	run evt-prune --source orders
	[ "$status" -eq 64 ]
}

@test "what is young stays" {
	deliver
	run evt-prune
	[ "$status" -eq 0 ]
	[[ $output == "removed 0 payloads and 0 events"* ]]
	[ "$(query 'select payload from history')" = stored ]
}

@test "after 7 days payload, body sent and answer are gone from every file; the history, size and digest stay" {
	destination_rules '[{"answers": [{"body": "{\"id\":7,\"note\":\"answered-text\"}"}]}]'
	write_map secret <<<'{"fields": [{"to": "/mapped-text", "from": "/secret"}]}'
	write_destination crm <<<'{"url": "'"$DEST_URL"'/orders", "record": "/id", "map": "secret"}'
	evt-retry | evt-transform | evt-deliver
	for text in hunter2 mapped-text answered-text; do
		is_there $text
	done
	local kept
	kept=$(evt-status o1 --format json | jq -c '.[0] | [.size, .sha256, .deliveries[0].attempts]')
	age_days 8
	run evt-prune
	[ "$status" -eq 0 ]
	[[ $output == "removed 1 payloads and 0 events"* ]]
	[ "$(query 'select status, payload, destination_record from history')" = 'delivered|expired|7' ]
	[ "$(evt-status o1 --format json | jq -c '.[0] | [.size, .sha256, .deliveries[0].attempts]')" = "$kept" ]
	is_erased hunter2 mapped-text answered-text
}

@test "what is gone is gone also from pages where something else still lies" {
	# Sizes and neighbours as they come, and few of them kept: SQLite moves rows between pages, and leaves some copies behind.
	awk 'BEGIN { srand(7); for (i = 1; i <= 8000; i++) { text = sprintf("MARK%06dX", i); s = text; n = rand() * rand() * 200
		for (k = 0; k < n; k++) s = s text
		printf "{\"id\":\"m%d\",\"type\":\"%s\",\"m\":\"%s\"}\n", i, rand() < 0.3 ? "order.paid" : "other", s } }' |
		evt-receive -q -s orders >/dev/null
	sqlite3 "$EVT_JOURNAL" 'update event set received_at = received_at - 8 * 86400000 where seq % 10 <> 1'
	evt-prune
	query "select printf('MARK%06dX', substr(id, 2)) from history where payload = 'expired'" | sort >"$BATS_TEST_TMPDIR/expired"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/expired")" -gt 1000 ]
	cat "$EVT_JOURNAL"* | grep -aoE 'MARK[0-9]{6}X' | sort -u >"$BATS_TEST_TMPDIR/there"
	[ "$(comm -12 "$BATS_TEST_TMPDIR/expired" "$BATS_TEST_TMPDIR/there" | wc -l)" -eq 0 ]
	[ "$(comm -13 "$BATS_TEST_TMPDIR/expired" "$BATS_TEST_TMPDIR/there" | wc -l)" -eq "$(query "select count(*) from history where payload = 'stored' and id like 'm%'")" ]
	[ "$(query 'pragma integrity_check')" = ok ]
}

@test "a duplicate is known by its expired event, and a new event once that has gone; counters stay" {
	deliver
	age_days 8
	evt-prune -q
	again() { evt-receive -s orders <<<'{"id":"o1","type":"order.paid","secret":"hunter2hunter2"}' 2>&1 >/dev/null; }
	[[ $(again) == *'1 duplicates'* ]]
	is_erased hunter2
	ever() { evt-status --format prometheus | grep -E '^evt_(events|deliveries)_.*total'; }
	local before
	before=$(ever)
	[ -n "$before" ]
	age_days 30
	[[ $(evt-prune) == 'removed 0 payloads and 1 events'* ]]
	[ "$(query 'select count(*) from history')" -eq 0 ]
	[ "$(ever)" = "$before" ]
	[[ $(again) == *'1 accepted'* ]]
}

@test "after 30 days the history is empty, the destination record is not forgotten" {
	write_source orders <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "subject": "/id", "destinations": {"crm": ["order.*"]}}'
	evt-receive -q -s orders <<<'{"id":"o2","type":"order.paid"}' >/dev/null
	deliver
	age_days 31
	run evt-prune
	[[ $output == "removed 2 payloads and 2 events"* ]]
	[ "$(query 'select count(*) from history')" -eq 0 ]
	[ "$(query "select subject, length(record) > 0 from record")" = 'o2|1' ]
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

@test "space is given back to the file system, to the byte that is told" {
	for i in $(seq 300); do printf '{"id":"p%d","type":"order.paid","pad":"%04000d"}\n' "$i" 0; done | evt-receive -q -s orders >/dev/null
	deliver
	evt-prune -q # so that all of it lies in the database
	age_days 8
	before=$(stat -c %s "$EVT_JOURNAL")
	run evt-prune
	[ "$status" -eq 0 ]
	given=$((before - $(stat -c %s "$EVT_JOURNAL")))
	[ "$given" -gt 1000000 ]
	[ "$output" = "removed 301 payloads and 0 events; $given bytes given back" ]
	[ "$(query 'pragma freelist_count')" -eq 0 ]
	[ "$(stat -c %s "$EVT_JOURNAL-wal")" -eq 0 ]
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

@test "a reader that ends within seconds is waited for" {
	deliver
	age_days 8
	mkfifo "$BATS_TEST_TMPDIR/sql"
	exec 7<>"$BATS_TEST_TMPDIR/sql"
	spawn reader sqlite3 -readonly "$EVT_JOURNAL" <"$BATS_TEST_TMPDIR/sql" >"$BATS_TEST_TMPDIR/rows" 7>&-
	printf 'begin;\nselect count(*) from history;\n' >&7
	wait_until grep -q 1 "$BATS_TEST_TMPDIR/rows"
	spawn prune evt-prune </dev/null >"$BATS_TEST_TMPDIR/pruned" 7>&-
	has_expired() { [ "$(query 'select payload from history')" = expired ]; }
	wait_until has_expired
	is_there hunter2 # in the WAL, or in the database that the reader still needs
	kill -0 "$PID"
	exec 7>&-
	wait "$PID"
	grep -q '^removed 1 payloads and 0 events' "$BATS_TEST_TMPDIR/pruned"
	is_erased hunter2
}

# ---- one source record ----

# Three orders of c1, the first delivered, the second failed, the third open; one of c2.
customers() {
	write_source orders <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "subject": "/customer", "destinations": {"crm": ["order.*"]}}'
	write_destination crm <<<'{"url": "'"$DEST_URL"'/orders", "record": "/id", "reason": "/why"}'
	order() { printf '{"id":"%s","type":"order.paid","customer":"%s","text":"private-%s"}\n' "$1" "$2" "$2"; }
	{ order a1 ann@example.com && order b1 bob@example.com; } | evt-receive -q -s orders >/dev/null
	deliver
	destination_rules '[{"answers": [{"status": 422, "body": "{\"why\":\"no private-ann@example.com here\"}"}]}]'
	order a2/ann@example.com ann@example.com | evt-receive -q -s orders >/dev/null
	deliver || :
	[ "$(status_of a2/ann@example.com)" = failed ]
	order a3 ann@example.com | evt-receive -q -s orders >/dev/null
}

@test "--subject: one record is gone from payloads, answers, errors, records and ids; the others are whole; a receipt says so" {
	customers
	local others
	others=$(evt-status b1 --format json)
	run evt-prune --subject ann@example.com --dry-run
	[ "$status" -eq 0 ]
	[ "$(jq -r 'select(.receipt) | .receipt, .events' <<<"$output" | paste -sd' ')" = 'nothing was changed 3' ]
	is_there private-ann
	evt-prune --subject ann@example.com >"$BATS_TEST_TMPDIR/receipt"
	[ "$(jq -c 'select(.event) | [.event, .id, .answers, .errors, .deliveries_stopped]' "$BATS_TEST_TMPDIR/receipt" | paste -sd' ')" = \
		'["erased","a1",1,0,0] ["erased","a2/ann@example.com",1,2,0] ["erased","a3",0,0,1]' ]
	[ "$(jq -c 'select(.receipt) | [.receipt, .source, .subject, .journal, .events, .left, .destination_records]' "$BATS_TEST_TMPDIR/receipt")" = \
		"[\"erased\",\"orders\",\"ann@example.com\",\"$EVT_JOURNAL\",3,0,1]" ]
	[[ $(jq -r 'select(.receipt) | .at' "$BATS_TEST_TMPDIR/receipt") == 20*T*Z ]]
	is_erased 'ann@'
	[ "$(evt-status b1 --format json)" = "$others" ]
	[ "$(query "select count(*) from record where subject = 'bob@example.com'")" -eq 1 ]
	[ "$(query "select group_concat(status || ':' || coalesce(error, '-'), ' ') from (select * from history where id <> 'b1' and id <> 'o1' order by received_at)")" = \
		'delivered:- failed:erased on request skipped:erased on request' ]
	tallies_hold
	[[ $(evt-status a1) == *'erased on request'*' bytes'* && $(evt-status a1) != *SHA-256* ]]
	[ "$(evt-status a1 --format json | jq -c '.[0] | [.payload, .sha256]')" = '["expired",null]' ]
	[[ $(evt-status a1 --format html) == *'Erased on request'*'only its size is left'* && $(evt-status a1 --format html) != *SHA-256* ]]
	# Nothing is sent any more, and what comes again is known.
	[ -z "$(evt-retry)" ]
	[[ $(order a2/ann@example.com ann@example.com | evt-receive -s orders 2>&1 >/dev/null) == *'1 duplicates'* ]]
	is_erased 'ann@'
	run evt-prune --subject ann@example.com
	[ "$status" -eq 1 ]
	[[ $output == *'the journal holds nothing of record ann@example.com'* ]]
}

@test "--subject: headers of refused requests in which it stands are gone, the others are not" {
	customers
	start_receiver
	[ "$(post orders '{' -H 'webhook-id: of ann@example.com')" = 400 ]
	[ "$(post nowhere '{}' -H 'User-Agent: UNTRIED/2')" = 404 ]
	wait_until refusals_are 2
	stop "$RECEIVE_PID"
	is_there 'of ann@'
	evt-prune -n --subject ann@example.com >/dev/null
	is_there 'of ann@'
	evt-prune -q --subject ann@example.com >/dev/null
	is_erased 'ann@'
	is_there UNTRIED/2
	refusals_are 2
}

@test "--subject: a record that two sources have must be told apart" {
	customers
	cp "$EVT_CONFIG/sources/orders.json" "$EVT_CONFIG/sources/leads.json"
	order x ann@example.com | evt-receive -q -s leads >/dev/null
	run evt-prune --subject ann@example.com
	[ "$status" -eq 64 ]
	[[ $output == *'more than one source has a record ann@example.com: say which with --source'* ]]
	evt-prune --source leads --subject ann@example.com | grep -q '"id":"x"'
	[ "$(query "select count(*) from history where subject = 'ann@example.com'")" -eq 3 ]
}

is_sending() {
	[ "$(query "select count(*) from history where status = 'processing' and attempts = 1")" -eq 1 ]
}

@test "--subject: what is being sent at this moment is left, exit 75; claimed lines are not sent any more" {
	customers
	destination_rules '[{"answers": [{"delay_ms": 2000}]}]'
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	order a4 ann@example.com | evt-receive -q -s orders >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/later"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines" >/dev/null
	wait_until is_sending
	run evt-prune --subject ann@example.com
	[ "$status" -eq 75 ]
	[[ $output == *'1 events are being sent at this moment: run it again'* ]]
	[ "$(jq -r 'select(.event == "left: it is being sent") | .id' <<<"${output%evt-prune:*}")" = a3 ]
	wait "$PID" || :
	evt-prune --subject ann@example.com | grep -q '"receipt":"erased"'
	is_erased 'ann@'
	local sent
	sent=$(wc -l <"$DEST_LOG")
	run evt-deliver <"$BATS_TEST_TMPDIR/later"
	[ "$(wc -l <"$DEST_LOG")" -eq "$sent" ]
	tallies_hold
}

@test "--subject: an answer that comes after it brings nothing of the record back" {
	customers
	destination_rules '[{"body": "a3", "answers": [{"delay_ms": 2000, "body": {"id": "rec-of-ann@example.com"}}]},
		{"body": "a4", "answers": [{"delay_ms": 2000, "status": 422, "body": {"why": "no private-ann@example.com here"}}]}]'
	order a4 ann@example.com | evt-receive -q -s orders >/dev/null
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines" >/dev/null
	both_are_sent() {
		[ "$(query "select count(*) from history where status = 'processing' and attempts = 1")" -eq 2 ]
	}
	wait_until both_are_sent
	end_leases # a start whose lease has ended is not waited for
	evt-prune --subject ann@example.com | grep -q '"receipt":"erased"'
	wait_until is_gone "$PID"
	[ "$(requests 'select(.body | test("a[34]")) | .status' | wc -l)" -eq 2 ] # both were answered
	[ "$(query "select group_concat(status || ':' || coalesce(destination_record, '-') || ':' || coalesce(error, '-'), ' ')
		from (select * from history where id in ('a3', 'a4') order by id)")" = 'delivered:-:- skipped:-:erased on request' ]
	[ "$(query "select count(*) from attempt where error like '%ann%'")" -eq 0 ]
	[ "$(query "select count(*) from record where subject = 'ann@example.com'")" -eq 0 ]
	is_erased 'ann@'
	is_erased 'rec-of-ann'
	tallies_hold
}

# ---- how long is long enough ----

@test "prune.json has the ages; a schedule that is longer is refused, exit 78" {
	deliver
	age_days 8
	echo '{"payloads": "9d"}' >"$EVT_CONFIG/prune.json"
	[[ $(evt-prune) == 'removed 0 payloads'* ]]
	[[ $(evt-prune -n --payloads 7d) == 'would remove 1 payloads'* ]]
	echo '{"payloads": "9d", "events": "8d"}' >"$EVT_CONFIG/prune.json"
	run evt-prune
	[ "$status" -eq 78 ]
	[[ $output == *'prune.json: /events: a payload goes with its event'* ]]
	rm "$EVT_CONFIG/prune.json"
	local day='"24h"'
	write_destination crm <<<'{"url": "'"$DEST_URL"'/", "retry": {"jitter": 0, "schedule": ['"$day,$day,$day,$day,$day,$day,$day"']}}'
	evt-deliver -d crm </dev/null
	write_destination crm <<<'{"url": "'"$DEST_URL"'/", "retry": {"jitter": 0, "schedule": ['"$day,$day,$day,$day,$day,$day,$day,$day"']}}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'crm.json: /retry/schedule: retries can go on for 8 days, but payloads are kept for 7 days: shorten it, or keep them longer in prune.json'* ]]
	echo '{"payloads": "8d"}' >"$EVT_CONFIG/prune.json"
	evt-deliver -d crm </dev/null
	run evt-prune -n --payloads 191h
	[ "$status" -eq 0 ]
	[[ $output == *'retries can go on for 8 days, but payloads are kept for 191 h'* ]]
	run evt-prune -n --payloads 2d
	[ "$status" -eq 0 ]
	[[ $output == *'destination crm: retries can go on for 8 days, but payloads are kept for 2 days: what is still open keeps its payload'* ]]
}

@test "payloads never outlive their events: one age takes the other's default along, two that contradict each other are refused" {
	deliver
	age_days 5
	would() { # [OPTIONS...]: how many payloads and events
		evt-prune -n "$@" | sed 's/would remove \([0-9]*\) payloads and \([0-9]*\) events/\1 \2/'
	}
	[ "$(would)" = '0 0' ]
	[ "$(would --events 6d)" = '0 0' ]
	[ "$(would --events 4d)" = '1 1' ]
	[ "$(would --payloads 4d)" = '1 0' ]
	[ "$(would --payloads 40d)" = '0 0' ]
	run evt-prune --events 1h --payloads 2h
	[ "$status" -eq 64 ]
	[ "$output" = 'evt-prune: payloads would be kept for 2 h, their events for 60 min: a payload goes with its event: say both --payloads and --events' ]
	echo '{"events": "4d"}' >"$EVT_CONFIG/prune.json"
	[ "$(would)" = '1 1' ]
	run evt-prune --payloads 5d
	[ "$status" -eq 64 ]
	[ "$(would --payloads 6d --events 6d)" = '0 0' ]
	# What the file says is what retries are held against.
	write_destination crm <<<'{"url": "'"$DEST_URL"'/", "retry": {"jitter": 0, "schedule": ["24h","24h","24h","24h","24h"]}}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'retries can go on for 5 days, but payloads are kept for 4 days'* ]]
	echo '{"payloads": "40d"}' >"$EVT_CONFIG/prune.json"
	age_days 30
	[ "$(would)" = '0 0' ]
	[ "$(query 'select count(*) from history')" -eq 1 ]
}

# Refused: twice of a source that there is, once of none. The receiver has ended.
refused() {
	start_receiver
	[ "$(post orders '{' -H 'User-Agent: UNTRIED/1' -H 'webhook-id: ann-private')" = 400 ]
	[ "$(post nowhere '{"text":"never-kept"}' -H 'User-Agent: UNTRIED/2 of ann-private')" = 404 ]
	wait_until refusals_are 2
	stop "$RECEIVE_PID"
}

refusals_are() {
	[ "$(query 'select coalesce(sum(count), 0) from refusal')" -eq "$1" ]
}

age_refusals() { # DAYS
	sqlite3 "$EVT_JOURNAL" "update refusal set hour_at = hour_at - $1 * 86400000, last_at = last_at - $1 * 86400000"
}

@test "the headers of refused requests go with payloads, their counts with events" {
	refused
	is_there UNTRIED
	is_erased never-kept
	age_refusals 6
	evt-prune -q
	is_there UNTRIED
	age_refusals 2
	evt-prune -n
	is_there UNTRIED
	evt-prune -q
	is_erased UNTRIED ann-private
	refusals_are 2
	[ "$(query "select count(*) from refusal where why <> '' and peer = '127.0.0.1'")" -eq 2 ]
	age_refusals 23
	evt-prune -q
	refusals_are 0
}

@test "a bar on a terminal, nothing elsewhere" {
	command -v script >/dev/null || skip 'no script'
	deliver
	age_days 8
	run script -qec 'evt-prune --dry-run' /dev/null
	[[ $output == *'payloads             ['*'100 %'* ]]
	run script -qec 'evt-prune' /dev/null
	[[ $output == *'payloads             ['*'events               ['*'erasing              ['*'100 %'*$'\r\e[K'*'removed 1 payloads'* ]]
	run script -qec 'evt-prune -q' /dev/null
	[ -z "$output" ]
	run evt-prune
	[ "$status" -eq 0 ]
	[[ $output != *'%'* ]]
}
