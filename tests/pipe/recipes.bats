#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The recipes of README.md, taken from it and run: only the API's address and the port are others.

load ../lib

setup() {
	evt_setup
	unset EVT_CONFIG EVT_JOURNAL
	export XDG_CONFIG_HOME=$HOME/.config XDG_STATE_HOME=$HOME/.local/state
	# As a user's home: root's defaults lie elsewhere.
	export EVT_CONFIG=$HOME/.config/evt EVT_JOURNAL=$HOME/.local/state/evt/journal.db
	mkdir -p "${EVT_JOURNAL%/*}"
	start_destination
	run_recipe configure
}

# recipe NAME: its text in README.md, at this test's addresses.
recipe() {
	awk -v name="recipe=$1" '/^```/ { inside = !inside && $2 == name; next } inside' "$EVT_ROOT/README.md" |
		sed -e "s,https://api\.example\.com,$DEST_URL,g" -e "s,localhost:8080,127.0.0.1:$RECEIVE_PORT,g"
}

run_recipe() {
	local text
	text=$(recipe "$1")
	[ -n "$text" ] || return
	bash -euo pipefail -c "$text" 3>&-
}

# The command of a crontab line.
run_cron() {
	local text
	text=$(recipe "$1" | sed -n 's/^[0-9*]* [0-9*]* \* \* \* //p')
	[ -n "$text" ] || return
	bash -c "$text" 3>&-
}

send() {
	RECEIVE_PORT=$RECEIVE_PORT run_recipe send | grep -q '^HTTP/1.1 202'
}

pipeline_is() {
	[ "$(recipe live)" = 'evt-receive -l 8080 | evt-transform | evt-deliver' ]
}

@test "recipe: a webhook to an API, live" {
	pipeline_is
	start_pipeline
	send
	wait_until test -s "$DEST_LOG"
	[ "$(requests '.method + " " + .path')" = '"POST /contacts"' ]
	[ "$(requests .body)" = '"{\"email\":\"ann@example.com\",\"spent\":19.99,\"plan\":\"Pro\"}"' ]
	[ "$(requests .headers.authorization)" = '"Bearer the-api-token"' ]
}

@test "recipe: retries from cron" {
	destination_rules '[{"answers": [{"status": 503}]}]'
	start_receiver
	send
	run_cron cron
	[ "$(query 'select status, http_status from history')" = 'retrying|503' ]
	destination_rules '[]'
	query_due="select count(*) from history where status = 'delivered'"
	sent_again() {
		run_cron cron
		[ "$(query "$query_due")" = 1 ]
	}
	wait_until sent_again
}

@test "recipe: a scheduled pull, twice, adds each change once" {
	orders='{"orders":[{"id":"o1","updated_at":"2026-11-23T06:00:00Z","total":19.99},{"id":"o2","updated_at":"2026-11-23T07:00:00Z","total":5}]}'
	destination_rules "[{\"method\": \"GET\", \"answers\": [{\"body\": $orders}]}]"
	run_recipe pull
	run_recipe pull
	[ "$(requests 'select(.method == "PUT") | .path' | sort)" = $'"/orders/o1"\n"/orders/o2"' ]
	[ "$(query "select count(*) from history where status = 'delivered'")" = 2 ]
}

@test "recipe: what happened, and status in a script" {
	destination_rules '[{"answers": [{"status": 422, "body": {"message": "email is taken"}}]}]'
	start_receiver
	send
	run_cron cron
	run run_recipe status
	[ "$status" -eq 0 ]
	[[ "$output" == *'email is taken'*'failed|1' ]]
	run run_recipe check
	[ "$status" -eq 0 ]
	[[ "$output" == *'crm: msg_'*'email is taken' ]]
}

@test "recipe: send again what failed" {
	destination_rules '[{"answers": [{"status": 422}]}]'
	start_receiver
	send
	run_cron cron
	[ "$(query 'select status from history')" = failed ]
	destination_rules '[]'
	run_recipe again
	[ "$(query 'select status from history')" = delivered ]
}

@test "recipe: what a changed map changes, and the same selection replayed" {
	destination_rules '[{"body": "19.99", "answers": [{"status": 422, "body": {"message": "spent must be cents"}}]}]'
	start_receiver
	send
	run_cron cron
	[ "$(query 'select status from history')" = failed ]
	run run_recipe remap
	[ "$status" -eq 0 ]
	[[ "$output" == *'failed: as sent: '*'spent must be cents'*'+++ map contacts-new'*'-  "spent": 19.99,'*'+  "spent": 1999,'* ]]
	[ "$(query 'select status from history')" = delivered ]
	[ "$(requests .body | tail -n 1)" = '"{\"email\":\"ann@example.com\",\"spent\":1999,\"plan\":\"Pro\"}"' ]
}

@test "recipe: a filter between two stages" {
	start_receiver
	RECEIVE_PORT=$RECEIVE_PORT bash -c "$(recipe send | sed 's/Ann@Example.com/ann@test.example/')" >/dev/null
	run_recipe filter
	[ "$(query 'select status, error from history')" = 'skipped|a test account' ]
}

@test "recipe: forget, each night" {
	start_receiver
	send
	run_cron cron
	stop "$RECEIVE_PID"
	age_journal 31
	run_cron prune
	[ "$(query 'select count(*) from history')" = 0 ]
}

@test "recipe: forget one customer at once" {
	start_receiver
	send
	stop "$RECEIVE_PID"
	cd "$BATS_TEST_TMPDIR"
	run_recipe forget
	[ "$(jq -r 'select(.receipt) | .receipt' erased.jsonl)" = erased ]
	[ "$(cat "$EVT_JOURNAL"* | grep -c c_17)" -eq 0 ]
}

@test "recipe: the same as a page" {
	start_receiver
	send
	local text
	text=$(recipe page | sed 's/127\.0\.0\.1:8081/127.0.0.1:0/')
	TMPDIR=$BATS_TEST_TMPDIR bash -euo pipefail -c "$text"$'\n''echo $! >"$TMPDIR/page.pid"' 2>"$BATS_TEST_TMPDIR/page.err" 3>&-
	BACKGROUND+=("$(<"$BATS_TEST_TMPDIR/page.pid")")
	wait_until grep -q 'listening on' "$BATS_TEST_TMPDIR/page.err"
	curl -sSf "http://$(sed -n 's/^evt-status: listening on //p' "$BATS_TEST_TMPDIR/page.err")/" | grep customer.created >"$BATS_TEST_TMPDIR/row"
	grep -q customer.created "$BATS_TEST_TMPDIR/evt-today.html"
}

# give SOURCE-NAME DESTINATION: two events for a destination that a program serves.
give() {
	write_source "to-$1" <<<"{\"verify\": {\"scheme\": \"none\"}, \"id\": \"/id\", \"type\": \"const:t\", \"destinations\": {\"$1\": [\"*\"]}}"
	printf '{"id":"a%s","note":"it'"'"'s 19.99"}\n' 1 2 | evt-receive -s "to-$1" >/dev/null 3>&-
}

@test "recipe: a shell program as a destination, and its retry" {
	cd "$BATS_TEST_TMPDIR"
	give files
	run_recipe program # no inbox yet: the program fails
	[ "$(query "select count(*) from history where status = 'retrying' and error like '%inbox%'")" -eq 2 ]
	mkdir inbox
	end_waits
	run_recipe program
	[ "$(query "select count(*) from history where status = 'delivered' and attempts = 2")" -eq 2 ]
	[ "$(cat inbox/*.json | jq -r .note | sort -u)" = "it's 19.99" ]
	[ "$(query 'select destination_record from history' | sort)" = "$(find inbox -name '*.json' | sed 's,inbox/,,; s,\.json,,' | sort)" ]
}

# As if the time of every retry had come.
end_waits() {
	sqlite3 "$EVT_JOURNAL" 'update delivery set due_at = 1 where due_at is not null'
}

@test "recipe: a database as a destination; the second time of a lost outcome changes nothing" {
	cd "$BATS_TEST_TMPDIR"
	give ledger
	run_recipe sqlite
	[ "$(query "select count(*) from history where status = 'delivered'")" -eq 2 ]
	[ "$(sqlite3 ledger.db 'select body from entry order by 1' | head -n 1)" = '{"id":"a1","note":"it'"'"'s 19.99"}' ]
	evt-retry -d ledger a1 | evt-transform | evt-deliver --start >/dev/null # acted, then lost
	end_waits
	run_recipe sqlite
	[ "$(sqlite3 ledger.db 'select count(*) from entry')" -eq 2 ]
	[ "$(query "select distinct status from history")" = delivered ]
}

@test "the README names every source file" {
	local file missing=
	for file in "$EVT_ROOT"/lib/*.c "$EVT_ROOT"/cmd/*.c; do
		grep -qF "\`${file#"$EVT_ROOT"/}\`" "$EVT_ROOT/README.md" || missing+=" ${file#"$EVT_ROOT"/}"
	done
	[ "$missing" = '' ] || { echo "not in README.md:$missing"; false; }
}

@test "the manual names every key of the configuration" {
	local key keys missing=
	keys=$(grep -ohE 'conf_(string|integer|number|bool|span|choice|child|any|file|secrets)\([^,]*, "[a-z_]+"' "$EVT_ROOT"/lib/*.c |
		sed 's/.*"\(.*\)"/\1/' | sort -u)
	[ "$(wc -l <<<"$keys")" -gt 50 ]
	for key in $keys; do
		grep -qw -- "$key" "$EVT_ROOT/man/evt-config.5" || missing+=" $key"
	done
	[ "$missing" = '' ] || { echo "not in evt-config(5):$missing"; false; }
}

# The examples of a page, as a reader of the page sees them.
page_example() { # PAGE FIRST-WORD
	mandoc -Tascii -O width=200 "$EVT_ROOT/man/$1" | col -b | awk -v first="$2" '
		/^EXAMPLES/ { on = 1; next } /^[A-Z]/ { on = 0 }
		on && $1 == first { found = 1 } found && /^ *$/ { exit } found'
}

@test "manual: a line written by hand, and an order split into its items" {
	command -v mandoc >/dev/null || skip 'no mandoc'
	write_destination alerts <<<"{\"url\": \"$DEST_URL/alerts\"}"
	bash -c "$(page_example evt-event.5 printf)"
	[ "$(requests 'select(.path == "/alerts") | .body')" = '"{\"bytes\":1048576}"' ]

	write_source shop <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:order", "destinations": {"alerts": ["*"]}}'
	evt-receive -s shop <<<'{"id":"o1","items":[{"sku":"pen"},{"sku":"ink"}]}' >/dev/null
	evt-retry | bash -c "$(page_example evt-event.5 jq)" | evt-deliver
	[ "$(query 'select id, status from history order by id' | tail -n 3)" = $'o1|skipped\no1/1|delivered\no1/2|delivered' ]
}

@test "manual: what evt-journal(5) asks the journal" {
	command -v mandoc >/dev/null || skip 'no mandoc'
	start_receiver
	send
	bash -c "$(page_example evt-journal.5 sqlite3)" | grep -q received
}
