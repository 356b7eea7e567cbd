#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# evt-transform: lines in, lines out, failures into the journal.
bats_require_minimum_version 1.5.0
load ../lib

setup() {
	evt_setup
	write_map contacts <<-'END'
		{"fields": [
		  {"to": "/email", "from": "/properties/email", "type": "string", "required": true, "apply": ["trim", "lowercase"], "format": "email"},
		  {"to": "/amount", "from": "/properties/amount", "type": "number", "minimum": 0},
		  {"to": "/stage", "from": "/properties/stage", "lookup": {"lead": "Lead", "won": "Closed Won"}, "default": "Other"},
		  {"to": "/lines", "each": "/items", "fields": [{"to": "/sku", "from": "/sku", "pattern": "^[A-Z0-9-]+$"}]}]}
	END
	write_destination crm <<<'{"url": "http://127.0.0.1:9/contacts", "map": "contacts"}'
	write_destination plain <<<'{"url": "http://127.0.0.1:9/all"}'
	write_destination some <<<'{"url": "http://127.0.0.1:9/some", "map": {"contact.*": "contacts"}}'
}

# line ID DESTINATION DATA [MORE]: an event line; MORE begins with a comma.
line() {
	printf '{"specversion":"1.0","id":"%s","source":"hubspot","type":"contact.created","subject":"contact/501","evtdestination":"%s"%s,"data":%s}\n' \
		"$1" "$2" "${4-}" "$3"
}

good='{"properties":{"email":" Anna@Example.com ","amount":19.99,"stage":"won"},"items":[{"sku":"A-1"}]}'
mapped='{"email":"anna@example.com","amount":19.99,"stage":"Closed Won","lines":[{"sku":"A-1"}]}'

# transform [OPTIONS]: standard error goes to $BATS_TEST_TMPDIR/transform.err
transform() {
	evt-transform "$@" 2>"$BATS_TEST_TMPDIR/transform.err"
}

said() {
	cat "$BATS_TEST_TMPDIR/transform.err"
}

@test "a line takes the map of its destination, and says so" {
	run -0 transform < <(line 1 crm "$good" ',"evtattempt":2,"evtclaim":7,"traceparent":"00-ab"')
	[ "$output" = '{"specversion":"1.0","id":"1","source":"hubspot","type":"contact.created","subject":"contact/501","evtdestination":"crm","evtattempt":2,"evtclaim":7,"traceparent":"00-ab","evtmap":"contacts","data":'"$mapped"'}' ]
	[ -z "$(said)" ]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "numbers and strings stay exact" {
	write_map m <<<'{"fields":[{"to":"/v","from":""},{"to":"/c","const":[1.10,12345678901234567890]}]}'
	local value='[19.99, 12345678901234567890, 1.10, "\u0000\u00e9", -0, 1e400]'
	run -0 transform -m m < <(line 1 crm "$value")
	[[ $output == *'"data":{"v":'"$value"',"c":[1.10,12345678901234567890]}}' ]]
}

@test "a destination without a map, and a line without a destination, pass byte for byte" {
	local odd='{ "id" : "1", "type":"t", "specversion":"1.0","source":"s", "data": 1.10 , "x":null}'
	run -0 transform < <(line 1 plain '{"a":  1.10}'; echo "$odd")
	[ "$output" = "$(line 1 plain '{"a":  1.10}')"$'\n'"$odd" ]
}

@test "a line that bears evtmap, evtskip or evterror passes unchanged, with -m too" {
	{
		line 1 crm '{"a": 1}' ',"evtmap":"other"'
		line 2 crm '{"a": 1}' ',"evtskip":"no"'
		line 3 crm '{"a": 1}' ',"evterror":"bad"'
	} >"$BATS_TEST_TMPDIR/in"
	transform <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
	transform -m contacts <"$BATS_TEST_TMPDIR/in" >>"$BATS_TEST_TMPDIR/out"
	diff <(cat "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/in") "$BATS_TEST_TMPDIR/out"
}

@test "a line that fails is journaled with every reason, the others go on, exit 0" {
	run -0 transform < <(
		line 1 crm "$good"
		line 2 crm '{"properties":{"amount":"abc"}}'
		line 3 crm "$good"
	)
	[ "${#lines[@]}" -eq 2 ]
	[ "$(said)" = 'evt-transform: line 2: 2: map contacts: /email (from /properties/email): required, but missing; map contacts: /amount (from /properties/amount): "abc" is not of type number' ]
	[ "$(query "select id, status, error from history")" = '2|failed|map contacts: /email (from /properties/email): required, but missing; map contacts: /amount (from /properties/amount): "abc" is not of type number' ]
	[ "$(query "select payload from history")" = stored ]
}

@test "a failing line whose delivery is known already is named, exit 1, and nothing changes" {
	line 2 crm '{}' >"$BATS_TEST_TMPDIR/in"
	run -0 transform <"$BATS_TEST_TMPDIR/in"
	local before
	before=$(query "select * from history")
	run -1 transform <"$BATS_TEST_TMPDIR/in"
	[[ $(said) == *'line 1: 2: '*'(not recorded: a duplicate of what the journal has)' ]]
	[ "$(query "select * from history")" = "$before" ]
	run -1 transform < <(line 2 crm '{}' ',"evtclaim":99')
	[[ $(said) == *'line 1: 2: '*'(not recorded: '* ]]
	[ "$(query "select * from history")" = "$before" ]
}

@test "a claim that this journal does not know is taken in and ended" {
	run -0 transform < <(line 5 crm '{}' ',"evtclaim":3')
	[ "$(status_of 5)" = failed ]
}

@test "-n touches no journal, tells failures, exit 1" {
	run -1 transform -n < <(line 1 crm "$good"; line 2 crm '{}')
	[ "${#lines[@]}" -eq 1 ]
	[ "$(said)" = 'evt-transform: line 2: 2: map contacts: /email (from /properties/email): required, but missing' ]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "a failing line without a destination cannot be journaled: exit 1" {
	run -1 transform -m contacts <<<'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{}}'
	[[ $(said) == *'(not recorded: it has no evtdestination)' ]]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "data that is not JSON, or none, fails with a clear error" {
	run -1 transform -n < <(
		echo '{"specversion":"1.0","id":"1","source":"s","type":"t","evtdestination":"crm","data_base64":"AAAA"}'
		echo '{"specversion":"1.0","id":"2","source":"s","type":"t","evtdestination":"crm"}'
	)
	[[ $(said) == *'line 1: 1: map contacts: the event has data_base64, but a map needs JSON in data'* ]]
	[[ $(said) == *'line 2: 2: map contacts: the event has no data, but a map needs JSON in data'* ]]
}

@test "a type that no map of the destination is for fails" {
	run -1 transform -n < <(line 1 some "$good"; line 2 some "$good" | sed 's/contact.created/deal.won/')
	[ "${#lines[@]}" -eq 1 ]
	[ "$(said)" = 'evt-transform: line 2: 2: destination some has no map for type deal.won' ]
}

@test "lines that are no events are told with their numbers, the others go on, exit 1" {
	run -1 transform < <(
		echo 'not json'
		line 2 crm "$good"
		echo '{"specversion":"1.0","id":"3"}'
		printf '{"specversion":"1.0","id":"\xff"}\n'
		head -c 17000000 /dev/zero | tr '\0' x
		echo
		line 6 crm "$good"
	)
	[ "${#lines[@]}" -eq 2 ]
	[ "$(said)" = 'evt-transform: line 1: not JSON: expected a value at byte 1
evt-transform: line 3: attribute '\''source'\'' is missing
evt-transform: line 4: not JSON: invalid UTF-8 at byte 28
evt-transform: line 5: longer than 16 MiB' ]
}

@test "a missing or broken map or destination: exit 78, after what came before has been written" {
	run -78 transform < <(line 1 crm "$good"; line 2 nowhere "$good"; line 3 crm "$good")
	[ "${#lines[@]}" -eq 1 ]
	[[ $(said) == "evt-transform: $EVT_CONFIG/destinations/nowhere.json: No such file"* ]]
	run -78 transform -m nothing < <(line 1 crm "$good")
	[[ $(said) == "evt-transform: $EVT_CONFIG/maps/nothing.json: No such file"* ]]
	write_map contacts <<<'{"fields": [{"to": "/a", "form": "/b"}]}'
	run -78 transform < <(line 1 crm "$good")
	[ "$(said)" = "evt-transform: $EVT_CONFIG/maps/contacts.json: /fields/0/form: unknown key" ]
}

@test "what a map makes too deep for the next stage fails" {
	write_map deep <<<'{"fields":[{"to":"/a/b/c/d","from":""}]}'
	local nested
	nested=$(printf '%0126d' 0 | tr 0 '[')$(printf '%0126d' 0 | tr 0 ']')
	run -1 transform -n -m deep < <(line 1 crm "$nested")
	[ -z "$output" ]
	[ "$(said)" = 'evt-transform: line 1: 1: map deep: the mapped event is nested too deep' ]
}

@test "--check names every faulty map, and those that destinations miss" {
	run -0 transform --check
	[ -z "$output" ]
	write_map typo <<<'{"fields": [{"to": "/a", "from": "/a", "minimum": "0"}]}'
	write_map twice <<<'{"fields": [{"to": "/a", "const": 1}, {"to": "/a/b", "const": 2}]}'
	write_destination lost <<<'{"url": "http://127.0.0.1:9/", "map": {"a.*": "contacts", "b.*": "gone"}}'
	run -78 transform --check
	[[ $(said) == *"/maps/typo.json: /fields/0/minimum: expected a number, not \"0\""* ]]
	[[ $(said) == *'/maps/twice.json: /fields/1/to: collides with the field to "/a"'* ]]
	[[ $(said) == *'destination lost: '*'/maps/gone.json: No such file'* ]]
	run -0 transform --check contacts
	run -78 transform --check contacts typo
	[ "$(said | wc -l)" -eq 1 ]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "--explain tells where every value comes from, and changes nothing" {
	run -1 transform --explain < <(line 1 crm "$good"; line 2 crm '{"properties":{"email":"x"}}'; line 3 plain '{}')
	[ "$output" = '1	contact.created	contacts
	/email	/properties/email	applied	"anna@example.com"
	/amount	/properties/amount	copied	19.99
	/stage	/properties/stage	lookup	"Closed Won"
	/lines/0/sku	/items/0/sku	copied	"A-1"
2	contact.created	contacts
	/email	/properties/email	error	"x" is not of format email
	/amount	/properties/amount	left out	
	/stage	/properties/stage	default	"Other"
	/lines	/items	left out	' ]
	[ ! -e "$EVT_JOURNAL" ]
}

@test "a line goes on as soon as no other is there to read" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn transform evt-transform <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 8>&-
	line 1 crm "$good" >&8
	wait_until grep -q '"id":"1"' "$BATS_TEST_TMPDIR/out"
	printf '%s' "$(line 2 crm "$good")" >&8
	line 3 crm "$good" | sed 's/^/\n/' >&8
	wait_until grep -q '"id":"3"' "$BATS_TEST_TMPDIR/out"
	exec 8>&-
	wait_until is_gone "$PID"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 3 ]
}

@test "a reader that goes away ends it quietly, exit 0, even while it waits for input" {
	local i
	for ((i = 0; i < 2000; i++)); do line "$i" crm "$good"; done >"$BATS_TEST_TMPDIR/many"
	{ evt-transform 2>"$BATS_TEST_TMPDIR/transform.err"; echo $? >"$BATS_TEST_TMPDIR/status"; } <"$BATS_TEST_TMPDIR/many" | head -n 1 >/dev/null
	wait_until test -s "$BATS_TEST_TMPDIR/status"
	[ "$(<"$BATS_TEST_TMPDIR/status")" = 0 ]
	[ -z "$(said)" ]
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	exec 8<>"$BATS_TEST_TMPDIR/in" 9<>"$BATS_TEST_TMPDIR/out"
	spawn transform evt-transform <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 8>&- 9>&-
	line 1 crm "$good" >&8
	read -r -u 9 _
	exec 9>&-
	wait_until is_gone "$PID"
	wait "$PID"
	exec 8>&-
}

@test "usage: unknown options and operands are refused with 64, --help and --version answer" {
	run -64 transform --nonsense
	run -64 transform operand </dev/null
	run -64 transform --check -n
	run -0 evt-transform --help
	[[ $output == usage:* ]]
	run -0 evt-transform --version
	[[ $output == 'evt-transform '[0-9]* ]]
	run -0 transform </dev/null
	[ -z "$output" ]
}
