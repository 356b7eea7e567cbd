#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Order by subject, create before update, and each claim sent once, with everything at work at the same time.

load ../lib

teardown() {
	touch "$BATS_TEST_TMPDIR/stop"
	evt_teardown
}

setup() {
	evt_setup
	start_destination
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "subject": "/subject", "destinations": {"crm": ["*"]}}
	END
}

history_of() { # ID COLUMNS
	query "select $2 from history where id = '$1'"
}

accept() { # ID SUBJECT
	printf '{"id":"%s","subject":"%s"}\n' "$1" "$2" | evt-receive -q -s shop >/dev/null
}

make_due() {
	sqlite3 "$EVT_JOURNAL" 'update delivery set due_at = 1 where due_at is not null'
}

@test "one that is to be retried holds the later ones, in the journal: the pipe ends soon" {
	destination_rules '[{"body": "first", "answers": [{"status": 503}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"order\": \"subject\", \"retry\": {\"schedule\": [\"1h\"]}}"
	accept first s/1
	accept next s/1
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	run timeout 30 evt-deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[[ $output == *'crm: 1 back to the journal, unsent: an earlier one of the subject is in front of them'* ]]
	[ "$(query 'select id, status, attempts from history order by id')" = $'first|retrying|1\nnext|received|0' ]
	run evt-retry
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	destination_rules '[]'
	make_due
	deliver_due
	wait_until ends_as next delivered
	[ "$(requests 'select(.status == 201) | .body | fromjson | .id' | tr '\n' ' ')" = '"first" "next" ' ]
}

@test "kill -9 between two events of a subject: the next one waits until the first is settled" {
	destination_rules '[{"body": "first", "answers": [{"delay_ms": 20000}, {}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"order\": \"subject\", \"timeout\": \"30s\"}"
	accept first s/1
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines"
	first_is_sent() {
		[ "$(history_of first 'status, attempts')" = 'processing|1' ]
	}
	wait_until first_is_sent
	accept next s/1
	stop "$PID" KILL
	deliver_due # another process, which may not overtake
	[ "$(history_of next 'status, attempts')" = 'received|0' ]
	[ "$(requests | wc -l)" -eq 0 ]
	end_leases
	wait_until ends_as next delivered
	[ "$(requests 'select(.status == 201) | .body | fromjson | .id' | tr '\n' ' ')" = '"first" "next" ' ]
	[ "$(history_of first 'status, attempts')" = 'delivered|2' ]
}

@test "order that is switched on over thousands of open deliveries holds from the first one on" {
	local subjects=1600
	destination_rules '[{"every": 50, "answers": [{"status": 503}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\"}"
	awk -v subjects=$subjects 'BEGIN {
		for (n = 1; n <= 3; n++)
			for (i = 1; i <= subjects; i++) printf "{\"id\":\"s%d-%d\",\"subject\":\"s%d\",\"n\":%d}\n", i, n, i, n
	}' | evt-receive -q -s shop >/dev/null
	[ "$(query "select count(distinct subject) || ' ' || count(*) from history where status = 'received'")" = "$subjects $((3 * subjects))" ]
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"order\": \"subject\", \"concurrency\": 32, \"retry\": {\"schedule\": [\"10ms\", \"10ms\", \"10ms\", \"10ms\", \"10ms\"]}}"
	all_went() {
		deliver_due
		[ "$(query "select count(*) from history where status <> 'delivered'")" -eq 0 ]
	}
	wait_until all_went
	# Of each subject, in the order of answers: 1, 2, 3.
	jq -r 'select(.status < 300) | .body | fromjson | "\(.subject) \(.n)"' "$DEST_LOG" | awk '$2 != ++last[$1] { exit 1 }'
	[ "$(requests 'select(.status < 300)' | wc -l)" -eq $((3 * subjects)) ]
}

@test "one that failed lets the later ones of its subject go" {
	destination_rules '[{"body": "bad", "answers": [{"status": 422}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"order\": \"subject\"}"
	accept bad s/1
	accept next s/1
	deliver_due
	[ "$(status_of bad)" = failed ]
	wait_until ends_as next delivered
}

@test "with \"order_on_failure\": \"hold\" they wait until it is sent again, or given up" {
	destination_rules '[{"body": "bad", "answers": [{"status": 422}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"order\": \"subject\", \"order_on_failure\": \"hold\"}"
	accept bad-1 s/1
	accept next-1 s/1
	accept bad-2 s/2
	accept next-2 s/2
	accept other s/3
	deliver_due
	[ "$(status_of other)" = delivered ]
	[ "$(history_of bad-1 status)$(history_of bad-2 status)" = failedfailed ]
	deliver_due # what came back is looked at, and held
	make_due
	deliver_due
	[ "$(history_of next-1 'status, attempts, error')" = 'received|0|held: bad-1, an earlier event of its subject, has failed' ]
	[[ "$(evt-status next-1)" == *'error      held: bad-1, an earlier event of its subject, has failed'* ]]
	[ "$(requests .body | grep -c next)" -eq 0 ]
	# Its cause is mended: it goes first, and the next at once.
	destination_rules '[]'
	evt-retry bad-1 | evt-transform | evt-deliver
	deliver_due
	[ "$(history_of next-1 'status, error is null')" = 'delivered|1' ]
	[ "$(requests 'select(.status == 201) | .body | fromjson | .id' | grep 1 | tr '\n' ' ')" = '"bad-1" "next-1" ' ]
	# The other one is not worth it.
	evt-retry --give-up 'entered by hand' bad-2
	deliver_due
	[ "$(history_of next-2 status)" = delivered ]
	[ "$(history_of bad-2 'status, error')" = 'failed|entered by hand (it had failed: HTTP 422 Unprocessable Entity)' ]
	tallies_hold
}

# In the order of answers, for each subject: the number within it, and whether it was a creation.
answered_well() { # SUBJECT
	jq -r --arg s "$1" 'select(.status < 300) | (.body | fromjson) as $b | select($b.subject == $s) | "\($b.n) \(.method)"' "$DEST_LOG"
}

@test "live pipe, evt-retry -f, and overlapping runs from cron: each start sent once, each subject in order, created once" {
	# Every seventh request is refused for now, and a subject is created slowly, so that its next event is there meanwhile.
	destination_rules '[{"every": 7, "answers": [{"status": 503}]},
		{"method": "POST", "answers": [{"delay_ms": 40}]}]'
	write_destination crm <<-END
		{"url": "$DEST_URL/c", "update": {"url": "$DEST_URL/c/{record}"}, "record": "/id", "concurrency": 8,
		 "retry": {"schedule": ["20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms"]}}
	END
	start_pipeline
	mkfifo "$BATS_TEST_TMPDIR/follow"
	exec 7<>"$BATS_TEST_TMPDIR/follow" # or each end would wait in open(2) for the other
	spawn follow_deliver evt-deliver <"$BATS_TEST_TMPDIR/follow" >/dev/null 7>&-
	spawn follow evt-retry -f </dev/null >"$BATS_TEST_TMPDIR/follow" 7>&-
	local follow=$PID
	exec 7>&-
	cron() {
		until [ -e "$BATS_TEST_TMPDIR/stop" ]; do
			evt-retry 2>>"$BATS_TEST_TMPDIR/cron$1.err" | evt-transform | evt-deliver 2>>"$BATS_TEST_TMPDIR/cron$1.err" || :
		done
	}
	cron 1 3>&- &
	local crons=("$!")
	cron 2 3>&- &
	crons+=("$!")
	BACKGROUND+=("${crons[@]}")
	local n s
	for n in 1 2 3 4 5 6; do
		for s in 1 2 3 4 5 6 7 8; do
			printf '{"id":"e%d-%d","subject":"s%d","n":%d}\n' "$s" "$n" "$s" "$n"
		done
	done >"$BATS_TEST_TMPDIR/events"
	while read -r line; do
		[ "$(post shop "$line")" = 202 ]
	done <"$BATS_TEST_TMPDIR/events"
	all_delivered() {
		[ "$(query "select count(*) from history where status = 'delivered'")" -eq 48 ]
	}
	wait_until all_delivered
	touch "$BATS_TEST_TMPDIR/stop"
	wait "${crons[@]}"
	stop "$follow"
	# No request went out that was not started, and no start led to two.
	[ "$(wc -l <"$DEST_LOG")" -eq "$(query 'select sum(attempts) from history')" ]
	[ "$(query 'select count(*) from attempt')" -eq "$(query 'select sum(attempts) from history')" ]
	[ "$(query "select count(*) from attempt where code = 'unknown'")" -eq 0 ]
	for s in 1 2 3 4 5 6 7 8; do
		[ "$(answered_well "s$s")" = $'1 POST\n2 PATCH\n3 PATCH\n4 PATCH\n5 PATCH\n6 PATCH' ]
	done
	[ "$(curl -s "$DEST_URL/-/counts" | jq -c '[.records, .repeats]')" = '[8,0]' ]
	[ "$(requests .status | sort -u | tr '\n' ' ')" = '200 201 503 ' ]
	tallies_hold
}

@test "a subject's record is known, and updated, long after its events are gone" {
	write_destination crm <<<"{\"url\": \"$DEST_URL/c\", \"update\": {\"url\": \"$DEST_URL/c/{record}\"}, \"record\": \"/id\"}"
	accept e1 s/1
	deliver_due
	age_journal 8
	evt-prune -q # its payload
	accept e2 s/1
	deliver_due
	age_journal 40
	evt-prune -q # all there is of both
	[ "$(query 'select count(*) from history')" -eq 0 ]
	accept e3 s/1
	deliver_due
	[ "$(requests '[.method, .path]' | tr '\n' ' ')" = '["POST","/c"] ["PATCH","/c/rec_1"] ["PATCH","/c/rec_1"] ' ]
}

@test "two events of a new subject at once, from two processes: one creates, the other updates" {
	destination_rules '[{"method": "POST", "answers": [{"delay_ms": 300}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/c\", \"update\": {\"url\": \"$DEST_URL/c/{record}\"}, \"record\": \"/id\"}"
	accept e1 s/1
	accept e2 s/1
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	grep '"id":"e1"' "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/line1"
	grep '"id":"e2"' "$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/line2"
	spawn second evt-deliver <"$BATS_TEST_TMPDIR/line2"
	local second=$PID
	spawn first evt-deliver <"$BATS_TEST_TMPDIR/line1"
	wait_until is_gone "$PID"
	wait_until is_gone "$second"
	wait_until ends_as e2 delivered
	[ "$(requests '[.method, .path]')" = '["POST","/c"]
["PATCH","/c/rec_1"]' ]
}
