#!/usr/bin/env bats
# evt-receive: what senders wrap events in, what they ask first, and what they want to hear.

# shellcheck disable=SC2153 # STATUS is stop's
load ../lib

# source_file NAME MEMBERS: without a signature, to one destination.
source_file() {
	write_source "$1" <<<"{\"verify\": {\"scheme\": \"none\"}, \"destinations\": {\"sales\": [\"*\"]}, $2}"
}

# send SOURCE TYPE BODY [CURL OPTIONS]: prints the status.
send() {
	local source=$1 type=$2 body=$3
	shift 3
	curl -sS -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}\n' -H "Content-Type: $type" --data-binary "$body" "$@" \
		"$RECEIVE_URL/$source"
}

answered() { # STATUS [BODY]
	if [ "$output" != "$1" ] || { [ $# -gt 1 ] && [ "$(cat "$BATS_TEST_TMPDIR/answer")" != "$2" ]; }; then
		echo "$output: $(cat "$BATS_TEST_TMPDIR/answer")" >&2
		return 1
	fi
}

count() {
	query "select count(*) from history ${1:-}"
}

@test "gzip: unpacked, within the limit, signed before or after" {
	source_file any '"id": "/id", "type": "const:t", "body_limit": 20000'
	write_secret s.secret mysecret
	write_source hub <<'END'
{"verify": {"scheme": "github", "secret_file": "s.secret"}, "type": "const:t", "destinations": {"sales": ["*"]}}
END
	write_destination sales <<<'{"url": "http://127.0.0.1:9/"}'
	start_receiver
	local tmp=$BATS_TEST_TMPDIR
	printf '{"id":"1","amount":1.10}' | gzip >"$tmp/good"
	run send any application/json "@$tmp/good" -H 'Content-Encoding: gzip'
	answered 202
	[[ "$(evt-retry 2>/dev/null)" == *'"data":{"id":"1","amount":1.10}'* ]]
	head -c 100000000 /dev/zero | gzip >"$tmp/bomb"
	head -c 20000 "$tmp/bomb" >"$tmp/cut"
	run send any application/json "@$tmp/cut" -H 'Content-Encoding: gzip'
	answered 413
	head -c 15 "$tmp/good" >"$tmp/short"
	run send any application/json "@$tmp/short" -H 'Content-Encoding: gzip'
	answered 400
	cat "$tmp/good" "$tmp/good" >"$tmp/two"
	run send any application/json "@$tmp/two" -H 'Content-Encoding: gzip'
	answered 400
	run send any application/json "@$tmp/good" -H 'Content-Encoding: br' -D "$tmp/head"
	answered 415
	grep -q '^Accept-Encoding: gzip' "$tmp/head"
	local which sign
	for which in packed plain; do
		echo "$which"
		if [ "$which" = packed ]; then
			sign=$(openssl dgst -sha256 -hmac mysecret -r "$tmp/good")
		else
			sign=$(gunzip <"$tmp/good" | openssl dgst -sha256 -hmac mysecret -r)
		fi
		run send hub application/json "@$tmp/good" -H 'Content-Encoding: gzip' -H "X-Hub-Signature-256: sha256=${sign%% *}"
		answered 202
	done
	run send hub application/json "@$tmp/good" -H 'Content-Encoding: gzip' -H "X-Hub-Signature-256: sha256=${sign//[0-4]/0}"
	[ "$output" = 401 ]
}

@test "NDJSON: a line is an event; one that is none fails alone" {
	source_file any '"id": "/id", "type": "/type"'
	start_receiver
	run send any application/x-ndjson $'{"id":"1","type":"a"}\n\n{"id":"2"}\r\nnonsense\n{"id":"3","type":"a"}'
	answered 202 '{"accepted":4,"failed":2}'
	[ "$(count "where status = 'received'")" = 2 ]
	[[ "$(query "select group_concat(error) from history where status = 'failed'")" == *'not JSON'* ]]
	run send any application/x-ndjson $'{"id":"1","type":"a"}\n\n{"id":"2"}\r\nnonsense\n'
	answered 200 '{"accepted":0,"duplicates":3}'
}

@test "forms: as bytes, as an object, or the JSON in a field" {
	local form=application/x-www-form-urlencoded
	source_file bytes '"type": "const:t"'
	source_file object '"form": "object", "id": "/id", "type": "/type"'
	source_file field '"form": "field:payload", "id": "/id", "type": "const:t"'
	write_destination sales <<<'{"url": "http://127.0.0.1:9/"}'
	start_receiver
	run send bytes "$form" 'a=1&b=2'
	answered 202
	run send object "$form" 'id=7&type=call&to=%2B49+30&tag=x&tag=y%22'
	answered 202
	run send field "$form" 'x=1&payload=%7B%22id%22%3A%22p1%22%2C%22n%22%3A1.10%7D'
	answered 202
	run send field "$form" 'x=1'
	answered 400
	run send object "$form" 'id=%ff&type=x'
	answered 400
	run send object "$form" 'id=%2'
	answered 400
	evt-retry 2>/dev/null >"$BATS_TEST_TMPDIR/due"
	jq -c 'select(.source == "object") | [.id, .data]' "$BATS_TEST_TMPDIR/due" >"$BATS_TEST_TMPDIR/object"
	[ "$(<"$BATS_TEST_TMPDIR/object")" = '["7",{"id":"7","type":"call","to":"+49 30","tag":["x","y\""]}]' ]
	grep -qF '"data":{"id":"p1","n":1.10}' "$BATS_TEST_TMPDIR/due"
	[ "$(jq -r 'select(.source == "bytes") | .data_base64' "$BATS_TEST_TMPDIR/due" | base64 -d)" = 'a=1&b=2' ]
}

@test "CloudEvents: structured, in a batch, and binary" {
	source_file ce '"format": "cloudevents"'
	write_destination sales <<<'{"url": "http://127.0.0.1:9/"}'
	start_receiver
	local one='{"specversion":"1.0","id":"1","source":"/shop","type":"order.new","subject":"o/1","region":"eu","evtclaim":9,"data":{"n":1.10}}'
	run send ce application/cloudevents+json "$one"
	answered 202
	run send ce application/cloudevents+json "$one"
	answered 200
	run send ce application/cloudevents+json "${one/shop/other}" # the same id of another source is another event
	answered 202
	run send ce application/cloudevents-batch+json "[$one,{\"id\":\"2\"},${one/\"1\"/\"3\"}]"
	answered 202 '{"accepted":2,"duplicates":1,"failed":1}'
	run send ce application/json '{"n":2.20}' -H 'ce-specversion: 1.0' -H 'ce-id: 4' -H 'ce-source: /shop' \
		-H 'ce-type: order.paid' -H 'ce-subject: o%C3%A9' -H 'ce-region: eu' -H 'ce-evtclaim: 9' -H 'ce-time: 2026-01-01T00:00:00Z'
	answered 202
	run send ce application/json '{}' -H 'ce-specversion: "1.0"' -H 'ce-id: "\"7\""' -H 'ce-source: /shop' -H 'ce-type: quo%22ted' \
		-H 'ce-twice: 1' -H 'CE-Twice: 2' -H 'ce-note: "a\\b%20c"'
	answered 202
	run send ce image/png 'PNG' -H 'ce-specversion: 1.0' -H 'ce-id: 5' -H 'ce-source: /shop' -H 'ce-type: picture'
	answered 202
	run send ce application/json '{}' -H 'ce-specversion: 1.0' -H 'ce-id: 6' -H 'ce-type: x'
	answered 400
	run send ce application/cloudevents+json '{"id":'
	answered 400
	run send ce application/cloudevents+json '{"specversion":"1.0","id":"1","type":"t"}'
	answered 400
	run send ce application/cloudevents-batch+json '{}'
	answered 400
	run send ce application/cloudevents+avro 'x'
	answered 415
	evt-retry 2>/dev/null >"$BATS_TEST_TMPDIR/due"
	jq -c '[.id, .type, .cesource, .region, .evtclaim]' "$BATS_TEST_TMPDIR/due" | sort >"$BATS_TEST_TMPDIR/rows"
	diff "$BATS_TEST_TMPDIR/rows" - <<'END'
["/other/1","order.new","/other","eu",1]
["/shop/1","order.new","/shop","eu",1]
["/shop/3","order.new","/shop","eu",1]
["/shop/4","order.paid","/shop","eu",1]
["/shop/5","picture","/shop",null,1]
["/shop/\"7\"","quo\"ted","/shop",null,1]
END
	[ "$(jq -c 'select(.id == "/shop/\"7\"") | [.type, .twice, .note]' "$BATS_TEST_TMPDIR/due")" = '["quo\"ted",null,"a\\b c"]' ]
	grep -qF '"data":{"n":1.10}' "$BATS_TEST_TMPDIR/due"
	grep -qF '"data":{"n":2.20}' "$BATS_TEST_TMPDIR/due"
	grep -qF '"subject":"oé"' "$BATS_TEST_TMPDIR/due"
	[ "$(jq -r 'select(.type == "picture") | .data_base64' "$BATS_TEST_TMPDIR/due" | base64 -d)" = PNG ]
}

@test "handshakes of Meta, Microsoft Graph and a plain GET" {
	write_secret meta.token 'to ken'
	source_file meta '"type": "const:t", "handshake": "meta", "handshake_file": "meta.token"'
	source_file graph '"type": "const:t", "handshake": "graph"'
	source_file probe '"type": "const:t", "handshake": "get"'
	start_receiver
	ask() {
		curl -sS -o "$BATS_TEST_TMPDIR/answer" -D "$BATS_TEST_TMPDIR/head" -w '%{http_code}\n' "${@:2}" "$RECEIVE_URL/$1"
	}
	run ask 'meta?hub.mode=subscribe&hub.verify_token=to%20ken&hub.challenge=1158201444'
	answered 200 1158201444
	grep -qi '^content-type: text/plain' "$BATS_TEST_TMPDIR/head"
	run ask 'meta?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1158201444'
	answered 403
	run ask meta
	answered 403
	run ask 'graph?validationToken=Validation%3A+a%3Cb' -X POST
	answered 200 'Validation: a<b'
	run ask 'graph?validationToken=x' -X GET
	answered 405
	run ask probe
	answered 200 ''
	[ "$(count)" = 0 ]
	run send meta application/json '{}'
	answered 202
	run send graph application/json '{}'
	answered 202
	run send probe application/json '{}'
	answered 202
}

@test "handshakes of Slack and Zoom are answered only when they are signed" {
	write_secret s.secret mysecret
	local kind
	for kind in slack zoom; do
		write_source $kind <<END
{"verify": {"scheme": "hmac", "header": "X-Sign", "secret_file": "s.secret"}, "type": "const:t",
 "destinations": {"sales": ["*"]}, "handshake": "$kind"}
END
	done
	start_receiver
	signed() {
		local sign
		sign=$(printf %s "$2" | openssl dgst -sha256 -hmac mysecret -r)
		send "$1" application/json "$2" -H "X-Sign: ${sign%% *}"
	}
	local slack='{"type":"url_verification","token":"x","challenge":"3eZbrw1aB"}'
	local zoom='{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
	run signed slack "$slack"
	answered 200 3eZbrw1aB
	run send slack application/json "$slack" -H 'X-Sign: 00'
	answered 401
	run signed zoom "$zoom"
	answered 200
	[ "$(jq -r .plainToken "$BATS_TEST_TMPDIR/answer")" = qgg8vlvZRS6UYooatFL8Aw ]
	local hash
	hash=$(printf qgg8vlvZRS6UYooatFL8Aw | openssl dgst -sha256 -hmac mysecret -r)
	[ "$(jq -r .encryptedToken "$BATS_TEST_TMPDIR/answer")" = "${hash%% *}" ]
	run signed zoom '{"event":"endpoint.url_validation","payload":{}}'
	answered 400
	[ "$(count)" = 0 ]
	run signed slack '{"type":"event_callback"}'
	answered 202
}

@test "a fixed reply, where the source has one" {
	source_file twiml '"id": "/id", "type": "const:t", "reply": {"status": 200, "type": "text/xml", "body": "<Response/>"}'
	start_receiver
	run send twiml application/json '{"id":1}' -D "$BATS_TEST_TMPDIR/head"
	answered 200 '<Response/>'
	grep -qi '^content-type: text/xml' "$BATS_TEST_TMPDIR/head"
	run send twiml application/json '{"id":1}'
	answered 200 '<Response/>'
	run send twiml application/json '{"id":'
	answered 400
	[ "$(count)" = 1 ]
}

@test "what a source's file may not say" {
	local wrong
	for wrong in '"type": "const:t", "format": "x"' '"type": "const:t", "format": "cloudevents"' '"type": "const:t", "form": "x"' \
		'"type": "const:t", "handshake": "meta"' '"type": "const:t", "handshake": "zoom"' '"type": "const:t", "handshake": "x"' \
		'"type": "const:t", "reply": {"status": 404}' '"type": "const:t", "reply": {"x": 1}'; do
		source_file bad "$wrong"
		run evt-receive -l 127.0.0.1:0
		[ "$status" -eq 78 ] || { echo "$wrong: $output" >&2; return 1; }
	done
}
