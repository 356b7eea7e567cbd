#!/usr/bin/env bats
# evt-status: the history, one event whole, the summary and the verdict, for eyes and for scripts.
# SPDX-License-Identifier: MIT

load ../lib

# line ID DATA [MEMBERS]: an event for the destination crm, as a pipeline would hand it to evt-deliver.
line() {
	printf '{"specversion":"1.0","id":"%s","source":"hubspot","type":"contact.created","subject":"contact/%s",' "$1" "$1"
	printf '"datacontenttype":"application/json","evtdestination":"crm"%s,"data":%s}\n' "${3:-}" "$2"
}

# A journal with one delivery of each fate: good (delivered), busy (retrying), bad (failed), unwanted (skipped).
fill() {
	start_destination -r '[{"body": "\"bad\"", "answers": [{"status": 422, "body": "{\"message\":\"email is not valid\"}"}]},
		{"body": "busy", "answers": [{"status": 503}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/contacts\", \"record\": \"/id\"}"
	{
		line good '{"n":19.990,"name":"J\u00fcrgen"}'
		line bad '"bad"'
		line busy '"busy"'
		line unwanted 1 ',"evtskip":"not wanted"'
	} | evt-deliver
}

# without PATTERN: there is text on standard input, and the pattern is not in it. ("! grep" in a test would not fail it.)
without() {
	local text
	text=$(cat)
	[ -n "$text" ] && ! LC_ALL=C grep -q "$1" <<<"$text"
}

CONTROLS=$'[\001-\010\013-\037\177]'

# on_terminal COLUMNS COMMAND...: the output of a command that has a terminal of that width.
on_terminal() {
	local columns=$1
	shift
	TERM=xterm script -qec "stty cols $columns; $*" /dev/null </dev/null | tr -d '\r'
}

@test "the history off a terminal is the view history as TSV, without a header, newest first" {
	fill
	evt-status >"$BATS_TEST_TMPDIR/tsv"
	query "select source, id, type, subject, destination, status, received_at, updated_at, attempts, next_attempt_at,
		destination_record, http_status, error, payload from history order by received_at desc" |
		tr '|' '\t' | sort >"$BATS_TEST_TMPDIR/view"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/tsv")" -eq 4 ]
	diff <(sort "$BATS_TEST_TMPDIR/tsv") "$BATS_TEST_TMPDIR/view"
}

@test "the view history has the columns that json has, and in the same order" {
	fill
	[ "$(query "select group_concat(name) from pragma_table_info('history')")" = \
		"$(evt-status --format jsonl --limit 1 | jq -r 'keys_unsorted | join(",")')" ]
	evt-status --format json | jq -e 'length == 4 and all(.received_at | test("^[0-9T:-]+\\.[0-9]{3}Z$"))'
	[ "$(evt-status --format jsonl --status delivered | jq -c '[.error, .next_attempt_at, .http_status]')" = '[null,null,201]' ]
	[ "$(evt-status --format jsonl | wc -l)" -eq 4 ]
}

@test "filters choose, also together, and what matches nothing prints nothing and exits 1" {
	fill
	[ "$(evt-status --status failed,retrying | cut -f2 | sort | paste -sd,)" = bad,busy ]
	[ "$(evt-status --error 'NOT VALID' | cut -f2)" = bad ]
	[ "$(evt-status --type 'contact.*' --source hubspot -d crm --subject contact/good --since 1h | cut -f2)" = good ]
	[ "$(evt-status --limit 2 | wc -l)" -eq 2 ]
	run evt-status --type 'deal.*'
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	run evt-status --status received --format json
	[ "$status" -eq 1 ]
	[ "$output" = '[]' ]
	run evt-status --until yesterday --format table
	[ "$status" -eq 1 ]
	[ -z "$output" ]
}

@test "a wrong value names its option and what is accepted, with exit 64" {
	run evt-status --status 'done'
	[ "$status" -eq 64 ]
	[[ $output == *"--status 'done': expected"*"retrying"* ]]
	run evt-status --since soon
	[ "$status" -eq 64 ]
	run evt-status --format xml
	[ "$status" -eq 64 ]
	[[ $output == *"table, tsv, json"* ]]
	run evt-status --raw
	[ "$status" -eq 64 ]
}

@test "a missing journal is exit 66, and is not created" {
	run evt-status
	[ "$status" -eq 66 ]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "the table off a terminal has no colour and nothing is cut" {
	fill
	evt-status --format table >"$BATS_TEST_TMPDIR/table"
	without $'\033' <"$BATS_TEST_TMPDIR/table"
	[[ $(head -1 "$BATS_TEST_TMPDIR/table") == RECEIVED*ID*TYPE*SUBJECT*STATUS*DESTINATION*RECORD*TRIES*"NEXT TRY"*ERROR ]]
	grep -q '✗ failed .*422: email is not valid$' "$BATS_TEST_TMPDIR/table"
	without ' $' <"$BATS_TEST_TMPDIR/table"
}

@test "on a terminal the table fits, has colour unless told otherwise, and says when there is more" {
	script -qec true /dev/null >/dev/null || skip "no pseudo-terminals"
	fill
	on_terminal 70 evt-status >"$BATS_TEST_TMPDIR/table"
	grep -q $'\033' "$BATS_TEST_TMPDIR/table"
	sed 's/\x1b\[[0-9]*m//g' "$BATS_TEST_TMPDIR/table" | while read -r; do
		[ "${#REPLY}" -le 70 ] || return 1
	done
	NO_COLOR=1 on_terminal 70 evt-status | without $'\033'
	on_terminal 70 TERM=dumb evt-status | without $'\033'
	for ((i = 0; i < 60; i++)); do line "x$i" 1 ',"evtskip":"no"'; done | evt-deliver
	[ "$(on_terminal 70 evt-status --status skipped 2>&1 | grep -c skipped)" -eq 50 ]
	on_terminal 70 evt-status | grep -q 'there are more than these 50'
	[ "$(evt-status | wc -l)" -eq 64 ]
}

@test "control characters in an event reach no output raw" {
	fill
	line 'odd' '"\u001b[31m\u009b\n"' ',"evterror":"a\tb\\c \u202e"' >"$BATS_TEST_TMPDIR/odd"
	evt-deliver <"$BATS_TEST_TMPDIR/odd"
	sqlite3 "$EVT_JOURNAL" "update error set text = 'tab' || char(9) || 'esc' || char(27) || '[31m\\'
		where id = (select error from delivery where code = 'filter'); update error_grams set bits = x''"
	[ "$(evt-status --error esc | cut -f13)" = "tab\\tesc\\x1b[31m\\\\" ]
	[ "$(evt-status --error esc --format jsonl | jq -r .error)" = $'tab\tesc\033[31m\\' ]
	for format in table tsv json jsonl; do
		evt-status --format "$format" | without "$CONTROLS"
	done
	evt-status odd | without "$CONTROLS"
}

@test "an event whole: attributes, payload as it came, attempts with their answers, and the command to send it again" {
	fill
	run evt-status bad
	[ "$status" -eq 0 ]
	[[ $output == *'source     hubspot'*'subject    contact/bad'*'payload    5 bytes of application/json, SHA-256 '* ]]
	[[ $output == *'    "bad"'*'to crm  ✗ failed'*'code       http-422'*'attempt 1 '*'http-422: 422: email is not valid'* ]]
	[[ $output == *'HTTP/1.1 422'*'"message": "email is not valid"'*'evt-retry -d crm bad | evt-transform | evt-deliver'* ]]
	[[ $(evt-status -j "$EVT_JOURNAL" bad) == *"evt-retry -j $EVT_JOURNAL -d crm bad | evt-transform -j $EVT_JOURNAL | evt-deliver -j $EVT_JOURNAL"* ]]
	evt-status --format json good bad | jq -e 'length == 2 and (map(.id) | sort == ["bad", "good"])'
	evt-status --format jsonl good | jq -e '.deliveries[0] | .status == "delivered" and .destination_record == "rec_1"
		and .attempt_log[0].http_status == 201 and .attempt_log[0].duration_ms >= 0'
	evt-status --format jsonl good | jq -e --arg sum "$(printf '{"n":19.990,"name":"J\\u00fcrgen"}' | sha256sum | cut -c1-64)" \
		'.data == "{\"n\":19.990,\"name\":\"J\\u00fcrgen\"}" and .sha256 == $sum'
	[ "$(evt-status --format tsv good | cut -f2,6)" = $'good\tdelivered' ]
}

@test "--raw prints the payload's own bytes" {
	fill
	evt-status --raw good >"$BATS_TEST_TMPDIR/raw"
	printf '{"n":19.990,"name":"J\\u00fcrgen"}' | cmp - "$BATS_TEST_TMPDIR/raw"
}

@test "an unknown id is named on standard error, with exit 1" {
	fill
	run evt-status good nobody
	[ "$status" -eq 1 ]
	[[ $output == *'source     hubspot'* ]]
	[[ $output == *'evt-status: nobody: no such event'* ]]
	run evt-status --format json nobody
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = '[]' ] || [ "${lines[1]}" = '[]' ]
	for format in tsv table event; do
		run evt-status --format "$format" good nobody
		[ "$status" -eq 1 ]
		[[ $output == *good*$'\n''evt-status: nobody: no such event' ]]
	done
	run evt-status --limit 1 --format tsv good bad # the other may be behind the limit
	[ "$status" -eq 0 ]
	[[ $output != *'no such event'* ]]
	run evt-status --raw nobody
	[ "$status" -eq 1 ]
}

@test "the summary counts, shows hours, errors, sources, destinations and the size, as text and as JSON" {
	fill
	run evt-status --summary
	[ "$status" -eq 0 ]
	[[ $output == *'4 deliveries'*'✓ delivered           1'*'✗ failed              1'*'↻ retrying            1'* ]]
	[[ $output == *'Last 24 hours'*'█] 4, most 4'*'crm: 422: email is not valid'*'hubspot: last received '* ]]
	[[ $output == *'crm: 1 waiting, 0 in processing'* ]]
	[[ $output == *'Journal '*' KiB'* ]]
	evt-status --summary --format json | jq -e '.statuses == {received: 0, processing: 0, delivered: 1, failed: 1, retrying: 1, skipped: 1}
		and (.hours | length == 24 and .[23].deliveries == 4) and (.errors | length == 2 and (map(.count) == [1, 1]))
		and .sources[0].name == "hubspot" and .destinations[0].breaker == "closed" and .journal.file > 0
		and .verdict.severity == "WARNING"'
	evt-status --summary --status skipped --format json | jq -e '.statuses.skipped == 1 and .statuses.delivered == 0 and .errors == []'
}

@test "--check speaks to monitors: exit code, one line with performance data, then a line for each finding" {
	line one 1 ',"evtskip":"no"' | { write_destination crm <<<'{"url": "http://127.0.0.1:9/"}' && evt-deliver; }
	run evt-status --check
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "EVT OK - 0 delivered, 0 failed, 0 retrying in the last 24 h | received=0 "*" skipped=1 waiting=0 breakers_open=0 journal="*B ]]
	[ "${#lines[@]}" -eq 1 ]
	fill
	run evt-status --check
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "EVT WARNING - rejected (crm) | "* ]]
	[[ ${lines[1]} == "rejected WARNING to crm: 1 failed "*"(bad)"*"error: 422: email is not valid. "* ]]
	[ "$(evt-status --check --format json | jq -r '.findings[0].name')" = rejected ]
}

@test "--check: a destination that refuses all for its credentials is critical" {
	start_destination -r '[{"answers": [{"status": 401}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/\"}"
	for ((i = 0; i < 5; i++)); do line "$i" 1; done | evt-deliver
	run evt-status --check
	[ "$status" -eq 2 ]
	[[ ${lines[0]} == "EVT CRITICAL - all-failing (crm) | "* ]]
	[[ $output == *"5 failed in a row"*"credentials"* ]]
}

@test "--check of a journal that is not there is unknown" {
	run evt-status --check
	[ "$status" -eq 3 ]
	[[ $output == "EVT UNKNOWN - journal $EVT_JOURNAL: "* ]]
	[ "${#lines[@]}" -eq 1 ]
	[ "$(evt-status --check --format json 2>/dev/null | jq -r .severity)" = UNKNOWN ]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "what does not go together is refused" {
	for options in '--check --summary' '--check --since 1h' '--check id' '--summary id' '--raw a b' '--check --format tsv'; do
		# shellcheck disable=SC2086 # several words
		run evt-status $options
		[ "$status" -eq 64 ]
	done
}

@test "output that cannot be written is exit 74, and a reader that goes away ends it quietly" {
	fill
	for options in '' '--format json' '--summary' 'good' '--raw good'; do
		# shellcheck disable=SC2086 # several words
		run bash -c "evt-status $options >/dev/full"
		[ "$status" -eq 74 ]
		[[ $output == 'evt-status: standard output: No space left on device' ]]
	done
	run bash -c 'evt-status >/dev/full --check'
	[ "$status" -eq 3 ]
	run bash -c 'evt-status | true'
	[ -z "$output" ]
}

@test "--limit tells where the next page begins, and --after prints it, without gap or repeat" {
	fill
	evt-status >"$BATS_TEST_TMPDIR/all"
	evt-status --limit 2 >"$BATS_TEST_TMPDIR/pages" 2>"$BATS_TEST_TMPDIR/place"
	local place
	place=$(sed -n 's/^evt-status: the next page: --after //p' "$BATS_TEST_TMPDIR/place")
	evt-status --limit 2 --after "$place" >>"$BATS_TEST_TMPDIR/pages" 2>"$BATS_TEST_TMPDIR/place"
	cmp "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/pages"
	[ ! -s "$BATS_TEST_TMPDIR/place" ]
	[ "$(evt-status --status failed,retrying --after "$place" | wc -l)" -eq "$(tail -2 "$BATS_TEST_TMPDIR/all" | grep -cE 'failed|retrying')" ]
	for wrong in 1 x-1 0-1 1-2x; do
		run evt-status --after "$wrong"
		[ "$status" -eq 64 ]
	done
}

@test "every filter alone and with another gives what the view gives" {
	fill
	for ((i = 0; i < 30; i++)); do line "more$i" 1 ",\"evtskip\":\"Reason $((i % 3))\""; done |
		sed '/"more1/s/"type":"[^"]*"/"type":"deal.won"/' | evt-deliver
	local filters=("--status failed" "--status skipped" "--status delivered,retrying" "-d crm" "-d nobody" "--type deal.*" "--type contact.created"
		"--source hubspot" "--source nobody" "--subject contact/more7" "--subject contact/bad" "--since 1h" "--until 1h" "--error reason" "--error SON" "--error t" "--error nowhere")
	local where=("status = 'failed'" "status = 'skipped'" "status IN ('delivered', 'retrying')" "destination = 'crm'" "destination = 'nobody'"
		"type GLOB 'deal.*'" "type = 'contact.created'" "source = 'hubspot'" "source = 'nobody'" "subject = 'contact/more7'"
		"subject = 'contact/bad'" "true" "false" "error LIKE '%reason%'" "error LIKE '%son%'" "error LIKE '%t%'" "false")
	local a b
	for a in "${!filters[@]}"; do
		for b in "${!filters[@]}"; do
			[[ $b -lt $a || ${filters[a]%% *} == "${filters[b]%% *}" && $a -ne $b || ${filters[a]} == *1h && ${filters[b]} == *1h ]] && continue
			set -f
			# shellcheck disable=SC2086 # several words
			evt-status ${filters[a]} ${filters[b]} | cut -f2 | sort >"$BATS_TEST_TMPDIR/got"
			set +f
			query "SELECT id FROM history WHERE ${where[a]} AND ${where[b]}" | sort >"$BATS_TEST_TMPDIR/wanted"
			diff "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/wanted" || { echo "${filters[a]} ${filters[b]}"; return 1; }
		done
	done
}

@test "--format prometheus: HELP and TYPE for all, accepted by promtool, and counters that pruning leaves alone" {
	fill
	evt-status --format prometheus >"$BATS_TEST_TMPDIR/metrics"
	grep -qx 'evt_deliveries_total{destination="crm",source="hubspot",status="delivered"} 1' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'evt_deliveries_total{destination="crm",source="hubspot",status="received"} 4' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'evt_events_total{source="hubspot"} 4' "$BATS_TEST_TMPDIR/metrics"
	grep -qx 'evt_verdict 1' "$BATS_TEST_TMPDIR/metrics"
	grep -v '^#' "$BATS_TEST_TMPDIR/metrics" | sed 's/[{ ].*//' | sort -u | while read -r name; do
		grep -q "^# HELP $name " "$BATS_TEST_TMPDIR/metrics"
		grep -q "^# TYPE $name " "$BATS_TEST_TMPDIR/metrics"
	done
	sqlite3 "$EVT_JOURNAL" "UPDATE delivery SET status = 3, due_at = NULL WHERE status = 4"
	age_journal 40
	evt-prune
	[ "$(query 'SELECT count(*) FROM history')" -eq 0 ]
	evt-status --format prometheus | grep -qx 'evt_deliveries_total{destination="crm",source="hubspot",status="delivered"} 1'
	evt-status --format prometheus | grep -qx 'evt_events_total{source="hubspot"} 4'
	if command -v promtool >/dev/null; then
		promtool check metrics <"$BATS_TEST_TMPDIR/metrics"
	else
		skip "promtool is not installed: Debian's package prometheus has it"
	fi
}

lines_of() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}

is_polling() {
	[[ $(<"/proc/$1/wchan") == *poll* ]]
}

@test "--check --follow misses no change that comes while it waits" {
	line one 1 ',"evterror":"bad data"' | { write_destination crm <<<'{"url": "http://127.0.0.1:9/"}' && evt-deliver; }
	local out=$BATS_TEST_TMPDIR/findings count status
	spawn follow evt-status --check --follow </dev/null >"$out"
	for ((count = 1; count <= 10; count++)); do
		wait_until lines_of "$out" "$count"
		wait_until is_polling "$PID" || skip 'this kernel does not tell what a process waits for'
		status=$((count % 2 ? 5 : 3))
		sqlite3 "$EVT_JOURNAL" "UPDATE delivery SET status = $status"
	done
	wait_until lines_of "$out" 11
}

@test "--check --follow tells a finding once when it appears and once when it is gone" {
	line one 1 ',"evtskip":"no"' | { write_destination crm <<<'{"url": "http://127.0.0.1:9/"}' && evt-deliver; }
	local out=$BATS_TEST_TMPDIR/findings
	spawn follow evt-status --check --follow </dev/null >"$out"
	line two 1 ',"evterror":"bad data"' | evt-deliver
	wait_until lines_of "$out" 1
	[[ $(<"$out") == *" found rejected WARNING to crm: 1 failed"*"bad data"* ]]
	line three 1 ',"evtskip":"no"' | evt-deliver # judged again, with nothing new
	sqlite3 "$EVT_JOURNAL" "UPDATE delivery SET status = 5 WHERE status = 3"
	wait_until lines_of "$out" 2
	[[ $(tail -1 "$out") == *" cleared rejected to crm" ]]
	[ "$(wc -l <"$out")" -eq 2 ]
	run evt-status --follow
	[ "$status" -eq 64 ]
}

@test "a payload that has expired is told with the day it did" {
	fill
	age_journal 8
	evt-prune
	[[ $(evt-status good) == *"payload    expired $(date -u +%Y-%m-%d) "*"; it had "*" bytes"* ]]
	evt-status --format json good | jq -e --arg day "$(date -u +%Y-%m-%d)" '.[0].expired_at | startswith($day)'
}

@test "a JSON payload is laid out, its numbers and strings as they came" {
	fill
	[[ $(evt-status good) == *$'    {\n      "n": 19.990,\n      "name": "J\\u00fcrgen"\n    }'* ]]
}

@test "what was refused at the door stands in the summary, and explains silence" {
	write_source shop <<<'{"verify": {"scheme": "bearer", "secret_file": "shop.secret"}, "id": "/id", "type": "const:t", "destinations": {"crm": ["*"]}}'
	write_secret shop.secret 0123456789abcdef0123456789abcdef
	write_destination crm <<<'{"url": "http://127.0.0.1:9/"}'
	start_receiver
	[ "$(post shop '{"id":"a"}' -A tester/1 -H 'X-Key: topsecret')" = 401 ]
	stop "$RECEIVE_PID"
	evt-status --summary >"$BATS_TEST_TMPDIR/summary"
	[[ $(<"$BATS_TEST_TMPDIR/summary") == *'Refused at the door'*'1  shop: signature (last '*', from 127.0.0.1: '*$'\n''            POST /shop'$'\n'* ]]
	grep -qx ' *User-Agent: tester/1' "$BATS_TEST_TMPDIR/summary"
	grep -qx ' *X-Key: (left out)' "$BATS_TEST_TMPDIR/summary"
	evt-status --summary --format json | jq -e '.refused[0] | .source == "shop" and .count == 1 and .status == 401 and .peer == "127.0.0.1" and
		(.sample | startswith("POST /shop\n") and contains("\nUser-Agent: tester/1\n"))'
	evt-status --format html | grep -A9 '<summary>the last: 401 to <bdi>127.0.0.1</bdi></summary><pre[^>]*>POST /shop' |
		grep -q 'User-Agent: tester/1'
	run evt-status --check
	[ "$status" -eq 1 ]
	[[ $output == *"silent WARNING: 1 requests were refused at the door"* ]]
}

# What a checkpoint says that must wait for nobody: 0, nothing is held.
checkpoint_is_free() {
	[[ $(sqlite3 "$EVT_JOURNAL" 'PRAGMA wal_checkpoint(TRUNCATE)') == 0* ]]
}

@test "a report that nobody reads on holds neither receipt nor the WAL up, and has every row in the end" {
	local i report
	write_destination crm <<<'{"url": "http://127.0.0.1:9/"}'
	for ((i = 0; i < 3000; i++)); do line "long$i" 1 ',"evtskip":"no"'; done | evt-deliver
	mkfifo "$BATS_TEST_TMPDIR/report"
	spawn report evt-status </dev/null >"$BATS_TEST_TMPDIR/report" 3>&- &
	exec 7<"$BATS_TEST_TMPDIR/report"
	IFS= read -r report <&7
	write_source shop <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"crm": ["*"]}}'
	start_receiver 7<&-
	[ "$(post shop '{"id":"a"}')" = 202 ]
	wait_until checkpoint_is_free
	[ "$(post shop '{"id":"b"}' -m 2)" = 202 ]
	{ printf '%s\n' "$report"; cat <&7; } | cut -f2 | sort -u | grep -c '^long' >"$BATS_TEST_TMPDIR/rows"
	exec 7<&-
	[ "$(<"$BATS_TEST_TMPDIR/rows")" -eq 3000 ]
}

@test "a member of the journal's group reads it, and changes nothing" {
	[ "$(id -u)" -eq 0 ] || skip "only root can be another user"
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	export EVT_JOURNAL=$BATS_TEST_TMPDIR/shared/journal.db
	mkdir "$BATS_TEST_TMPDIR/shared"
	chgrp 65533 "$BATS_TEST_TMPDIR/shared"
	chmod 2770 "$BATS_TEST_TMPDIR/shared"
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" # where the tests keep their files is for their user alone
	fill
	[ "$(stat -c %a:%g "$EVT_JOURNAL")" = 660:65533 ]
	local member='setpriv --reuid 65534 --regid 65533 --clear-groups' stranger='setpriv --reuid 65534 --regid 65532 --clear-groups' before
	before=$(sha256sum "$EVT_JOURNAL" "$EVT_JOURNAL-wal")
	for options in '' '--summary' '--check' 'good' '--format prometheus' '--format html'; do
		# shellcheck disable=SC2086 # several words
		run $member "$BUILD/evt-status" $options
		echo "evt-status $options: $status: $output"
		[ "$status" -eq 0 ] || [[ $options == --check && $status -eq 1 ]]
		[ -n "$output" ]
	done
	[ "$(sha256sum "$EVT_JOURNAL" "$EVT_JOURNAL-wal")" = "$before" ]
	chmod 640 "$EVT_JOURNAL"*
	chmod 2750 "$BATS_TEST_TMPDIR/shared"
	run $member "$BUILD/evt-status" --summary # one who may only read
	[ "$status" -eq 0 ]
	run $stranger "$BUILD/evt-status"
	[ "$status" -eq 74 ]
	[[ $output == *'Permission denied'* || $output == *'may not read'* ]]
}
