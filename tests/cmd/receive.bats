#!/usr/bin/env bats
# evt-receive: real clients, real sockets. Everything it has answered 2xx to must be in the journal.

# shellcheck disable=SC2153 # STATUS is stop's
load ../lib

setup() {
	evt_setup
	write_source crm <<'END'
{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"sales": ["contact.*"]}}
END
	write_source any <<'END'
{"verify": {"scheme": "none"}, "type": "const:thing", "destinations": {"sales": ["*"]}}
END
	write_source batch <<'END'
{"verify": {"scheme": "none"}, "split": "/events", "id": "/id", "type": "/type", "destinations": {"sales": ["*"]}}
END
	write_destination sales <<'END'
{"url": "http://127.0.0.1:9/"}
END
}

answer() {
	jq -c . "$BATS_TEST_TMPDIR/answer"
}

# answered STATUS [TEXT]: what `run post` got, and a part of the answer's body.
answered() {
	if [ "$output" != "$1" ] || ! grep -qF -- "${2:-}" "$BATS_TEST_TMPDIR/answer"; then
		echo "$output: $(cat "$BATS_TEST_TMPDIR/answer")" >&2
		return 1
	fi
}

# refused STATUS TEXT: the same, and it is a JSON error.
refused() {
	answered "$1" "$2" && jq -e '.error | length > 0' "$BATS_TEST_TMPDIR/answer" >/dev/null
}

post_as() { # TYPE BODY
	curl -sS -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}\n' -H "Content-Type: $1" --data-binary "$2" "$RECEIVE_URL/crm"
}

# What the lines on standard input come to, without the live output.
records() {
	{ evt-receive "$@" >/dev/null; } 2>&1
}

# raw TEXT: sends it as it is (printf's escapes) and prints what comes back until the connection ends.
raw() {
	(
		trap '' PIPE
		exec 7<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		printf '%b' "$1" >&7 2>/dev/null
		timeout 10 cat <&7
	)
}

count() {
	query "select count(*) from history ${1:-}"
}

counts() { # N [WHERE]: for wait_until
	[ "$(count "${2:-}")" = "$1" ]
}

free_port() {
	start_receiver
	stop "$RECEIVE_PID"
	FREE_PORT=$RECEIVE_PORT
}

needs() {
	command -v "$1" >/dev/null || skip "no $1 here"
}

post_json() { # PORT BODY
	curl -sS --max-time 20 -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}\n' --data-binary "$2" "http://127.0.0.1:$1/crm"
}

@test "a new event is journaled and answered 202, again 200, with another body 200 and a conflict" {
	start_receiver
	run post crm '{"id":"1","type":"contact.new","amount":19.90}'
	answered 202
	[ "$(answer)" = '{"accepted":1}' ]
	run post crm '{"id":"1","type":"contact.new","amount":19.90}'
	answered 200
	[ "$(answer)" = '{"accepted":0,"duplicates":1}' ]
	run post crm '{"id":"1","type":"contact.new","amount":20}'
	answered 200
	[ "$(answer)" = '{"accepted":0,"conflicts":1}' ]
	[ "$(count)" = 1 ]
	[ "$(status_of 1)" = received ]
}

@test "an event that no destination wants is skipped, and one without its type failed, with the reason" {
	start_receiver
	run post crm '{"id":"1","type":"deal.won"}'
	answered 202
	run post crm '{"id":"2"}'
	answered 202 '"failed":1'
	[ "$(status_of 1)" = skipped ]
	[ "$(status_of 2)" = failed ]
	[[ "$(query "select error from history where id = '2'")" == *'/type is missing'* ]]
	run post crm '{"id":"2"}'
	answered 200
}

@test "a split request is many events, of which each fails alone" {
	start_receiver
	run post batch '{"events":[{"id":"a","type":"t"},{"type":"t"},{"id":"b","type":"t"}]}'
	answered 202 '{"accepted":3,"failed":1}'
	run post batch '{"events":[{"id":"a","type":"t"},{"type":"t"},{"id":"c","type":"t"}]}'
	answered 202 '{"accepted":1,"duplicates":2}'
	[ "$(count "where status = 'received'")" = 3 ]
	[ "$(count "where status = 'failed'")" = 1 ]
}

@test "every refusal has its status and says why in JSON" {
	start_receiver
	run post nobody '{}'
	refused 404 'no such source'
	run post 'crm/../crm' '{}' --path-as-is
	refused 404 'no such source'
	run post '%63rm' '{}'
	refused 404 'no such source'
	run post crm '' -X GET -D "$BATS_TEST_TMPDIR/head"
	refused 405 POST
	grep -q '^Allow: POST' "$BATS_TEST_TMPDIR/head"
	grep -q '^Connection: close' "$BATS_TEST_TMPDIR/head"
	run post crm '{"id":1,'
	refused 400 'at byte 8'
	run post crm '{}' -H 'Content-Type: application/xml'
	refused 400 'Content-Type stands there more than once'
	run post_as application/xml '<id>1</id>'
	refused 415 'application/xml'
	run post_as application/x-www-form-urlencoded 'id=1'
	refused 415 'application/x-www-form-urlencoded'
	run post crm '{}' -H 'Content-Encoding: br'
	refused 415 'Content-Encoding'
	run post batch '{}'
	refused 400 'expected an array'
	[ "$(count)" = 0 ]
}

@test "too large a body is refused, its length told beforehand or not" {
	start_receiver
	head -c 1048577 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/big"
	run post crm "@$BATS_TEST_TMPDIR/big" -H Expect:
	refused 413 'more than 1048576 bytes'
	run post crm "@$BATS_TEST_TMPDIR/big"
	refused 413 'more than 1048576 bytes'
	run post crm "@$BATS_TEST_TMPDIR/big" -H 'Transfer-Encoding: chunked'
	refused 413 'more than 1048576 bytes'
	{
		printf '{"id":1,"type":"contact.new","x":"'
		head -c 1048500 /dev/zero | tr '\0' x
		printf '"}'
	} >"$BATS_TEST_TMPDIR/big"
	run post crm "@$BATS_TEST_TMPDIR/big" # the body fits, the line does not
	refused 413 'as a line'
	run post crm '{"id":1,"type":"contact.new"}'
	answered 202
}

@test "a body in chunks is taken whole" {
	start_receiver
	{
		printf '{"id":1,"type":"contact.new","x":"'
		head -c 500000 /dev/zero | tr '\0' x
		printf '"}'
	} >"$BATS_TEST_TMPDIR/large"
	run post crm "@$BATS_TEST_TMPDIR/large" -H 'Transfer-Encoding: chunked'
	answered 202
	[ "$(evt-retry -d sales | jq -c .data | wc -c)" -eq "$(($(wc -c <"$BATS_TEST_TMPDIR/large") + 1))" ]
}

@test "a wrong signature is 401, a right one 202" {
	write_secret sales.secret mysecret
	write_source hub <<'END'
{"verify": {"scheme": "github", "secret_file": "sales.secret"}, "id": "header:X-GitHub-Delivery", "type": "header:X-GitHub-Event", "destinations": {"sales": ["*"]}}
END
	start_receiver
	local good=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3
	run post hub '{"foo":"bar"}' -H "X-Hub-Signature-256: sha256=$good" -H 'X-GitHub-Delivery: 1' -H 'X-GitHub-Event: push'
	answered 202
	run post hub '{"foo":"baz"}' -H "X-Hub-Signature-256: sha256=$good" -H 'X-GitHub-Delivery: 2' -H 'X-GitHub-Event: push'
	refused 401 'does not match'
	run post hub '{"foo":"bar"}' -H 'X-GitHub-Delivery: 3' -H 'X-GitHub-Event: push'
	refused 401 'X-Hub-Signature-256 is missing'
	run post hub '{"foo":"bar"}' -H "X-Hub-Signature-256: sha256=$good" -H "X-Hub-Signature-256: sha256=$good"
	refused 401 'more than once'
	[ "$(count)" = 1 ]
	run grep -q mysecret "$RECEIVE_ERR" "$BATS_TEST_TMPDIR/answer"
	[ "$status" -eq 1 ]
}

post_signed() { # SOURCE ID BODY: as GitHub does
	local sign
	sign=$(printf %s "$3" | openssl dgst -sha256 -hmac mysecret -r)
	post "$1" "$3" -H "X-Hub-Signature-256: sha256=${sign%% *}" -H "X-GitHub-Delivery: $2"
}

@test "a signed body that comes again under another id, which is not signed, is taken and told of" {
	write_secret hub.secret mysecret
	write_source hub <<'END'
{"verify": {"scheme": "github", "secret_file": "hub.secret"}, "id": "header:X-GitHub-Delivery", "type": "const:push",
 "subject": "/n", "destinations": {"sales": ["*"]}}
END
	start_receiver
	run post_signed hub one '{"n":1}'
	answered 202 '{"accepted":1}'
	run post_signed hub two '{"n":2}'
	answered 202 '{"accepted":1}'
	run post_signed hub three '{"n":1}'
	answered 202 '{"accepted":1,"repeats":1}'
	run post_signed hub three '{"n":1}'
	answered 200 '{"accepted":0,"duplicates":1}'
	run post_signed hub one '{"n":3}'
	answered 200 '{"accepted":0,"conflicts":1}'
	[ "$(count "where status = 'received'")" = 3 ]
	[[ $(evt-status one) == *'repeats  '*'this payload came 1 more times under other ids, which no signature covers'* ]]
	[[ $(evt-status two) != *repeats* ]]
	[[ $(evt-status three) == *'repeats  '*'the payload of one, under another id, which no signature covers'* ]]
	[ "$(evt-status --format jsonl one two three | jq -sc 'sort_by(.id) | map([.repeats, .repeat_of])')" = '[[1,null],[0,"one"],[0,null]]' ]
	[[ $(evt-status --summary) == *'Taken again under another id, which no signature covers, last 24 hours'$'\n''       1  hub (last '*': three)'* ]]
	evt-status --summary --format json | jq -e '.repeated | length == 1 and .[0].source == "hub" and .[0].count == 1 and .[0].last_id == "three"'
	evt-status --format html | grep -q 'Taken again under another id.*1</td><td><bdi>hub</bdi>.*<bdi>three</bdi>'
	evt-status --format html one | grep -q 'this payload came 1 more times under other ids'
	evt-status --format html three | grep -q 'Repeats the payload of.*<bdi>one</bdi>'
	evt-status --format prometheus | grep -qx 'evt_events_repeated_lately{source="hub"} 1'
	stop "$RECEIVE_PID"
	# Who is forgotten is so in the index, too.
	evt-prune --source hub --subject 1 >/dev/null
	[ "$(query "select group_concat(id || ' ' || (body_key is null), ', ') from event")" = 'one 1, two 0, three 1' ]
	tallies_hold
}

@test "a password that is missing is asked for" {
	write_secret sales.secret 'open sesame'
	write_source door <<'END'
{"verify": {"scheme": "basic", "user": "ali", "secret_file": "sales.secret"}, "type": "const:t", "destinations": {"sales": ["*"]}}
END
	start_receiver
	run post door '{}' -D "$BATS_TEST_TMPDIR/head"
	refused 401 'Authorization is missing'
	grep -q '^WWW-Authenticate: Basic' "$BATS_TEST_TMPDIR/head"
	run post door '{}' -u 'ali:open sesame'
	answered 202
}

@test "a length that can be read in two ways is refused, and nothing behind it is read as a request" {
	start_receiver
	local head='POST /any HTTP/1.1\r\nHost: a\r\n' hidden='POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}' headers
	for headers in 'Content-Length: 2\r\nContent-Length: 2\r\n' 'Content-Length: 2\r\nContent-Length: 3\r\n' \
		'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n' 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n' \
		'Content-Length: +2\r\n' 'Content-Length: 2, 2\r\n' 'Content-Length: 0x2\r\n' 'Content-Length: -2\r\n' \
		'Content-Length : 2\r\n' 'Transfer-Encoding: gzip, chunked\r\n' 'Transfer-Encoding: xchunked\r\n' \
		'Transfer-Encoding:\x0bchunked\r\n' 'Transfer-Encoding : chunked\r\n' 'Host: b\r\nContent-Length: 2\r\n' \
		'X Y: z\r\nContent-Length: 2\r\n'; do
		run raw "$head$headers\r\n0\r\n\r\n$hidden"
		[[ "$output" == 'HTTP/1.1 400'* ]] || { echo "$headers: $output" >&2; return 1; }
		[[ "$output" != *accepted* ]] || { echo "$headers: $output" >&2; return 1; }
	done
	[ "$(count)" = 0 ]
	run raw "POST /nobody HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}$hidden"
	[[ "$output" == 'HTTP/1.1 404'* ]]
	[ "$(count)" = 0 ]
}

@test "several requests on one connection are all answered, in their order" {
	start_receiver
	local one='POST /crm HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n{"id":"1","type":"contact.new"}'
	run raw "$one$one${one/Length: 31/Length: 31\\r\\nConnection: close}"
	[ "$(grep -c '^HTTP/1.1 202' <<<"$output")" = 1 ]
	[ "$(grep -c '^HTTP/1.1 200' <<<"$output")" = 2 ]
}

@test "what it knows outlives a restart" {
	start_receiver
	run post crm '{"id":"1","type":"contact.new"}'
	answered 202
	stop "$RECEIVE_PID"
	[ "$STATUS" = 0 ]
	start_receiver
	run post crm '{"id":"1","type":"contact.new"}'
	answered 200 duplicates
}

@test "256 connections at once, then one: nobody is left waiting" {
	start_receiver
	local round
	for round in 1 2 3 4 5; do
		echo "round $round"
		curl -sS -Z --parallel-immediate --parallel-max 256 --max-time 20 -o /dev/null -w '%{http_code}\n' \
			-d '{}' "$RECEIVE_URL/any?[1-256]" >"$BATS_TEST_TMPDIR/statuses" 2>"$BATS_TEST_TMPDIR/curl.err"
		[ "$(sort "$BATS_TEST_TMPDIR/statuses" | uniq -c | tr -s ' ')" = ' 256 202' ]
		run post any '{}' --max-time 5
		answered 202
	done
	[ "$(count)" = 1285 ]
}

@test "while the journal is locked it answers 503, and afterwards it takes events again" {
	start_receiver
	run post crm '{"id":"1","type":"contact.new"}'
	answered 202
	exec 7<>"$EVT_JOURNAL-lock"
	flock 7
	run post crm '{"id":"2","type":"contact.new"}' --max-time 30 -D "$BATS_TEST_TMPDIR/head"
	refused 503 'try again'
	grep -q '^Retry-After: [1-9]' "$BATS_TEST_TMPDIR/head"
	exec 7>&-
	run post crm '{"id":"2","type":"contact.new"}'
	answered 202
	grep -q 'answering 503' "$RECEIVE_ERR"
	grep -q 'takes events again' "$RECEIVE_ERR"
}

@test "with its disk full it answers 503, and takes events again when there is room" {
	needs prlimit
	start_receiver
	run post crm '{"id":"1","type":"contact.new"}'
	answered 202
	{
		printf '{"x":"'
		head -c 900000 /dev/zero | tr '\0' x
		printf '"}'
	} >"$BATS_TEST_TMPDIR/large"
	prlimit --pid "$RECEIVE_PID" --fsize=1000000:unlimited # what a full disk looks like to it: a write that fails
	run post any "@$BATS_TEST_TMPDIR/large"
	[ "$output" = 202 ] && run post any "@$BATS_TEST_TMPDIR/large"
	refused 503 'try again'
	run post any "@$BATS_TEST_TMPDIR/large"
	refused 503 'try again'
	prlimit --pid "$RECEIVE_PID" --fsize=unlimited:unlimited
	run post any "@$BATS_TEST_TMPDIR/large"
	answered 202
	[ "$(grep -c 'answering 503' "$RECEIVE_ERR")" = 1 ]
	[ "$(sqlite3 "$EVT_JOURNAL" 'pragma integrity_check')" = ok ]
}

@test "a signal ends it after what is in has been answered" {
	start_receiver
	seq -f "url = \"$RECEIVE_URL/any?%g\"" 2000 >"$BATS_TEST_TMPDIR/requests"
	curl -sS -Z --parallel-max 32 --max-time 20 -d '{}' -K "$BATS_TEST_TMPDIR/requests" -o /dev/null \
		-w '%{http_code}\n' >"$BATS_TEST_TMPDIR/statuses" 2>/dev/null 3>&- &
	local client=$!
	wait_until grep -q 202 "$BATS_TEST_TMPDIR/statuses"
	stop "$RECEIVE_PID"
	[ "$STATUS" = 0 ]
	wait "$client" || true
	[ "$(count)" -ge "$(grep -c 202 "$BATS_TEST_TMPDIR/statuses")" ]
}

@test "kill -9 under load loses nothing it has answered" {
	start_receiver
	local i
	for i in $(seq 400); do
		printf 'url = "%s/crm"\ndata = {"id":"k%d","type":"contact.new"}\nwrite-out = "%%{http_code} k%d\\n"\noutput = /dev/null\nnext\n' \
			"$RECEIVE_URL" "$i" "$i"
	done | sed '/^data/s/= \(.*\)/= "\1"/; /^data/s/"/\\"/g; /^data/s/= \\"\(.*\)\\"$/= "\1"/' >"$BATS_TEST_TMPDIR/requests"
	curl -sS --max-time 5 -K "$BATS_TEST_TMPDIR/requests" >"$BATS_TEST_TMPDIR/statuses" 2>/dev/null 3>&- &
	local client=$!
	wait_until grep -q 'k100$' "$BATS_TEST_TMPDIR/statuses"
	kill -9 "$RECEIVE_PID"
	wait "$client" || true
	[ "$(grep -c '^202' "$BATS_TEST_TMPDIR/statuses")" -ge 100 ]
	start_receiver
	sed -n 's/^202 //p' "$BATS_TEST_TMPDIR/statuses" | sort >"$BATS_TEST_TMPDIR/answered"
	query "select id from history" | sort >"$BATS_TEST_TMPDIR/journaled"
	[ -z "$(comm -23 "$BATS_TEST_TMPDIR/answered" "$BATS_TEST_TMPDIR/journaled")" ]
}

@test "records: counted, known again, bad lines named" {
	run records -s crm <<'END'
{"id":"1","type":"contact.new"}
{"id":"2","type":"contact.new"}

{"id":"1","type":"contact.new"}
END
	[ "$status" -eq 0 ]
	[ "$output" = 'evt-receive: 3 records: 2 accepted, 1 duplicates' ]
	run records -s crm <<'END'
{"id":"3","type":"contact.new"}
{"id":"4"
{"id":"5","type":"contact.new"}
{"id":"6"}
END
	[ "$status" -eq 1 ]
	[[ "${lines[0]}" == 'evt-receive: line 2: not JSON:'* ]]
	[[ "${lines[1]}" == 'evt-receive: 4 records: 3 accepted, 1 of the accepted failed, 1 refused' ]]
	run records -q -s crm <<<'{"id":"7","type":"contact.new"}'
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(count)" = 6 ]
}

@test "records of a source with a secret need no proof, its requests do" {
	write_secret pull.secret s3cret
	write_source pull <<<'{"verify": {"scheme": "bearer", "secret_file": "pull.secret"}, "id": "/id", "type": "const:t", "destinations": {}}'
	evt-receive -s pull <<<'{"id":1}' >/dev/null
	start_receiver
	[ "$(post pull '{"id":2}')" = 401 ]
	[ "$(post pull '{"id":3}' -H 'Authorization: Bearer s3cret')" = 202 ]
	[ "$(query 'select group_concat(id) from (select id from history order by id)')" = 1,3 ]
}

@test "records are journaled while their producer is idle" {
	mkfifo "$BATS_TEST_TMPDIR/pull"
	exec 8<>"$BATS_TEST_TMPDIR/pull"
	spawn records evt-receive -s crm <"$BATS_TEST_TMPDIR/pull" >/dev/null 8>&-
	echo '{"id":"1","type":"contact.new"}' >&8
	wait_until counts 1
	printf '{"id":"2","type":"contact.new"}' >&8 # without its newline: the end makes it a line
	exec 8>&-
	wait "$PID"
	[ "$(count)" = 2 ]
	grep -q '2 records: 2 accepted' "$BATS_TEST_TMPDIR/records.err"
}

@test "many records, a line that is too long among them" {
	{
		seq -f '{"id":"r%g","type":"contact.new"}' 1500
		head -c 1100000 /dev/zero | tr '\0' x
		echo
		echo '{"id":"last","type":"contact.new"}'
	} >"$BATS_TEST_TMPDIR/records"
	run records -s crm <"$BATS_TEST_TMPDIR/records"
	[ "$status" -eq 1 ]
	[[ "$output" == *'line 1501: longer than'* ]]
	[[ "$output" == *'1502 records: 1501 accepted, 1 refused'* ]]
	[ "$(count)" = 1501 ]
}

@test "live output: each accepted delivery's line, claimed" {
	evt-receive -q -s crm >"$BATS_TEST_TMPDIR/lines" <<'END'
{"id":"1","type":"contact.new","amount":1.10}
{"id":"2","type":"deal.won"}
END
	run jq -c '[.id, .evtdestination, .evtclaim > 0, .evtattempt]' "$BATS_TEST_TMPDIR/lines"
	[ "$output" = '["1","sales",true,1]' ]
	grep -qF '"data":{"id":"1","type":"contact.new","amount":1.10}' "$BATS_TEST_TMPDIR/lines"
	[ "$(status_of 1)" = processing ]
}

@test "live output of a server, which ends with it" {
	RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live
	: >"$RECEIVE_STDOUT"
	start_receiver
	run post crm '{"id":"1","type":"contact.new"}'
	answered 202
	wait_until grep -q '"id":"1"' "$RECEIVE_STDOUT"
	run post crm '{"id":"2","type":"contact.new"}'
	answered 202
	stop "$RECEIVE_PID"
	[ "$STATUS" = 0 ]
	[ "$(jq -r .id "$RECEIVE_STDOUT" | tr '\n' ' ')" = '1 2 ' ]
}

@test "a reader that goes away is told of once, and receipt goes on" {
	mkfifo "$BATS_TEST_TMPDIR/live"
	exec 8<>"$BATS_TEST_TMPDIR/live"
	RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live start_receiver 8>&-
	exec 8>&- # nobody reads any more
	run post crm '{"id":"1","type":"contact.new"}'
	answered 202
	wait_until grep -q 'live output has ended' "$RECEIVE_ERR"
	run post crm '{"id":"2","type":"contact.new"}'
	answered 202
	[ "$(grep -c 'live output has ended' "$RECEIVE_ERR")" = 1 ]
	wait_until counts 2 "where status = 'received'"
}

@test "a full pipe holds nothing up" {
	mkfifo "$BATS_TEST_TMPDIR/live"
	exec 8<>"$BATS_TEST_TMPDIR/live" # open, and never read
	RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live start_receiver 8>&-
	local pad i
	pad=$(head -c 100000 /dev/zero | tr '\0' x)
	for i in 1 2 3 4 5; do
		run post crm "{\"id\":\"$i\",\"type\":\"contact.new\",\"x\":\"$pad\"}" --max-time 5
		answered 202
	done
	head -n 5 <&8 >"$BATS_TEST_TMPDIR/lines" # with room again it goes on
	exec 8>&-
	[ "$(jq -r .id "$BATS_TEST_TMPDIR/lines" | tr '\n' ' ')" = '1 2 3 4 5 ' ]
}

@test "a line follows its commit at once, without polling" {
	mkfifo "$BATS_TEST_TMPDIR/live"
	exec 8<>"$BATS_TEST_TMPDIR/live"
	RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live start_receiver 8>&-
	local i line before lags=()
	for i in {1..21}; do
		post crm "{\"id\":\"$i\",\"type\":\"contact.new\"}" >/dev/null
		before=${EPOCHREALTIME/./}
		read -r -t 10 line <&8
		lags+=($((${EPOCHREALTIME/./} - before)))
		[[ "$line" == *"\"id\":\"$i\""* ]]
	done
	exec 8>&-
	printf '%s\n' "${lags[@]}" | sort -n >"$BATS_TEST_TMPDIR/lags"
	[ "$(sed -n 11p "$BATS_TEST_TMPDIR/lags")" -lt 50000 ] # microseconds, the one in the middle: others may build beside us
}

@test "a signal lets requests that are half in come to their end, and takes no more" {
	start_receiver
	local head body idle
	exec {head}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT" {body}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT" {idle}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
	printf 'POST /any HTTP/1.1\r\nHo' >&"$head"
	printf 'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{' >&"$body"
	run post any '{}'
	answered 202
	kill -TERM "$RECEIVE_PID"
	run timeout 10 cat <&"$idle" # closed, as it waits for nothing
	[ "$status" -eq 0 ]
	run curl -sS --max-time 5 -d '{}' "$RECEIVE_URL/any"
	[ "$status" -eq 7 ] # refused: nobody listens there any more
	printf 'st: a\r\nContent-Length: 2\r\n\r\n{}' >&"$head"
	printf '}' >&"$body"
	run timeout 10 cat <&"$head"
	[[ "$output" == 'HTTP/1.1 202 '* ]]
	run timeout 10 cat <&"$body"
	[[ "$output" == 'HTTP/1.1 202 '* ]]
	exec {head}>&- {body}>&- {idle}>&-
	stop "$RECEIVE_PID"
	[ "$STATUS" = 0 ]
	[ "$(count)" = 3 ]
}

@test "listens on a socket file, and replaces one that a crash left" {
	local path=$BATS_TEST_TMPDIR/s attempt
	for attempt in 1 2; do
		echo "attempt $attempt"
		spawn unix evt-receive -l "unix:$path" </dev/null >/dev/null
		wait_until curl -sS -f --unix-socket "$path" -d '{"id":"1","type":"contact.new"}' http://x/crm
		kill -9 "$PID"
		wait "$PID" || true
		[ -S "$path" ]
	done
	spawn unix evt-receive -l "unix:$path" </dev/null >/dev/null
	wait_until curl -sS -f --unix-socket "$path" -d '{"id":"1","type":"contact.new"}' http://x/crm
	run evt-receive -l "unix:$path"
	[ "$status" -eq 69 ]
	stop "$PID"
	[ ! -e "$path" ]
	[ "$(count)" = 1 ]
}

@test "a port that is taken, or an address that is none" {
	start_receiver
	run evt-receive -l "127.0.0.1:$RECEIVE_PORT"
	[ "$status" -eq 69 ]
	local address
	for address in '' x 70000 1:2:3 host: :80 unix:; do
		run evt-receive -l "$address"
		[ "$status" -eq 64 ]
	done
}

@test "PORT alone listens on every address" {
	free_port
	spawn receive evt-receive -l "$FREE_PORT" </dev/null >/dev/null
	wait_until curl -sS -f -d '{"id":"1","type":"contact.new"}' "http://127.0.0.1:$FREE_PORT/crm"
	grep -q "listening on .*:$FREE_PORT$" "$BATS_TEST_TMPDIR/receive.err"
}

# peer_is_known PORT N: the Nth refusal is counted with the address of who was refused.
peer_is_known() {
	[ "$(curl -sS --max-time 20 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/crm")" = 405 ]
	wait_until refusals_from_here "$2"
}

refusals_from_here() {
	[ "$(query "select sum(count) from refusal where cause = 'method' and peer = '127.0.0.1'")" = "$1" ]
}

@test "from inetd, nowait: one process for a connection" {
	needs inetd
	free_port
	cat >"$BATS_TEST_TMPDIR/inetd.conf" <<END
$FREE_PORT stream tcp nowait $(id -un) $BUILD/evt-receive evt-receive
END
	spawn inetd inetd -i -E "$BATS_TEST_TMPDIR/inetd.conf" </dev/null >/dev/null
	wait_until post_json "$FREE_PORT" '{"id":"0","type":"contact.new"}'
	run post_json "$FREE_PORT" '{"id":"1","type":"contact.new"}'
	answered 202
	run post_json "$FREE_PORT" '{"id":"1","type":"contact.new"}'
	answered 200 duplicates
	run post_json "$FREE_PORT" 'x'
	refused 415 'expected JSON'
	run curl -sS -o /dev/null -w '%{http_code} %{num_connects}\n' -d '{"id":"2","type":"contact.new"}' \
		"http://127.0.0.1:$FREE_PORT/crm" --next -sS -o /dev/null -w '%{http_code} %{num_connects}\n' \
		-d '{"id":"3","type":"contact.new"}' "http://127.0.0.1:$FREE_PORT/crm"
	[ "$output" = $'202 1\n202 0' ] # kept alive
	peer_is_known "$FREE_PORT" 1
	[ "$(count)" = 4 ]
}

@test "from inetd, wait: the first request starts it" {
	needs inetd
	free_port
	cat >"$BATS_TEST_TMPDIR/start" <<END
#!/bin/sh
echo \$\$ >'$BATS_TEST_TMPDIR/pid'
exec '$BUILD/evt-receive'
END
	chmod +x "$BATS_TEST_TMPDIR/start"
	echo "$FREE_PORT stream tcp wait $(id -un) $BATS_TEST_TMPDIR/start start" >"$BATS_TEST_TMPDIR/inetd.conf"
	spawn inetd inetd -i -E "$BATS_TEST_TMPDIR/inetd.conf" </dev/null >/dev/null
	wait_until post_json "$FREE_PORT" '{"id":"0","type":"contact.new"}'
	run post_json "$FREE_PORT" '{"id":"1","type":"contact.new"}'
	answered 202
	[ "$(count)" = 2 ]
	peer_is_known "$FREE_PORT" 1
	kill "$(<"$BATS_TEST_TMPDIR/pid")"
	wait_until is_gone "$(<"$BATS_TEST_TMPDIR/pid")"
}

@test "from systemd: a listening socket, and a connected one" {
	needs systemd-socket-activate
	free_port
	spawn activate systemd-socket-activate -l "127.0.0.1:$FREE_PORT" -E "PATH=$PATH" -E "EVT_CONFIG=$EVT_CONFIG" \
		-E "EVT_JOURNAL=$EVT_JOURNAL" evt-receive -i 500ms </dev/null >/dev/null
	wait_until post_json "$FREE_PORT" '{"id":"1","type":"contact.new"}'
	peer_is_known "$FREE_PORT" 1
	wait_until is_gone "$PID" # systemd starts it again with the next request
	wait "$PID"
	free_port
	spawn activate systemd-socket-activate -a --inetd -l "127.0.0.1:$FREE_PORT" -E "PATH=$PATH" \
		-E "EVT_CONFIG=$EVT_CONFIG" -E "EVT_JOURNAL=$EVT_JOURNAL" evt-receive </dev/null >/dev/null
	wait_until post_json "$FREE_PORT" '{"id":"2","type":"contact.new"}'
	[ "$(count)" = 2 ]
	peer_is_known "$FREE_PORT" 2
}

@test "from socat: a connected socket" {
	needs socat
	free_port
	spawn socat socat "TCP-LISTEN:$FREE_PORT,bind=127.0.0.1,reuseaddr,fork" EXEC:evt-receive </dev/null >/dev/null
	wait_until post_json "$FREE_PORT" '{"id":"1","type":"contact.new"}'
	run post_json "$FREE_PORT" '{"id":"1","type":"contact.new"}'
	answered 200 duplicates
	peer_is_known "$FREE_PORT" 1
}

@test "CGI: the request in the environment, the answer on standard output" {
	cgi() { # METHOD PATH BODY
		env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD="$1" PATH_INFO="$2" CONTENT_TYPE=application/json \
			CONTENT_LENGTH="${#3}" evt-receive <<<"$3" 2>&1 | tr -d '\r'
	}
	run cgi POST /crm '{"id":"1","type":"contact.new"}'
	[ "${lines[0]}" = 'Status: 202' ]
	[ "${lines[-1]}" = '{"accepted":1}' ]
	run cgi POST /crm '{"id":"1","type":"contact.new"}'
	[ "${lines[0]}" = 'Status: 200' ]
	run cgi GET /crm ''
	[ "${lines[0]}" = 'Status: 405' ]
	[[ "$output" == *'Allow: POST'* ]]
	run cgi POST /nobody '{}'
	[ "${lines[0]}" = 'Status: 404' ]
	[ "$(count)" = 1 ]
	# Of a chunked body Apache does not tell the length.
	chunked() { # BYTES
		head -c "$1" /dev/zero | tr '\0' ' ' | env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST PATH_INFO=/any \
			HTTP_TRANSFER_ENCODING=chunked CONTENT_TYPE=text/plain evt-receive 2>&1 | tr -d '\r'
	}
	run chunked 700000
	[ "${lines[0]}" = 'Status: 202' ]
	[ "$(query 'select max(size) from event')" = 700000 ]
	run chunked 1048577
	[ "${lines[0]}" = 'Status: 413' ]
	[[ "$output" == *'a body of more than 1048576 bytes'* ]]
	[ "$(count)" = 2 ]
	# A server that leaves a query out says it is empty; the address that was signed has no "?".
	write_secret hub.secret yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy
	write_source hub <<'END'
{"verify": {"scheme": "hubspot-v3", "secret_file": "hub.secret"}, "public_url": "https://www.example.com/webhook_uri",
 "type": "const:t", "destinations": {}}
END
	local time sign
	time=$(date +%s)000
	for QUERY_STRING in '' 'a=1'; do
		export QUERY_STRING
		sign=$(printf 'POSThttps://www.example.com/webhook_uri%s{}%s' "${QUERY_STRING:+?$QUERY_STRING}" "$time" |
			openssl dgst -sha256 -hmac yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy -binary | openssl base64)
		HTTP_X_HUBSPOT_REQUEST_TIMESTAMP=$time HTTP_X_HUBSPOT_SIGNATURE_V3=$sign run cgi POST /hub '{}'
		[ "${lines[0]}" = 'Status: 202' ]
	done
	unset QUERY_STRING
	exec 7<>"$EVT_JOURNAL-lock"
	flock 7
	run timeout 5 bash -c "$(declare -f cgi); cgi POST /any '{}'" 7>&-
	[[ "$output" == *'Status: 503'*'Retry-After:'* ]]
	exec 7>&-
	EVT_JOURNAL=/dev/null/x run cgi POST /crm '{"id":"2","type":"contact.new"}'
	[[ "$output" == *'Status: 503'*'Retry-After:'* ]]
}

@test "wrong usage and wrong configuration" {
	run evt-receive </dev/null
	[ "$status" -eq 64 ]
	[[ "$output" == *'give -l ADDR'* ]]
	run evt-receive -l 0 -s crm </dev/null
	[ "$status" -eq 64 ]
	run evt-receive -s nobody </dev/null
	[ "$status" -eq 78 ]
	run evt-receive --help
	[ "$status" -eq 0 ]
	echo '{"type": "/t", "destinations": {}}' | write_source broken
	run evt-receive -l 127.0.0.1:0
	[ "$status" -eq 78 ]
	[[ "$output" == *'broken.json'*'"verify" is missing'* ]]
	run records -s crm </dev/null # another source's file is none of its business
	[ "$status" -eq 0 ]
}

@test "a journal that cannot be opened ends it before it listens, and nothing is claimed" {
	EVT_JOURNAL=/dev/null/journal.db run evt-receive -l 127.0.0.1:0
	[ "$status" -eq 74 ]
	[[ "$output" != *listening* ]]
}
