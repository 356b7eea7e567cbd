#!/usr/bin/env bats
# evt-retry: what is due, what is named, what is refused.

bats_require_minimum_version 1.5.0
load ../lib

setup() {
	evt_setup
	write_source orders <<'EOF'
{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "subject": "/customer", "destinations": {"crm": ["order.*"], "log": ["log.*"]}}
EOF
	write_destination crm <<'EOF'
{"url": "http://127.0.0.1:9/orders", "record": "/id", "retry": {"schedule": ["1h"]}}
EOF
}

# accept ID...: into the journal, as orders; nobody claims them.
accept() {
	local id
	for id; do
		printf '{"id":"%s","type":"order.paid","customer":"c/1","amount":19.99}\n' "$id"
	done | evt-receive -q -s orders >/dev/null 2>&1 9>&1
}

lines() {
	jq -c '[.id, .evtdestination, .evtattempt, .evtclaim]'
}

# Ends a delivery as failed, as a filter would.
fail() {
	evt-retry | jq -c --arg id "$1" 'if .id == $id then .evterror = "made up" else . end' | evt-deliver -q || true
}

@test "with nothing due it prints nothing and is content" {
	accept o1
	evt-retry >/dev/null
	run evt-retry
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a missing journal is exit 66" {
	run evt-retry
	[ "$status" -eq 66 ]
	[[ $output == *"evt-retry: journal $EVT_JOURNAL: No such file"* ]]
}

@test "what is due is claimed once, in the order it came" {
	accept o1 o2 o3
	run bash -c 'evt-retry | jq -r .id | tr "\n" " "'
	[ "$output" = "o1 o2 o3 " ]
	[ "$(status_of o2)" = processing ]
	run evt-retry
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a line holds the number that arrived" {
	accept o1
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	grep -q '"amount":19.99}' "$BATS_TEST_TMPDIR/lines"
}

@test "--limit bounds the lines" {
	accept o1 o2 o3
	[ "$(evt-retry --limit 2 | wc -l)" -eq 2 ]
	[ "$(evt-retry | wc -l)" -eq 1 ]
}

@test "-d claims for one destination alone; one without a file is refused" {
	accept o1
	printf '{"id":"l1","type":"log.line"}\n' | evt-receive -q -s orders >/dev/null
	write_destination log <<<'{"url": "http://127.0.0.1:9/log"}'
	run bash -c 'evt-retry -d log | jq -r .id'
	[ "$output" = l1 ]
	run evt-retry -d nowhere
	[ "$status" -eq 78 ]
	[[ $output == *nowhere* ]]
}

@test "deliveries to a destination without a file stay, and are reported" {
	printf '{"id":"l1","type":"log.line"}\n' | evt-receive -q -s orders >/dev/null
	accept o1
	run --separate-stderr evt-retry
	[ "$status" -eq 78 ]
	[ "$(lines <<<"$output")" = '["o1","crm",1,1]' ]
	[[ $stderr == *"log: 1 deliveries wait for it, but it has no usable file"* ]]
	[ "$(status_of l1)" = received ]
}

@test "a reader that goes away gives the claims back" {
	for i in $(seq 2000); do printf '{"id":"o%d","type":"order.paid","pad":"%0200d"}\n' "$i" 0; done | evt-receive -q -s orders >/dev/null
	evt-retry | head -n 1 >/dev/null
	[ "$(query "select count(*) from history where status = 'processing'")" -eq 0 ]
	evt-retry >"$BATS_TEST_TMPDIR/lines"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -eq 2000 ]
}

@test "by id: a failed one goes again, with its schedule begun anew" {
	accept o1 o2
	fail o1
	[ "$(status_of o1)" = failed ]
	run bash -c 'evt-retry o1 | jq -c "[.id,.evtattempt]"'
	[ "$output" = '["o1",1]' ]
	[ "$(status_of o1)" = processing ]
}

@test "by id: one in processing is refused, one that nobody knows too" {
	accept o1
	evt-retry >/dev/null
	run evt-retry o1
	[ "$status" -eq 1 ]
	[[ $output == *"o1 (crm): is in processing"* ]]
	run evt-retry o9
	[ "$status" -eq 1 ]
	[[ $output == *"nothing matches"* ]]
}

@test "by id: each that nobody knows is told, and the others go" {
	accept o1
	fail o1
	local how
	for how in "-n" "" "-n -d crm" "-d crm" "-n --give-up why" "--give-up why"; do
		# shellcheck disable=SC2086 # options
		run evt-retry $how o8 o1 o9
		[ "$status" -eq 1 ]
		[[ $output == *"evt-retry: o8: nothing matches"* ]]
		[[ $output == *"evt-retry: o9: nothing matches"* ]]
		[[ $output != *"o1: nothing matches"* ]]
	done
	[ "$(status_of o1)" = processing ]
	run evt-retry -n --failed --type 'nothing.*'
	[ "$status" -eq 1 ]
	[ "$output" = "evt-retry: nothing matches" ]
}

@test "by id: a delivered one goes again only to a named destination" {
	start_destination
	write_destination crm <<<'{"url": "'"$DEST_URL"'/orders", "record": "/id"}'
	accept o1
	evt-retry | evt-deliver
	[ "$(status_of o1)" = delivered ]
	run evt-retry o1
	[ "$status" -eq 1 ]
	[[ $output == *"o1 (crm): is not failed: name a destination"* ]]
	evt-retry -d crm o1 | evt-deliver
	[ "$(requests .path | wc -l)" -eq 2 ]
	[ "$(query "select attempts from history where id = 'o1'")" -eq 2 ]
}

@test "by id: a skipped one goes to the destination that is named" {
	printf '{"id":"x1","type":"other.thing"}\n' | evt-receive -q -s orders >/dev/null
	[ "$(status_of x1)" = skipped ]
	run evt-retry x1
	[ "$status" -eq 1 ]
	[[ $output == *"x1: has no destination: name one with -d"* ]]
	run bash -c 'evt-retry -d crm x1 | jq -r .evtdestination'
	[ "$output" = crm ]
	[ "$(query "select count(*) from history")" -eq 1 ]
}

@test "--failed: one that failed at the door has no destination yet, and is told so" {
	printf '{"id":"n1","kind":"order.paid"}\n' | evt-receive -q -s orders >/dev/null
	[ "$(status_of n1)" = failed ]
	run evt-retry --failed
	[ "$status" -eq 1 ]
	[[ $output == *"n1: has no destination: name one with -d"* ]]
	run bash -c 'evt-retry -d crm n1 | jq -r .evtdestination'
	[ "$output" = crm ]
}

@test "by id: an expired payload is refused" {
	accept o1
	fail o1
	sqlite3 "$EVT_JOURNAL" 'delete from payload'
	run evt-retry o1
	[ "$status" -eq 1 ]
	[[ $output == *"o1 (crm): its payload has expired"* ]]
	[ "$(status_of o1)" = failed ]
}

@test "expired payloads are refused, named as far as anybody reads, and counted" {
	local i
	for i in {1..30}; do printf '{"id":"o%d","type":"order.paid"}\n' "$i"; done | evt-receive -q -s orders >/dev/null
	evt-retry | jq -c '.evterror = "made up"' | evt-deliver -q || true
	sqlite3 "$EVT_JOURNAL" 'delete from payload where event > 2'
	run --separate-stderr evt-retry --failed
	[ "$status" -eq 1 ]
	[ "$(jq -r .id <<<"$output" | tr '\n' ' ')" = 'o1 o2 ' ]
	[ "$(grep -c ': its payload has expired$' <<<"$stderr")" -eq 20 ]
	[ "$(tail -n 1 <<<"$stderr")" = 'evt-retry: 28 of 30 refused: payload expired' ]
	[[ "$(evt-retry -n --failed)" == $'28\tcrm\tfailed\torder.paid\t'*$'\t28\tmade up' ]]
}

@test "--failed with filters takes the failed ones that match, and no others" {
	accept o1 o2 o3
	evt-retry | jq -c 'if .id == "o1" then .evterror = "no email" elif .id == "o2" then .evterror = "too long" else .evtskip = "a test" end' |
		evt-deliver -q || true
	run bash -c 'evt-retry --failed --error EMAIL | jq -r .id'
	[ "$output" = o1 ]
	run bash -c 'evt-retry --failed | jq -r .id'
	[ "$output" = o2 ]
	run evt-retry --failed --since 1h --type 'contact.*'
	[ "$status" -eq 1 ]
}

@test "--dry-run prints the plan and changes nothing" {
	accept o1 o2
	run evt-retry --dry-run
	[ "$status" -eq 0 ]
	[[ $output == $'2\tcrm\treceived\torder.paid\t'*$'\t0\t-' ]]
	[ "$(status_of o1)" = received ]
	fail o1
	run evt-retry -n --failed
	[[ $output == $'1\tcrm\tfailed\torder.paid\t'*$'\t0\tmade up' ]]
	[ "$(status_of o1)" = failed ]
	run evt-retry -n --failed --type none
	[ "$status" -eq 1 ]
}

@test "--dry-run keeps to --limit, and shows what would go to a destination for the first time" {
	accept o1 o2 o3
	[[ $(evt-retry -n --limit 2) == $'2\tcrm\treceived\t'* ]]
	evt-retry | jq -c '.evterror = "made up"' | evt-deliver -q || true
	[[ $(evt-retry -n --failed --limit 2) == $'2\tcrm\tfailed\t'* ]]
	write_destination log <<<'{"url": "http://127.0.0.1:9/log"}'
	[[ $(evt-retry -n -d log o1 o2) == $'2\tlog\treceived\torder.paid\t'* ]]
	[[ $(evt-retry -n -d crm o1 o2) == $'2\tcrm\tfailed\torder.paid\t'* ]]
	[ "$(query "select count(*) from history where destination = 'log'")" -eq 0 ]
}

@test "--dry-run says what is due, but would not be handed out" {
	write_destination files <<<'{"program": true}'
	write_source mixed <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"crm": ["*"], "files": ["*"], "log": ["*"]}}'
	printf '{"id":"m1"}\n' | evt-receive -q -s mixed >/dev/null
	evt-retry -d crm | evt-deliver -q
	sqlite3 "$EVT_JOURNAL" "update destination set open_until = 32503680000000 where name = 'crm'"
	run --separate-stderr -78 evt-retry -n
	[ "$(cut -f 1-3 <<<"$output" | sort)" = $'1\tfiles\treceived\n1\tlog\treceived' ]
	[[ $stderr == *'crm: its breaker is open until 3000-01-01T00:00:00.000Z'* ]]
	[[ $stderr == *'files: handed out to its program alone: evt-retry -d files'* ]]
	[[ $stderr == *'log: 1 deliveries wait for it, but it has no usable file'* ]]
	run --separate-stderr -0 evt-retry -n -d files
	[ -z "$stderr" ]
}

@test "--dry-run says what would be refused, as the real run does" {
	start_destination
	write_destination crm <<<'{"url": "'"$DEST_URL"'/orders", "record": "/id"}'
	accept o1
	evt-retry | evt-deliver
	accept o2 o3 o4
	evt-retry | jq -c 'select(.id != "o2") | .evterror = "made up"' | evt-deliver
	printf '{"id":"x1","type":"other.thing"}\n' | evt-receive -q -s orders >/dev/null
	sqlite3 "$EVT_JOURNAL" "delete from payload where event = 4"
	run --separate-stderr -1 evt-retry -n o1 o2 o3 o4 x1
	[ "$(cut -f 1-3 <<<"$output" | sort)" = "$(printf '1\tcrm\tdelivered\n1\tcrm\tprocessing\n2\tcrm\tfailed\n1\t-\tskipped\n' | sort)" ]
	local planned=${stderr//would be /}
	run --separate-stderr -1 evt-retry o1 o2 o3 o4 x1
	[ "$(jq -r .id <<<"$output")" = o3 ]
	[ "$planned" = "$(grep ' of 5 ' <<<"$stderr")" ]
	# With a destination, delivered and skipped ones go; given up, they have ended.
	run --separate-stderr -0 evt-retry -n -d crm o1 x1
	[ -z "$stderr" ]
	run --separate-stderr -1 evt-retry -n --give-up 'no more' o1 o2
	[ "$stderr" = $'evt-retry: 1 of 2 would be refused: in processing\nevt-retry: 1 of 2 would be refused: has ended already' ]
	[ "$(status_of o2)" = processing ]
}

@test "--delivered sends again what has arrived, where -d says" {
	start_destination
	write_destination crm <<<'{"url": "'"$DEST_URL"'/orders", "record": "/id"}'
	accept o1 o2
	evt-retry | evt-deliver
	evt-retry -d crm --delivered | evt-deliver
	[ "$(requests .path | wc -l)" -eq 4 ]
	[ "$(query "select sum(attempts) from history")" -eq 4 ]
	run evt-retry -d crm --delivered --type none
	[ "$status" -eq 1 ]
}

@test "--give-up ends what waits as failed, with the reason" {
	accept o1 o2 o3
	evt-retry --limit 1 >/dev/null
	run evt-retry --give-up 'the shop has closed' o2
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(query "select status, error from history where id = 'o2'")" = 'failed|the shop has closed' ]
	run evt-retry --give-up 'no more' o1 o2
	[ "$status" -eq 1 ]
	[[ $output == *"o1 (crm): is in processing"* && $output == *"o2 (crm): has ended already"* ]]
	evt-retry --give-up 'all of it' --source orders
	[ "$(query "select error from history where id = 'o3'")" = 'all of it' ]
	[ "$(status_of o1)" = processing ]
}

@test "--give-up: a failed one keeps what it failed of, and its attempts" {
	accept o1 o2 o3
	fail o1
	evt-retry --give-up 'a bad order' o1
	[ "$(query "select status, error from history where id = 'o1'")" = 'failed|a bad order (it had failed: made up)' ]
	run evt-retry --give-up 'a bad order' o1
	[ "$status" -eq 1 ]
	[[ $output == *'o1 (crm): has ended already'* ]]
	tallies_hold
	# Of the failed ones alone, by filter.
	sqlite3 "$EVT_JOURNAL" "update delivery set due_at = 1 where due_at is not null"
	fail o2
	evt-retry --failed --give-up 'all of them' --error 'made up' 2>/dev/null || [ $? -eq 1 ]
	[ "$(query "select error from history where id = 'o2'")" = 'all of them (it had failed: made up)' ]
	[ "$(query "select error from history where id = 'o1'")" = 'a bad order (it had failed: made up)' ]
	[[ "$(query "select error from history where id = 'o3'")" == 'no connection'* ]]
}

@test "what waits for a destination that is gone can be looked at, and given up" {
	accept o1 o2
	rm "$EVT_CONFIG/destinations/crm.json"
	run evt-retry
	[ "$status" -eq 78 ]
	[[ $output == *'crm: 2 deliveries wait for it, but it has no usable file in destinations/; if it is gone for good: evt-retry --give-up REASON -d crm'* ]]
	[[ "$(evt-retry -n -d crm)" == $'2\tcrm\treceived\t'* ]]
	evt-retry --give-up 'the CRM is gone' -d crm
	[ "$(query 'select distinct status, error from history')" = 'failed|the CRM is gone' ]
	run evt-retry
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "-f hands out what comes within moments, and ends on SIGTERM" {
	accept o0
	spawn retry evt-retry -f </dev/null >"$BATS_TEST_TMPDIR/lines"
	wait_until grep -q '"id":"o0"' "$BATS_TEST_TMPDIR/lines"
	accept o1
	wait_until grep -q '"id":"o1"' "$BATS_TEST_TMPDIR/lines"
	stop "$PID"
	[ "$STATUS" -eq 0 ]
}

@test "a SIGTERM just before it begins to wait, or to write to a full pipe, ends it all the same" {
	[ -e "$BUILD/tests/fault.so" ] || skip 'only where fault.so is built'
	accept o0
	evt-retry >/dev/null
	mkfifo "$BATS_TEST_TMPDIR/full"
	exec 8<>"$BATS_TEST_TMPDIR/full"
	LD_PRELOAD=$BUILD/tests/fault.so EVT_FAULT='poll - 1+ term' timeout -s KILL 10 evt-retry -f >&8
	accept $(seq 2000)
	LD_PRELOAD=$BUILD/tests/fault.so EVT_FAULT='write *full 1 term' timeout -s KILL 10 evt-retry >&8
	exec 8>&-
	[ "$(query "select count(*) from history where status = 'received'")" -ge 1900 ]
}

@test "new events and old retries share a destination three to one; neither starves the other" {
	start_destination -r '[{"answers": [{"status": 404}]}]' # which is no fault: the breaker stays closed
	write_destination crm <<<"{\"url\": \"$DEST_URL/\", \"retry\": {\"on\": [404], \"schedule\": [\"1ms\"], \"jitter\": 0}}"
	accept $(seq -f 'old%g' 60)
	evt-retry --limit 60 | evt-deliver
	[ "$(query "select count(*) from history where status = 'retrying'")" -eq 60 ]
	accept $(seq -f 'new%g' 200)
	evt-retry --limit 80 | jq -r .evtattempt >"$BATS_TEST_TMPDIR/attempts"
	[ "$(sort "$BATS_TEST_TMPDIR/attempts" | uniq -c | awk '{ print $2 ":" $1 }' | tr '\n' ' ')" = '1:60 2:20 ' ]
	# In turn, not one kind behind the other.
	[ "$(head -n 40 "$BATS_TEST_TMPDIR/attempts" | grep -c 2)" -eq 10 ]
	# Where there are too few of one, the other has the rest.
	evt-retry --limit 180 | jq -r .evtattempt | sort | uniq -c | awk '{ print $2 ":" $1 }' | tr '\n' ' ' >"$BATS_TEST_TMPDIR/rest"
	[ "$(<"$BATS_TEST_TMPDIR/rest")" = '1:140 2:40 ' ]
}

@test "what means nothing together is refused" {
	for words in "--failed o1" "--delivered" "--failed --give-up x" "--give-up x" "-f o1" "-f --failed" "--since 1h" "--status failed,retrying --failed" "--no-such"; do
		# shellcheck disable=SC2086 # words on purpose
		run evt-retry $words
		[ "$status" -eq 64 ]
		[[ $output == "evt-retry: "* ]]
	done
}
