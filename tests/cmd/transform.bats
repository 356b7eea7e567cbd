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
	[[ $(said) == "evt-transform: $EVT_CONFIG/maps/contacts.json: /fields/0/form: unknown key, expected one of "* ]]
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

@test "a map's when, and a destination's, end events as skipped, with the reason" {
	write_map vip <<<'{"when": [{"from": "/plan", "enum": ["pro"]}, {"not": {"from": "event:type", "pattern": "^test"}}], "fields": [{"to": "/a", "from": "/a"}]}'
	write_destination picky <<<'{"url": "http://127.0.0.1:9/", "map": "vip"}'
	write_destination euro <<<'{"url": "http://127.0.0.1:9/", "when": {"from": "/currency", "enum": ["EUR"]}}'
	run -0 transform < <(
		line 1 picky '{"plan":"pro","a":1}' ',"evtclaim":1'
		line 2 picky '{"plan":"free"}' ',"evtclaim":1'
		line 3 picky '{}' ',"evtclaim":1'
		line 4 euro '{"currency":"USD"}' ',"evtclaim":1'
		line 5 euro '{"currency":"EUR"}' ',"evtclaim":1'
	)
	[ "$(jq -r '[.id, .evtmap, .evtskip] | map(. // "-") | join(" ")' <<<"$output")" = '1 vip -
2 - map vip: when: /plan: "free" is not one of ["pro"]
3 - map vip: when: /plan: is missing
4 - destination euro: when: /currency: "USD" is not one of ["EUR"]
5 - -' ]
	[ "${lines[4]}" = "$(line 5 euro '{"currency":"EUR"}' ',"evtclaim":1')" ]
	run -0 transform --check
	rm "$EVT_CONFIG/maps/vip.json"
	write_destination euro <<<'{"url": "http://127.0.0.1:9/", "when": {"form": "/currency"}}'
	run -78 transform < <(line 4 euro '{}')
	[[ $(said) == *"/destinations/euro.json: /when/form: unknown key, expected one of "* ]]
}

@test "split: each element is an event of its own, the original comes last and is skipped" {
	write_map order <<<'{"split": "/lines", "fields": [{"to": "/order", "from": "/no"}, {"to": "/sku", "from": "/lines/sku", "required": true}]}'
	write_destination shop <<<'{"url": "http://127.0.0.1:9/", "map": "order"}'
	line o1 shop '{"no":7,"lines":[{"sku":"A"},{"sku":"B"}],"x":1.5}' ',"evtattempt":1,"evtclaim":3' >"$BATS_TEST_TMPDIR/in"
	run -0 transform <"$BATS_TEST_TMPDIR/in"
	[ "$(jq -c '[.id, .subject, .evtclaim, .evtattempt, .evtmap, .evtskip, .data]' <<<"$output")" = '["o1/1","contact/501/1",null,null,"order",null,{"order":7,"sku":"A"}]
["o1/2","contact/501/2",null,null,"order",null,{"order":7,"sku":"B"}]
["o1","contact/501",3,1,null,"map order: split into 2 parts",{"no":7,"lines":[{"sku":"A"},{"sku":"B"}],"x":1.5}]' ]
	[ "$(jq -c '.evtraw' <<<"${lines[0]}")" = '{"no":7,"lines":{"sku":"A"},"x":1.5}' ]
	local first=$output
	run -0 transform <"$BATS_TEST_TMPDIR/in"
	[ "$output" = "$first" ]
	# A part that comes again is mapped, not split.
	run -0 transform < <(jq -c '.data = .evtraw | del(.evtraw, .evtmap) | .evtclaim = 2' <<<"${lines[0]}")
	[ "$(jq -c '[.id, .data]' <<<"$output")" = '["o1/1",{"order":7,"sku":"A"}]' ]
	# One part that fails does so alone.
	run -0 transform < <(line o2 shop '{"lines":[{"sku":"A"},{}]}' ',"evtclaim":3')
	[ "$(jq -r .id <<<"$output")" = $'o2/1\no2' ]
	[ "$(query "select id, status, error from history")" = 'o2/2|failed|map order: /sku (from /lines/sku): required, but missing' ]
	run -1 transform -n < <(line o3 shop '{"lines":[[]]}')
	[[ $(said) == *'map order: split: an element is an array itself' ]]
	run -0 transform < <(line o4 shop '{"lines":[]}' ',"evtclaim":3')
	[ "$(jq -r .evtskip <<<"$output")" = 'map order: split into 0 parts' ]
}

@test "bodies: form, text and CloudEvents are bytes and media types that any sender sends as they are" {
	write_map form <<<'{"body": "form", "fields": [{"to": "/name", "from": "/n"}, {"to": "/tags", "from": "/t"}]}'
	write_map text <<<'{"body": "text", "fields": [{"to": "", "template": "{/n}!"}]}'
	write_map ce <<<'{"body": "cloudevents", "fields": [{"to": "/n", "from": "/n"}]}'
	write_map binary <<<'{"body": "cloudevents-binary", "fields": [{"to": "/n", "from": "/n"}]}'
	local data='{"n":"\u00e9 &1","t":["a",2.50,null]}' more=',"evtclaim":1,"datacontenttype":"application/vnd.x+json"'
	run -0 transform -m form < <(line 1 crm "$data" "$more")
	[ "$(jq -r '.datacontenttype, (.data_base64 | @base64d), has("data")' <<<"$output")" = 'application/x-www-form-urlencoded
name=%C3%A9+%261&tags=a&tags=2.50&tags=
false' ]
	run -0 transform -m text < <(line 1 crm "$data" "$more")
	[ "$(jq -r '.datacontenttype, (.data_base64 | @base64d)' <<<"$output")" = $'text/plain; charset=utf-8\né &1!' ]
	run -0 transform -m ce < <(line 1 crm "$data" "$more")
	[ "$(jq -c '.datacontenttype, .data' <<<"$output")" = '"application/cloudevents+json"
{"specversion":"1.0","id":"1","source":"hubspot","type":"contact.created","subject":"contact/501","datacontenttype":"application/json","data":{"n":"é &1"}}' ]
	run -0 transform -m binary < <(line 1 crm "$data" "$more")
	[ "$(jq -c '.datacontenttype, .evtmode, .data' <<<"$output")" = '"application/json"
"binary"
{"n":"é &1"}' ]
	run -1 transform -n -m form < <(line 1 crm '{"n":{}}')
	[[ $(said) == *'map form: body form: expected an object of strings, numbers, booleans and lists of these' ]]
}

@test "a line without a claim takes its payload along, for the journal" {
	run -0 transform < <(line 1 crm "$good")
	[ "$(jq -c .evtraw <<<"$output")" = "$(jq -c . <<<"$good")" ]
	run -0 transform < <(line 1 crm "$good" ',"evtclaim":1')
	[ "$(jq -c .evtraw <<<"$output")" = null ]
}

@test "a last line without a newline goes through when it is whole, and is reported when it is not" {
	run -1 transform < <(line 1 crm "$good"; line 2 crm "$good" | head -c -1; printf '\n%s' '{"specversion":"1.0","id')
	[ "${#lines[@]}" -eq 2 ]
	[ "$(said)" = 'evt-transform: line 3: not JSON: the text ends too early at byte 25' ]
	run -0 transform < <(line 1 crm "$good" | head -c -1)
	[ "${#lines[@]}" -eq 1 ]
}

@test "many failures are journaled together, after what goes on" {
	{
		for i in $(seq 600); do line "f$i" crm '{}'; done
		line g crm "$good"
	} >"$BATS_TEST_TMPDIR/in"
	run -0 transform -q <"$BATS_TEST_TMPDIR/in"
	[ "$(jq -r .id <<<"$output")" = g ]
	[ "$(query "select status, count(*) from history group by 1")" = 'failed|600' ]
}

@test "--explain tells of every way a value can come, of conditions, parts and the rest" {
	write_map all <<-'END'
		{"split": "/l", "rest": true, "remove": ["/secret"], "when": {"from": "/ok", "enum": [true]}, "input": [{"from": "/k", "type": "number"}],
		 "fields": [{"to": "/t", "template": "{/k}!"}, {"to": "/c", "from": "/k", "type": "string", "coerce": true},
		            {"to": "/w", "const": 1, "when": {"from": "/no"}}, {"to": "/f", "from": ["/no", "/k"], "apply": "first"}]}
	END
	run -1 transform --explain -m all < <(line 1 crm '{"ok":true,"k":1.50,"secret":1,"l":[1]}'; line 2 crm '{"ok":false}'; line 3 crm '{"ok":true,"k":"x"}')
	[ "$output" = '1/1	contact.created	all
	/ok	/ok	rest	true
	/k	/k	rest	1.50
	/l	/l	rest	1
	/t	{/k}!	template	"1.50!"
	/c	/k	coerced	"1.50"
	/w	const	left out by when	/no: is missing
	/f	["/no", "/k"]	applied	1.50
1	contact.created	all
		when	skipped	map all: split into 1 parts
2	contact.created	all
		when	skipped	map all: when: /ok: false is not one of [true]
3	contact.created	all
	input	/k	error	"x" is not of type number
	/ok	/ok	rest	true
	/k	/k	rest	"x"
	/t	{/k}!	template	"x!"
	/c	/k	copied	"x"
	/w	const	left out by when	/no: is missing
	/f	["/no", "/k"]	applied	"x"' ]
	[ ! -e "$EVT_JOURNAL" ]
}
