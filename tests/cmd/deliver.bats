#!/usr/bin/env bats
# evt-deliver: what is sent, what is recorded, and what is not sent at all.
# SPDX-License-Identifier: MIT

# shellcheck disable=SC2153 # STATUS is what stop of ../lib sets

load ../lib

# line ID [MEMBERS]: an event line for the destination crm, unknown to the journal.
line() {
	printf '{"specversion":"1.0","id":"%s","source":"shop","type":"contact.created",%s"evtdestination":"crm"%s}\n' \
		"$1" "${3:-}" "${2:+,$2}"
}

# crm [MEMBERS]: the destination crm is the scripted one.
crm() {
	write_destination crm <<<"{\"url\": \"$DEST_URL/contacts\", \"record\": \"/id\"${1:+, $1}}"
}

# deliver ARGUMENTS...: evt-deliver on the standard input; its messages are in deliver.err as well as in $output.
deliver() {
	run bash -c 'set -o pipefail; evt-deliver "$@" 2> >(tee "$0" >&2)' "$BATS_TEST_TMPDIR/deliver.err" "$@"
}

history_of() { # ID COLUMNS
	query "select $2 from history where id = '$1'"
}

# Whatever waits for a retry or a lease is due now.
make_due() {
	sqlite3 "$EVT_JOURNAL" 'update delivery set due_at = 1 where due_at is not null'
}

@test "a line that the journal does not know is accepted, sent and delivered" {
	start_destination
	crm
	deliver <<<"$(line e1 '"data":{"a":1}')"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(history_of e1 'status, attempts, http_status, destination_record')" = 'delivered|1|201|rec_1' ]
}

@test "the body is the data's own text, to the last digit" {
	start_destination
	crm
	local data='{"price": 19.99, "big": 12345678901234567890, "t": "1.10 \u0000 \u00e4 ä", "e": 1E+2, "z":[ ]}'
	deliver <<<"$(line e1 "\"data\":$data")"
	[ "$status" -eq 0 ]
	[ "$(jq -r .body "$DEST_LOG")" = "$data" ]
	[ "$(requests '.headers["content-type"]')" = '"application/json"' ]
}

@test "bytes are sent decoded, with their own content type, and no data as no body" {
	start_destination
	crm
	{
		line e1 '"data_base64":"AAH/"' '"datacontenttype":"image/png",'
		line e2
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.body_base64) | [.body_base64, .headers["content-type"]]')" = '["AAH/","image/png"]' ]
	[ "$(requests 'select(.body == "") | .headers | [.["content-type"], .["content-length"]]')" = '[null,"0"]' ]
}

@test "503 is tried again with the same key, and delivered" {
	start_destination -r '[{"answers": [{"status": 503}, {}]}]'
	crm '"retry": {"schedule": ["1ms"]}'
	deliver <<<"$(line e1 '"data":{"a":1}')"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, attempts, error')" = 'retrying|1|HTTP 503 Service Unavailable' ]
	make_due
	evt-retry | evt-deliver
	[ "$(history_of e1 'status, attempts, http_status, error is null')" = 'delivered|2|201|1' ]
	[ "$(requests '.headers["idempotency-key"]' | sort -u | wc -l)" -eq 1 ]
	[ "$(requests .body)" = $'"{\\"a\\":1}"\n"{\\"a\\":1}"' ]
}

@test "the idempotency key is a hash of source, id and destination" {
	start_destination
	crm
	deliver <<<"$(line e1 '"data":1')"
	[ "$(requests '.headers["idempotency-key"]')" = "\"$(printf 'shop\0e1\0crm' | sha256sum | cut -c1-32)\"" ]
}

@test "422 is final, and keeps the destination's own words" {
	start_destination -r '[{"answers": [{"status": 422, "headers": {"Content-Type": "application/problem+json"},
		"body": {"title": "Invalid contact", "detail": "email is not valid"}}]}]'
	crm
	deliver -p <<<"$(line e1 '"data":1')"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, attempts, error')" = 'failed|1|422: Invalid contact: email is not valid' ]
	[ "$output" = '{"id":"e1","source":"shop","destination":"crm","status":"failed","attempt":1,"http_status":422,"destination_record":null,"error":"422: Invalid contact: email is not valid"}' ]
}

@test "Retry-After is honoured, and attempts are used up in the end" {
	start_destination -r '[{"answers": [{"status": 429, "headers": {"Retry-After": "3600"}}]}]'
	crm '"retry": {"schedule": ["1s"]}'
	deliver <<<"$(line e1 '"data":1')"
	[ "$(query "select status, (julianday(next_attempt_at) - julianday(updated_at)) * 86400 between 3590 and 3610 from history")" = 'retrying|1' ]
	make_due
	evt-retry | evt-deliver
	[ "$(history_of e1 'status, attempts')" = 'failed|2' ]
}

@test "Retry-After may be 0, negative, past, absurd or nonsense: the wait is the schedule's at least, a day at most" {
	start_destination -r '[
		{"body": "zero", "answers": [{"status": 503, "headers": {"Retry-After": "0"}}]},
		{"body": "minus", "answers": [{"status": 503, "headers": {"Retry-After": "-5"}}]},
		{"body": "past", "answers": [{"status": 503, "headers": {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}}]},
		{"body": "huge", "answers": [{"status": 503, "headers": {"Retry-After": "99999999999999999999"}}]},
		{"body": "far", "answers": [{"status": 503, "headers": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}}]},
		{"body": "words", "answers": [{"status": 503, "headers": {"Retry-After": "soon"}}]}]'
	crm '"retry": {"schedule": ["10m"], "jitter": 0}'
	for id in zero minus past huge far words; do
		line $id "\"data\":\"$id\""
	done >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$(query "select id, round((julianday(next_attempt_at) - julianday(updated_at)) * 1440) from history order by id")" = \
		$'far|1440.0\nhuge|1440.0\nminus|10.0\npast|10.0\nwords|10.0\nzero|10.0' ]
}

@test "no answer in time, no answer at all, and no connection are told apart and tried again" {
	start_destination -r '[{"body": "slow", "answers": [{"delay_ms": 5000}]}, {"body": "cut", "answers": [{"close": true}]}]'
	crm '"timeout": "300ms"'
	write_destination nobody <<<'{"url": "http://127.0.0.1:1/"}'
	{
		line slow '"data":"slow"'
		line cut '"data":"cut"'
		line refused '"data":1' | sed 's/crm/nobody/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(history_of slow 'status, error')" = "retrying|no answer from 127.0.0.1:$DEST_PORT within 300 ms; it may have arrived all the same" ]
	[[ "$(history_of cut 'status, error')" == "retrying|the connection broke before an answer came from 127.0.0.1:$DEST_PORT"*'; it may have arrived all the same' ]]
	[ "$(history_of refused 'status, error')" = 'retrying|no connection to 127.0.0.1:1: Connection refused' ]
	[ "$(query 'select group_concat(code) from (select code from delivery order by code)')" = 'connect,reset,timeout-response' ]
}

@test "a name that does not resolve is tried again" {
	write_destination crm <<<'{"url": "http://name.invalid/", "plain_http": true}'
	deliver <<<"$(line e1 '"data":1')"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, error')" = 'retrying|the name of name.invalid could not be resolved' ]
}

tls_port() {
	sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$BATS_TEST_TMPDIR/tls.out" | grep .
}

@test "a certificate that proves nothing stops the request before it is sent" {
	command -v openssl >/dev/null || skip 'no openssl'
	openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout "$BATS_TEST_TMPDIR/key" \
		-out "$BATS_TEST_TMPDIR/cert" 2>/dev/null
	spawn tls openssl s_server -accept 127.0.0.1:0 -key "$BATS_TEST_TMPDIR/key" -cert "$BATS_TEST_TMPDIR/cert" -www \
		</dev/null >"$BATS_TEST_TMPDIR/tls.out"
	wait_until tls_port
	write_destination crm <<<"{\"url\": \"https://127.0.0.1:$(tls_port)/\", \"ambiguous\": \"fail\"}"
	deliver <<<"$(line e1 '"data":1')"
	[ "$status" -eq 0 ]
	[[ "$(history_of e1 'status, error')" == "retrying|no secure connection to 127.0.0.1:$(tls_port): "*certificate* ]]
	[ "$(query 'select code from delivery')" = tls ]
}

@test "with \"ambiguous\": \"fail\" an unanswered request is not sent again" {
	start_destination -r '[{"answers": [{"close": true}]}]'
	crm '"ambiguous": "fail"'
	deliver <<<"$(line e1 '"data":1')"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, attempts')" = 'failed|1' ]
	[ "$(requests .status)" = 0 ]
}

@test "a 200 that says no is a refusal, for good or for now, in the words the file points to" {
	start_destination -r '[{"body": "busy", "answers": [{"status": 200, "body": {"ok": false, "error": "ratelimited"}}]},
		{"body": "bad", "answers": [{"status": 200, "body": {"ok": false, "fault": {"text": "no such channel"}}}]},
		{"path": "/graphql", "answers": [{"status": 200, "body": {"data": null, "errors": [{"message": "no field x"}]}}]},
		{"answers": [{"status": 200, "body": {"ok": true, "id": 7}}]}]'
	crm '"reason": "/fault/text", "refused_when": [{"pointer": "/error", "is": "ratelimited", "then": "retry"},
		{"pointer": "/ok", "is": false}]'
	write_destination graphql <<<"{\"url\": \"$DEST_URL/graphql\", \"refused_when\": {\"pointer\": \"/errors\", \"not_empty\": true}}"
	{
		line good '"data":1'
		line busy '"data":"busy"'
		line bad '"data":"bad"'
		line graph '"data":1' | sed 's/crm/graphql/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(history_of good 'status, destination_record')" = 'delivered|7' ]
	[ "$(history_of busy 'status, http_status, error')" = 'retrying|200|200: ratelimited' ]
	[ "$(history_of bad 'status, http_status, error')" = 'failed|200|200: no such channel' ]
	[ "$(history_of graph 'status, error')" = 'failed|200: no field x' ]
	[ "$(query "select group_concat(code) from delivery where code is not null")" = refused,refused,refused ]
}

@test "an answer of success that refused_when cannot judge, for it is cut, delivers nothing" {
	local big
	big=$(head -c 70000 /dev/zero | tr '\0' x)
	printf '[{"body": "ok", "answers": [{"status": 200, "body": {"data": "short"}}]},
		{"answers": [{"status": 200, "body": {"data": "%s", "errors": [{"message": "no"}]}}]}]' "$big" >"$BATS_TEST_TMPDIR/rules"
	start_destination -r "$BATS_TEST_TMPDIR/rules"
	crm '"refused_when": {"pointer": "/errors", "not_empty": true}'
	# One that hangs up in the middle of its answer.
	spawn torn python3 -c '
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    c.recv(65536)
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\": 1,")
    c.close()' </dev/null >"$BATS_TEST_TMPDIR/torn.port"
	wait_until test -s "$BATS_TEST_TMPDIR/torn.port"
	write_destination torn <<<'{"url": "http://127.0.0.1:'"$(<"$BATS_TEST_TMPDIR/torn.port")"'/", "refused_when": {"pointer": "/errors", "not_empty": true}}'
	write_destination torn_once <<<'{"url": "http://127.0.0.1:'"$(<"$BATS_TEST_TMPDIR/torn.port")"'/", "ambiguous": "fail", "refused_when": {"pointer": "/errors", "not_empty": true}}'
	{
		line short '"data":"ok"'
		line long '"data":1'
		line torn '"data":1' | sed 's/crm/torn/'
		line once '"data":1' | sed 's/crm/torn_once/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$(history_of short status)" = delivered ]
	[ "$(history_of long 'status, error')" = 'failed|200: the answer is longer than 64 KiB, so that refused_when cannot judge it; it may have arrived all the same' ]
	[ "$(history_of torn 'status, error')" = 'retrying|200: the answer broke off, so that refused_when cannot judge it; it may have arrived all the same' ]
	[ "$(history_of once status)" = failed ]
	[ "$(query "select group_concat(code) from delivery where code is not null")" = cut,cut,cut ]
}

@test "\"already exists\" counts as delivered where the file says so, with the record's id" {
	start_destination -r '[{"body": "old", "answers": [{"status": 409, "body": {"code": "EXISTS", "existing": {"id": "c-9"}}}]},
		{"body": "torn", "answers": [{"status": 409, "body": {"code": "LOCKED", "message": "being edited"}}]},
		{"path": "/plain", "answers": [{"status": 422, "headers": {"X-Record": "p-1"}}]}]'
	crm '"exists": {"when": {"pointer": "/code", "is": "EXISTS"}, "record": "/existing/id"}'
	write_destination plain <<<"{\"url\": \"$DEST_URL/plain\", \"exists\": {\"status\": [422], \"record\": \"header:x-record\"}}"
	{
		line old '"data":"old"'
		line torn '"data":"torn"'
		line plain '"data":1' | sed 's/crm/plain/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(history_of old 'status, http_status, destination_record, error is null')" = 'delivered|409|c-9|1' ]
	[ "$(history_of torn 'status, error')" = 'failed|409: being edited' ]
	[ "$(history_of plain 'status, http_status, destination_record')" = 'delivered|422|p-1' ]
}

@test "a redirect is not followed" {
	start_destination -r '[{"path": "/contacts", "answers": [{"status": 302, "headers": {"Location": "/else"}}]}]'
	crm
	deliver <<<"$(line e1 '"data":1')"
	[ "$(history_of e1 'status, error')" = 'failed|302: redirects are not followed: /else' ]
	[ "$(requests .path)" = '"/contacts"' ]
}

@test "an answer larger than is kept is an answer all the same" {
	local big
	big=$(head -c 200000 /dev/zero | tr '\0' x)
	printf '[{"answers": [{"status": 200, "body": "%s"}]}]' "$big" >"$BATS_TEST_TMPDIR/rules"
	start_destination -r "$BATS_TEST_TMPDIR/rules"
	crm
	deliver <<<"$(line e1 '"data":1')"
	[ "$(history_of e1 status)" = delivered ]
	[ "$(query 'select length(body) from answer')" -eq 65536 ]
}

@test "each attempt keeps its time, duration, bytes, status, code, and the answer's head" {
	local big
	big=$(head -c 200000 /dev/zero | tr '\0' x)
	printf '[{"body": "large", "answers": [{"status": 422, "body": "%s"}]}, {"body": "slow", "answers": [{"status": 503, "delay_ms": 150}]}]' \
		"$big" >"$BATS_TEST_TMPDIR/rules"
	start_destination -r "$BATS_TEST_TMPDIR/rules"
	crm
	write_destination nobody <<<'{"url": "http://127.0.0.1:1/"}'
	{
		line e1 '"data":{"a":1}'
		line large '"data":"large"'
		line slow '"data":"slow"'
		line none '"data":1' | sed 's/crm/nobody/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	log_of() { evt-status --format jsonl "$1" | jq -c ".deliveries[0].attempt_log[0] | $2"; }
	[ "$(log_of e1 '[.n, .sent_bytes, .received_bytes, .http_status, .code]')" = '[1,7,14,201,null]' ]
	[[ "$(log_of e1 .head)" == '"HTTP/1.1 201 Created\r\n'* ]]
	# More came than is kept, and not all of it was read.
	[ "$(log_of large '[.sent_bytes, .received_bytes >= 65536, .received_bytes <= 200000, (.answer | length)]')" = '[7,true,true,65536]' ]
	[ "$(log_of slow '[.duration_ms >= 150, .started_at < .ended_at, .code]')" = '[true,true,"http-503"]' ]
	[ "$(log_of none '[.sent_bytes, .received_bytes, .http_status, .code, .head]')" = '[0,0,null,"connect",null]' ]
	[[ "$(evt-status e1)" == *', 7 bytes out, 14 bytes in: delivered'* ]]
}

@test "a record's number is kept digit for digit, and may stand in a header" {
	start_destination -r '[{"path": "/contacts", "answers": [{"status": 200, "body": "{\"id\": 12345678901234567890}"}]},
		{"path": "/things", "answers": [{"status": 201, "headers": {"Location": "/things/7"}}]}]'
	crm
	write_destination things <<<"{\"url\": \"$DEST_URL/things\", \"record\": \"header:location\"}"
	{
		line e1 '"data":1'
		line e2 '"data":1' | sed 's/crm/things/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$(history_of e1 destination_record)" = 12345678901234567890 ]
	[ "$(history_of e2 destination_record)" = /things/7 ]
}

@test "once the subject's record is known, it is updated, one after the other" {
	start_destination -r '[{"method": "POST", "answers": [{"delay_ms": 100, "status": 201, "body": {"id": "a/1"}}]},
		{"method": "PATCH", "answers": [{"status": 204}]}]'
	crm "\"update\": {\"url\": \"$DEST_URL/contacts/{record}?type={type}\"}"
	{
		line e1 '"data":1' '"subject":"c/1",'
		line e2 '"data":2' '"subject":"c/1",'
		line e3 '"data":3' '"subject":"c/2",'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(requests 'select(.body != "3") | [.method, .path, .body]')" = '["POST","/contacts","1"]
["PATCH","/contacts/a%2F1?type=contact.created","2"]' ]
	[ "$(history_of e2 'status, destination_record')" = 'delivered|a/1' ]
}

@test "an address that needs what the event lacks fails, and sends nothing" {
	start_destination
	write_destination crm <<<"{\"url\": \"$DEST_URL/{subject}\"}"
	deliver <<<"$(line e1 '"data":1')"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, error')" = 'failed|the URL needs {subject}, which the event does not have' ]
	[ -z "$(requests)" ]
}

@test "secrets are sent, and show nowhere else" {
	start_destination -r '[{"answers": [{"status": 401}]}]'
	write_secret crm.token t0p-s3cret
	crm '"auth": {"scheme": "bearer", "token_file": "crm.token"}, "headers": {"X-Team": "ops", "User-Agent": "x/1"}'
	write_destination basic <<<"{\"url\": \"$DEST_URL/\", \"auth\": {\"scheme\": \"basic\", \"user\": \"u\", \"password_file\": \"crm.token\"}}"
	write_destination header <<<"{\"url\": \"$DEST_URL/\", \"auth\": {\"scheme\": \"header\", \"name\": \"X-Key\", \"value_file\": \"crm.token\"}}"
	{
		line e1 '"data":1'
		line e2 '"data":1' | sed 's/crm/basic/'
		line e3 '"data":1' | sed 's/crm/header/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver -v -p <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(requests '.headers | [.authorization, .["x-key"], .["x-team"]]' | sort)" = "$(sort <<-EOF
		["Basic $(printf u:t0p-s3cret | base64)",null,null]
		["Bearer t0p-s3cret",null,"ops"]
		[null,"t0p-s3cret",null]
	EOF
	)" ]
	[ "$(requests '.headers["user-agent"]' | sort -u | head -n 1)" = "\"evt/$(evt-deliver -V | sed 's/.* //')\"" ]
	[[ $output != *t0p-s3cret* ]]
	[ "$(cat "$EVT_JOURNAL"* | grep -ac t0p-s3cret)" -eq 0 ]
	[ "$(history_of e1 status)" = retrying ]
}

@test "a duplicate line is refused and named, exit 1" {
	start_destination
	crm
	line e1 '"data":1' | evt-deliver
	deliver <<<"$(line e1 '"data":1')"
	[ "$status" -eq 1 ]
	[[ $output == *'crm: e1 of shop: not sent: a duplicate'* ]]
	[ "$(requests | wc -l)" -eq 1 ]
}

@test "a claim is used once, and an old one not at all" {
	start_destination
	crm
	line e1 '"data":1' | evt-deliver
	deliver <<<"$(line e1 '"data":1,"evtclaim":1')"
	[ "$status" -eq 1 ]
	[[ $output == *'crm: e1 of shop: not sent: '* ]]
	[ "$(requests | wc -l)" -eq 1 ]
}

@test "a claim of another journal is accepted here" {
	start_destination
	crm
	deliver <<<"$(line e1 '"data":1,"evtclaim":77')"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, attempts')" = 'delivered|1' ]
}

@test "a line that carries its own end is recorded, and not sent" {
	start_destination
	crm
	{
		line e1 '"data":1,"evtskip":"a test account"'
		line e2 '"data":1,"evterror":"no such product"'
		line e3 '"data":1,"evterror":"x","evtclaim":9'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver -p <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(history_of e1 'status, attempts, error')" = 'skipped|0|a test account' ]
	[ "$(history_of e2 'status, attempts, error')" = 'failed|0|no such product' ]
	[ "$(history_of e3 status)" = failed ]
	[ -z "$(requests)" ]
	[ "$(jq -r '[.id, .status, .attempt, .error] | @tsv' <<<"${lines[0]}")" = $'e1\tskipped\t0\ta test account' ]
}

@test "an empty evtskip or evterror still leaves words in the history" {
	start_destination
	crm
	{
		line e1 '"data":1,"evtskip":""'
		line e2 '"data":1,"evterror":" \n"'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(query 'select status, error from history order by id')" = 'skipped|no reason was given: evtskip is empty
failed|no reason was given: evterror is empty' ]
}

@test "blank lines are passed over, here and in every stage" {
	start_destination
	crm
	{
		printf '\n \t\n\r\n'
		line e1 '"data":1'
		echo
	} >"$BATS_TEST_TMPDIR/lines"
	evt-transform <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/mapped"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/mapped")" -eq 1 ]
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ "$(status_of e1)" = delivered ]
	for end in --start --record; do
		echo | evt-deliver "$end"
	done
}

@test "lines that are no events are named, the others delivered, exit 1" {
	start_destination
	crm
	{
		echo 'no json'
		line e1 '"data":1'
		line e2 '"data":1' | sed 's/,"evtdestination":"crm"//'
		line e3 '"data":1' | head -c 60
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 1 ]
	[[ $output == *'evt-deliver: line 1: not JSON'* ]]
	[[ $output == *"evt-deliver: line 3: attribute 'evtdestination' is missing"* ]]
	[[ $output == *'evt-deliver: line 4: not JSON'* ]]
	[ "$(query 'select group_concat(id) from history')" = e1 ]
}

@test "-d selects lines and leaves the others alone" {
	start_destination
	crm
	{
		line e1 '"data":1'
		line e2 '"data":1' | sed 's/crm/warehouse/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver -d crm <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 1 ]
	[[ $output == *'1 for other destinations passed over'* ]]
	[ "$(query 'select group_concat(id) from history')" = e1 ]
}

@test "-d checks the destination's file, even if no line comes" {
	write_destination crm <<<'{"url": "https://h/", "timeout": 5}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'crm.json: /timeout: expected a duration'* ]]
	write_destination crm <<<'{"url": "https://h/"}'
	evt-deliver -d crm </dev/null
}

@test "without its destination's file a line goes back, others are delivered, exit 78" {
	start_destination
	crm
	write_destination broken <<<'{"url": "https://h", "urll": 1}'
	{
		line e1 '"data":1' | sed 's/crm/missing/'
		line e2 '"data":1' | sed 's/crm/missing/'
		line e3 '"data":1' | sed 's/crm/broken/'
		line e4 '"data":1'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 78 ]
	[ "$(grep -c 'destinations/missing.json' <<<"$output")" -eq 1 ]
	[[ $output == *'broken.json: /urll: unknown key'* ]]
	[ "$(query 'select group_concat(status) from (select status from history order by id)')" = received,received,received,delivered ]
}

@test "kill -9 in flight: the same request comes again when the lease ends" {
	start_destination -r '[{"answers": [{"delay_ms": 1000}, {}]}]'
	crm
	line e1 '"data":1' >"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines"
	wait_until is_started
	stop "$PID" KILL
	[ "$(history_of e1 'status, attempts')" = 'processing|1' ]
	make_due
	evt-retry | evt-deliver
	[ "$(history_of e1 'status, attempts')" = 'delivered|2' ]
	wait_until two_requests
	[ "$(requests '.headers["idempotency-key"]' | sort -u | wc -l)" -eq 1 ]
}

is_started() {
	[ "$(query 'select count(*) from delivery where started_at is not null')" -ge "${1:-1}" ]
}

two_requests() {
	[ "$(requests | wc -l)" -eq 2 ]
}

@test "an outcome that cannot be recorded is kept until it can be" {
	command -v prlimit >/dev/null || skip 'no prlimit'
	start_destination -r '[{"answers": [{"delay_ms": 300}]}]'
	crm
	line e1 '"data":1' >"$BATS_TEST_TMPDIR/lines"
	spawn deliver bash -c 'trap "" XFSZ; exec evt-deliver' <"$BATS_TEST_TMPDIR/lines"
	wait_until is_started
	prlimit --pid "$PID" --fsize=4096: # no file grows any more: a full disk
	wait_until grep -q 'trying again' "$BATS_TEST_TMPDIR/deliver.err"
	[ "$(history_of e1 status)" = processing ]
	prlimit --pid "$PID" --fsize=unlimited:
	wait_until has_status e1 delivered
	wait_until is_gone "$PID"
	[ "$(requests | wc -l)" -eq 1 ]
}

@test "SIGTERM lets what is under way finish and gives the rest back" {
	start_destination -r '[{"answers": [{"delay_ms": 300}]}]'
	crm '"concurrency": 2'
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/in" >/dev/null
	for id in e1 e2 e3 e4 e5; do
		line $id '"data":1'
	done >&8
	wait_until is_started 2
	stop "$PID" TERM
	[ "$STATUS" -eq 0 ]
	exec 8>&-
	[ "$(query 'select status, count(*) from history group by 1')" = $'delivered|2\nreceived|3' ]
	[ "$(query 'select sum(attempts) from history')" -eq 2 ]
}

# start_sending MS: evt-deliver sends e1 to a destination that takes so long to answer, and DELIVER_PID has started it.
start_sending() {
	start_destination -r "[{\"answers\": [{\"delay_ms\": $1}]}]"
	crm
	line e1 '"data":1' >"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines" >/dev/null
	DELIVER_PID=$PID
	wait_until is_started
}

# Told to stop once more, or for the first time: it gives up the outcome of e1, exit 75.
gives_up_e1() {
	stop "$DELIVER_PID" TERM
	[ "$STATUS" -eq 75 ]
	grep -q '1 sent without a recorded outcome' "$BATS_TEST_TMPDIR/deliver.err"
}

@test "a second SIGTERM ends at once and says what is left open" {
	start_sending 20000
	kill "$DELIVER_PID"
	wait_until grep -q stopping "$BATS_TEST_TMPDIR/deliver.err"
	gives_up_e1
}

# The journal's lock, held by somebody else until the test lets go of it.
hold_lock() {
	mkfifo "$BATS_TEST_TMPDIR/let_go"
	exec 7<>"$BATS_TEST_TMPDIR/let_go"
	spawn holder flock "$EVT_JOURNAL-lock" sh -c 'echo held; read -r word' <"$BATS_TEST_TMPDIR/let_go" >"$BATS_TEST_TMPDIR/held" 7>&-
	wait_until test -s "$BATS_TEST_TMPDIR/held"
}

is_answered() {
	[ "$(wc -l <"$DEST_LOG")" -ge 1 ]
}

@test "a second SIGTERM ends at once while a commit waits for the journal" {
	local began
	start_sending 300
	hold_lock
	wait_until is_answered # its outcome waits for the lock
	kill "$DELIVER_PID"
	wait_until grep -q stopping "$BATS_TEST_TMPDIR/deliver.err"
	began=${EPOCHREALTIME/./}
	gives_up_e1
	((${EPOCHREALTIME/./} - began < 3000000))
	[ "$(status_of e1)" = processing ]
	echo >&7
	end_leases
	evt-retry | evt-deliver
	[ "$(history_of e1 'status, attempts')" = 'delivered|2' ]
}

@test "one SIGTERM while the journal cannot be had: given up after seconds, exit 75; what can be had in time is recorded" {
	local began
	start_sending 300
	hold_lock
	wait_until is_answered
	began=${EPOCHREALTIME/./}
	gives_up_e1
	((${EPOCHREALTIME/./} - began < 8000000))
	((${EPOCHREALTIME/./} - began > 4000000))
	echo >&7
	rm "$BATS_TEST_TMPDIR/let_go" "$BATS_TEST_TMPDIR/held" "$BATS_TEST_TMPDIR/deliver.err"

	# And now it is locked for a moment only.
	: >"$DEST_LOG"
	line e2 '"data":1' >"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines" >/dev/null
	DELIVER_PID=$PID
	wait_until is_started 2
	hold_lock
	wait_until is_answered
	kill "$DELIVER_PID"
	wait_until grep -q stopping "$BATS_TEST_TMPDIR/deliver.err"
	echo >&7
	stop "$DELIVER_PID" CONT
	[ "$STATUS" -eq 0 ]
	[ "$(status_of e2)" = delivered ]
}

@test "what the breaker holds goes back to the journal, and the run ends well" {
	start_destination -r '[{"answers": [{"status": 500}]}]'
	crm '"concurrency": 1'
	for i in {1..30}; do
		line "e$i" '"data":1'
	done >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[[ $output == *'crm: 20 back to the journal, unsent: the destination is failing'* ]]
	[ "$(query 'select status, count(*), sum(attempts) from history group by 1')" = $'received|20|0\nretrying|10|10' ]
}

@test "a rate is kept, and does not hold up another destination" {
	start_destination
	crm '"rate": "1/h"'
	write_destination quick <<<"{\"url\": \"$DEST_URL/quick\"}"
	{
		line e1 '"data":1'
		line e2 '"data":1'
		line e3 '"data":1'
		line q1 '"data":1' | sed 's/crm/quick/'
	} >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[[ $output == *'crm: '*' back to the journal, unsent: its rate'* ]]
	[ "$(history_of q1 status)" = delivered ]
	[ "$(requests 'select(.path == "/contacts")' | wc -l)" -le 2 ]
}

@test "connections are kept: as many as may be open at once, for however many requests" {
	start_destination
	crm '"concurrency": 4'
	line ID '"data":1' | awk '{ for (i = 1; i <= 200; i++) { l = $0; sub("ID", "e" i, l); print l } }' >"$BATS_TEST_TMPDIR/lines"
	deliver <"$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 0 ]
	[ "$(requests .port | wc -l)" -eq 200 ]
	(($(requests .port | sort -u | wc -l) <= 4))
}

@test "a slow destination that may have all requests there can be under way does not hold up another" {
	start_destination -r '[{"path": "/contacts", "answers": [{"delay_ms": 120000}]}]'
	crm '"concurrency": 1000, "timeout": "3m"'
	write_destination quick <<<"{\"url\": \"$DEST_URL/quick\"}"
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/in" 8>&-
	line ID '"data":1' | awk '{ for (i = 1; i <= 400; i++) { l = $0; sub("ID", "e" i, l); print l } }' >&8
	wait_until is_started 224
	local i
	for i in 1 2 3 4 5; do
		line "q$i" '"data":1' | sed 's/crm/quick/' >&8
		wait_until has_status "q$i" delivered
	done
	exec 8>&-
	[ "$(query 'select count(*) from delivery where started_at is not null')" -lt 256 ]
	kill "$PID"
	stop "$PID"
}

@test "a destination with more lines than memory holds does not hold up another" {
	start_destination -r '[{"path": "/contacts", "answers": [{"delay_ms": 1000}]}]'
	crm '"concurrency": 1'
	write_destination quick <<<"{\"url\": \"$DEST_URL/quick\"}"
	{
		line q1 '"data":1' | sed 's/crm/quick/'
		line ID '"data":1' | awk '{ for (i = 1; i <= 2000; i++) { l = $0; sub("ID", "e" i, l); print l } }'
		line q2 '"data":1' | sed 's/crm/quick/'
	} >"$BATS_TEST_TMPDIR/lines"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/lines"
	wait_until has_status q2 delivered
	stop "$PID"
	[ "$STATUS" -eq 0 ]
	grep -q 'crm: .* back to the journal, unsent: the destination is slow' "$BATS_TEST_TMPDIR/deliver.err"
	[ "$(query "select count(*) from history where destination = 'crm' and status <> 'delivered' and status <> 'received'")" -eq 0 ]
}

@test "an input that cannot be read: 74" {
	run evt-deliver <"$BATS_TEST_TMPDIR"
	[ "$status" -eq 74 ]
	[[ $output == *'cannot read: Is a directory'* ]]
}

@test "closed standard streams are errors, and nothing else is taken for them" {
	run bash -c 'evt-deliver <&-'
	[ "$status" -eq 74 ]
	line e1 '"data":1,"evtskip":"x"' >"$BATS_TEST_TMPDIR/lines"
	run bash -c 'evt-deliver -p <"$1" >&-' - "$BATS_TEST_TMPDIR/lines"
	[ "$status" -eq 74 ]
	[[ $output == *'standard output: Bad file descriptor'* ]]
	[ "$(status_of e1)" = skipped ]
}

@test "a reader of -p that does not read holds nothing up, and misses nothing" {
	start_destination
	crm
	line ID '"data":1' | awk '{ for (i = 1; i <= 2000; i++) { l = $0; sub("ID", "e" i, l); print l } }' >"$BATS_TEST_TMPDIR/lines"
	mkfifo "$BATS_TEST_TMPDIR/printed"
	exec 7<>"$BATS_TEST_TMPDIR/printed"
	spawn deliver evt-deliver -p <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/printed" 7>&-
	all_delivered() {
		[ "$(query "select count(*) from history where status = 'delivered'")" -eq 2000 ]
	}
	wait_until all_delivered
	kill -0 "$PID" # far more than a pipe holds
	head -n 2000 <&7 | jq -r '[.id, .status] | @tsv' | sort -u | grep -c delivered >"$BATS_TEST_TMPDIR/count"
	exec 7>&-
	[ "$(<"$BATS_TEST_TMPDIR/count")" -eq 2000 ]
	wait_until is_gone "$PID"
}

@test "a lone line does not wait for others" {
	start_destination
	crm
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn deliver evt-deliver -p <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/printed"
	line e1 '"data":1' >&8
	wait_until has_status e1 delivered
	wait_until grep -q '"id":"e1"' "$BATS_TEST_TMPDIR/printed"
	line e2 '"data":1' >&8
	wait_until has_status e2 delivered
	exec 8>&-
}

@test "usage: 64; help and version: 0" {
	run evt-deliver --nonsense
	[ "$status" -eq 64 ]
	run evt-deliver operand
	[ "$status" -eq 64 ]
	run evt-deliver --help
	[ "$status" -eq 0 ]
	[[ $output == 'usage: evt-deliver'* ]]
	run evt-deliver --version
	[ "$status" -eq 0 ]
}
