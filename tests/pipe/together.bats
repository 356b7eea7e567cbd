#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Live and from cron at once, several writers and readers over one journal.

load ../lib

posts=150

setup() {
	evt_setup
	start_destination
	write_source shop <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"api": ["*"]}}
	END
	write_destination api <<-END
		{"url": "$DEST_URL/", "retry": {"schedule": ["100ms", "100ms", "100ms", "100ms"]}}
	END
	write_source batch <<-'END'
		{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"api": ["*"]}}
	END
}

post_many() {
	seq "$posts" | xargs -P 4 -I N curl -sS -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' \
		-d '{"id":"N"}' "$RECEIVE_URL/shop" 3>&- >"$BATS_TEST_TMPDIR/statuses"
}

all_delivered() {
	[ "$(query "select count(*) from history where status <> 'delivered'")" = 0 ]
}

@test "live and cron at once: every event delivered once" {
	destination_rules '[{"every": 10, "answers": [{"status": 503}]}]'
	start_pipeline
	post_many &
	local poster=$!
	while kill -0 "$poster" 2>/dev/null; do
		deliver_due || :
	done
	wait "$poster"
	all_delivered_or_retried() {
		deliver_due || :
		all_delivered
	}
	wait_until all_delivered_or_retried
	[ "$(query 'select count(*) from history')" -eq "$posts" ]
	[ "$(curl -s "$DEST_URL/-/counts" | jq -c '[.records, .repeats]')" = "[$posts,0]" ]
}

@test "two writers and readers at once: nobody sees 'database is locked'" {
	start_pipeline
	local stop_file=$BATS_TEST_TMPDIR/stop
	read_on() {
		until [ -e "$stop_file" ]; do
			sqlite3 -readonly "$EVT_JOURNAL" 'select count(*) from history' || return
			evt-status --limit 5 >/dev/null || [ $? -eq 1 ] || return
		done
	}
	write_on() {
		local n=0
		until [ -e "$stop_file" ]; do
			n=$((n + 1))
			printf '{"id":"%d-%s"}\n' $n a $n b $n c | evt-receive -s batch >/dev/null || return
		done
		echo "$n"
	}
	read_on >/dev/null 2>"$BATS_TEST_TMPDIR/reader.err" 3>&- &
	local reader=$!
	write_on >"$BATS_TEST_TMPDIR/written" 2>"$BATS_TEST_TMPDIR/writer.err" 3>&- &
	local writer=$!
	post_many
	touch "$stop_file"
	wait "$reader"
	wait "$writer"
	[ "$(sort "$BATS_TEST_TMPDIR/statuses" | uniq -c | awk '{print $1, $2}')" = "$posts 202" ]
	[ "$(query "select count(*) from history where source = 'batch'")" -eq $(($(<"$BATS_TEST_TMPDIR/written") * 3)) ]
	[ "$(<"$BATS_TEST_TMPDIR/written")" -ge 2 ]
	run grep -l locked "$BATS_TEST_TMPDIR"/*.err
	[ "$output" = "" ]
}
