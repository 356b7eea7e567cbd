#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# evt-deliver: how it proves who it is: signatures and OAuth 2 access tokens.

load ../lib

# line ID [MEMBERS]: an event line for the destination crm, unknown to the journal.
line() {
	printf '{"specversion":"1.0","id":"%s","source":"shop","type":"contact.created","evtdestination":"crm"%s}\n' \
		"$1" "${2:+,$2}"
}

crm() {
	write_destination crm <<<"{\"url\": \"$DEST_URL/contacts\", \"retry\": {\"schedule\": [\"1ms\"]}, $1}"
}

history_of() { # ID COLUMNS
	query "select $2 from history where id = '$1'"
}

make_due() {
	sqlite3 "$EVT_JOURNAL" 'update delivery set due_at = 1 where due_at is not null'
}

hmac() { # KEY ALGORITHM, of standard input, in hex
	openssl dgst "-$2" -mac HMAC -macopt "key:$1" | sed 's/.* //'
}

hmac_base64() {
	openssl dgst "-$2" -mac HMAC -macopt "key:$1" -binary | base64 -w0
}

@test "Standard Webhooks: every secret signs, the id stays, the time is that of the attempt" {
	start_destination -r '[{"answers": [{"status": 503}, {}]}]'
	(umask 077 && printf 'whsec_%s\n%s\n' "$(printf 'new-key-new-key-new-key-' | base64)" \
		"$(printf 'old-key-old-key-old-key-' | base64)" >"$EVT_CONFIG/sign.secret")
	crm '"sign": {"scheme": "standard-webhooks", "secret_file": "sign.secret"}'
	line e1 '"data":{"price":19.99}' | evt-deliver
	make_due
	evt-retry | evt-deliver
	[ "$(history_of e1 'status, attempts')" = 'delivered|2' ]
	[ "$(requests '.headers["webhook-id"], .headers["idempotency-key"]' | sort -u | wc -l)" -eq 1 ]
	local n id time body key wanted
	for n in 1 2; do
		id=$(requests "select(.n == $n) | .headers[\"webhook-id\"]" | tr -d '"')
		time=$(requests "select(.n == $n) | .headers[\"webhook-timestamp\"]" | tr -d '"')
		body=$(jq -r "select(.n == $n) | .body" "$DEST_LOG")
		[ "$body" = '{"price":19.99}' ]
		((time > $(date +%s) - 60 && time <= $(date +%s)))
		wanted=
		for key in new-key-new-key-new-key- old-key-old-key-old-key-; do
			wanted+=" v1,$(printf %s "$id.$time.$body" | hmac_base64 $key sha256)"
		done
		[ "$(requests "select(.n == $n) | .headers[\"webhook-signature\"]")" = "\"${wanted# }\"" ]
	done
	[ "$(cat "$EVT_JOURNAL"* | grep -ac 'new-key')" -eq 0 ]
}

@test "what it signs, evt-receive verifies" {
	write_secret sign.secret "whsec_$(printf 'new-key-new-key-new-key-' | base64)"
	write_source in <<<'{"verify": {"scheme": "standard-webhooks", "secret_file": "sign.secret"}, "id": "header:webhook-id",
		"type": "const:contact", "destinations": {"crm": ["none.*"]}}'
	write_destination crm <<<'{"url": "https://example.com/"}'
	start_receiver
	write_destination crm <<<"{\"url\": \"$RECEIVE_URL/in\", \"sign\": {\"scheme\": \"standard-webhooks\", \"secret_file\": \"sign.secret\"}}"
	line e1 '"data":{"a":1}' | evt-deliver -j "$BATS_TEST_TMPDIR/other.db" -p >"$BATS_TEST_TMPDIR/printed"
	[ "$(jq -r '[.status, .http_status] | @tsv' "$BATS_TEST_TMPDIR/printed")" = $'delivered\t202' ]
	write_secret sign.secret "whsec_$(printf 'another-key-another-key-' | base64)"
	line e2 '"data":{"a":1}' | evt-deliver -j "$BATS_TEST_TMPDIR/other.db" -p >"$BATS_TEST_TMPDIR/printed"
	[ "$(jq -r '[.status, .http_status] | @tsv' "$BATS_TEST_TMPDIR/printed")" = $'retrying\t401' ]
}

@test "an HMAC of any shape: template, algorithm, encoding, prefix; the first secret signs" {
	start_destination
	(umask 077 && printf 'topsecret\nolder\n' >"$EVT_CONFIG/sign.secret")
	crm '"sign": {"scheme": "hmac", "secret_file": "sign.secret", "header": "X-Signature", "algorithm": "sha512",
		"signed": "{method}|{url}|{timestamp}|{id}|{body}", "prefix": "t={timestamp},v1=", "id_header": "X-Id"}'
	line e1 '"data":[1.10]' | evt-deliver
	local signature time id
	signature=$(requests '.headers["x-signature"]' | tr -d '"')
	id=$(requests '.headers["x-id"]' | tr -d '"')
	time=${signature#t=}
	time=${time%%,*}
	[ "$signature" = "t=$time,v1=$(printf %s "POST|$DEST_URL/contacts|$time|$id|[1.10]" | hmac topsecret sha512)" ]
	crm '"sign": {"scheme": "hmac", "secret_file": "sign.secret", "header": "X-Hub-Signature-256", "prefix": "sha256="}'
	line e2 '"data":2' | evt-deliver
	[ "$(requests 'select(.n == 2) | .headers["x-hub-signature-256"]')" = "\"sha256=$(printf 2 | hmac topsecret sha256)\"" ]
}

@test "a signature that proves nothing is refused with its file" {
	start_destination
	write_secret sign.secret topsecret
	crm '"sign": {"scheme": "hmac", "secret_file": "sign.secret", "header": "X-S", "signed": "{id}"}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'/sign/signed: expected {body} in it'* ]]
	crm '"sign": {"scheme": "hmac", "secret_file": "sign.secret", "header": "X-S", "signed": "{timestamp}{body}"}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'neither "timestamp_header" nor "prefix"'* ]]
	crm '"sign": {"scheme": "standard-webhooks", "secret_file": "sign.secret"}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'is not whsec_ and base64'* && $output != *topsecret* ]]
}

# oauth [MEMBERS]
oauth() {
	write_secret client.secret 'cl:ient s3cret'
	crm "\"auth\": {\"scheme\": \"oauth2\", \"token_url\": \"$DEST_URL/token\", \"client_id\": \"me&you\", \"client_secret_file\": \"client.secret\"${1:+, $1}}"
}

of_token() {
	requests "select(.path == \"/token\") | $1"
}

of_contacts() {
	requests "select(.path == \"/contacts\") | $1"
}

token_rule() { # TOKEN EXPIRES_IN [MEMBERS]
	printf '{"path": "/token", "answers": [{"status": 200, "delay_ms": 50, "body": {"access_token": "%s", "token_type": "Bearer", "expires_in": %s%s}}]}' \
		"$1" "$2" "${3:+, $3}"
}

@test "OAuth 2 client credentials: one token for all, kept for the next run in a file for its owner alone" {
	start_destination -r "[$(token_rule tok-1 3600)]"
	oauth '"scope": "a b"'
	for i in 1 2 3 4 5; do line "e$i" '"data":1'; done | evt-deliver
	[ "$(query "select count(*) from history where status = 'delivered' and attempts = 1")" -eq 5 ]
	[ "$(of_contacts .headers.authorization | sort -u)" = '"Bearer tok-1"' ]
	[ "$(of_token '[.body, .headers["content-type"]]')" = '["grant_type=client_credentials&scope=a%20b","application/x-www-form-urlencoded"]' ]
	[ "$(of_token .headers.authorization)" = "\"Basic $(printf 'me%%26you:cl%%3Aient%%20s3cret' | base64 -w0)\"" ]
	[ "$(stat -c %a "$EVT_JOURNAL-token-crm")" = 600 ]
	line e6 '"data":1' | evt-deliver
	[ "$(history_of e6 status)" = delivered ]
	[ "$(of_token .n | wc -l)" -eq 1 ]
	[ "$(cat "$EVT_JOURNAL" "$EVT_JOURNAL-wal" | grep -ac tok-1)" -eq 0 ]
}

@test "OAuth 2: another configuration does not use the token that was kept" {
	start_destination -r "[$(token_rule tok-1 3600)]"
	oauth
	line e1 '"data":1' | evt-deliver
	oauth '"audience": "https://api/"'
	line e2 '"data":1' | evt-deliver
	[ "$(of_token .body)" = $'"grant_type=client_credentials"\n"grant_type=client_credentials&audience=https%3A%2F%2Fapi%2F"' ]
}

@test "OAuth 2: a 401 fetches one new token and sends again at once, within the attempt" {
	start_destination -r "[{\"path\": \"/contacts\", \"per\": \"rule\", \"every\": 1, \"answers\": [{\"status\": 401}, {}]}, $(token_rule tok-1 3600)]"
	oauth '"client_in": "body"'
	line e1 '"data":1' | evt-deliver
	[ "$(history_of e1 'status, attempts')" = 'delivered|1' ]
	[ "$(of_token .n | wc -l)" -eq 2 ]
	[ "$(of_contacts .headers.authorization | wc -l)" -eq 2 ]
	[ "$(of_contacts '.headers["idempotency-key"]' | sort -u | wc -l)" -eq 1 ]
	[[ "$(of_token .body | head -n 1)" == *'client_id=me%26you&client_secret=cl%3Aient%20s3cret"' ]]
	[ "$(of_token .headers.authorization | sort -u)" = null ]
}

@test "OAuth 2: many at once that get a 401 fetch one new token between them, and none uses up an attempt" {
	local refused='{"status": 401}, {"status": 401}, {"status": 401}, {"status": 401}'
	start_destination -r "[{\"path\": \"/contacts\", \"per\": \"rule\", \"answers\": [$refused, $refused, {}]}, $(token_rule tok-1 3600)]"
	oauth
	for i in 1 2 3 4 5 6 7 8; do line "e$i" '"data":1'; done | evt-deliver
	[ "$(query "select count(*) from history where status = 'delivered' and attempts = 1")" -eq 8 ]
	[ "$(of_token .n | wc -l)" -eq 2 ]
	[ "$(of_contacts .status | sort | uniq -c | awk '{print $1, $2}' | tr '\n' ' ')" = '8 201 8 401 ' ]
}

@test "OAuth 2: a second 401 is the answer" {
	start_destination -r "[{\"path\": \"/contacts\", \"answers\": [{\"status\": 401, \"body\": {\"error\": \"revoked\"}}]}, $(token_rule tok-1 3600)]"
	oauth
	line e1 '"data":1' | evt-deliver
	[ "$(history_of e1 'status, attempts, http_status, error')" = 'retrying|1|401|401: revoked' ]
	[ "$(of_token .n | wc -l)" -eq 2 ]
	[ "$(of_contacts .n | wc -l)" -eq 2 ]
}

@test "OAuth 2: a refresh token that the server replaces is the one used next" {
	start_destination -r "[{\"path\": \"/token\", \"body\": \"refresh-2\", \"answers\": [{\"status\": 200, \"body\": {\"access_token\": \"tok-2\", \"token_type\": \"bearer\", \"expires_in\": 3600}}]},
		$(token_rule tok-1 0 '"refresh_token": "refresh-2"')]"
	write_secret refresh.token refresh-1
	crm "\"auth\": {\"scheme\": \"oauth2\", \"token_url\": \"$DEST_URL/token\", \"client_id\": \"me\", \"refresh_token_file\": \"refresh.token\"}"
	line e1 '"data":1' | evt-deliver
	line e2 '"data":1' | evt-deliver
	[ "$(query "select count(*) from history where status = 'delivered'")" -eq 2 ]
	[ "$(of_token .body)" = $'"grant_type=refresh_token&refresh_token=refresh-1&client_id=me"\n"grant_type=refresh_token&refresh_token=refresh-2&client_id=me"' ]
	[ "$(of_contacts .headers.authorization)" = $'"Bearer tok-1"\n"Bearer tok-2"' ]
}

@test "OAuth 2: without a token nothing is sent, and the reason is told" {
	start_destination -r '[{"path": "/token", "answers": [{"status": 400, "body": {"error": "invalid_client", "error_description": "unknown client"}}]}]'
	oauth
	for i in 1 2 3; do line "e$i" '"data":1'; done | evt-deliver
	[ "$(query 'select distinct status, http_status, error from history')" = 'retrying||no access token: 400: invalid_client: unknown client' ]
	[ "$(query 'select distinct code from delivery')" = token ]
	[ -z "$(of_contacts .)" ]
	destination_rules "[$(token_rule tok-1 60)]"
	make_due
	evt-retry | evt-deliver
	[ "$(query "select count(*) from history where status = 'delivered' and attempts = 2")" -eq 3 ]
	crm "\"auth\": {\"scheme\": \"oauth2\", \"token_url\": \"http://127.0.0.1:1/token\", \"client_id\": \"me\", \"client_secret_file\": \"client.secret\"}"
	line e4 '"data":1' | evt-deliver
	[[ "$(history_of e4 'status, error')" == 'retrying|no access token from http://127.0.0.1:1/token: '* ]]
}

@test "OAuth 2: several processes fetch one token between them" {
	start_destination -r "[$(token_rule tok-1 3600)]"
	destination_rules "[{\"path\": \"/token\", \"answers\": [{\"status\": 200, \"delay_ms\": 300, \"body\": {\"access_token\": \"tok-1\", \"expires_in\": 3600}}]}]"
	oauth
	local i pids=()
	for i in 1 2 3 4; do
		line "e$i" '"data":1' >"$BATS_TEST_TMPDIR/line$i"
		spawn "deliver$i" evt-deliver <"$BATS_TEST_TMPDIR/line$i"
		pids+=("$PID")
	done
	for i in "${pids[@]}"; do wait_until is_gone "$i"; done
	[ "$(query "select count(*) from history where status = 'delivered' and attempts = 1")" -eq 4 ]
	[ "$(of_token .n | wc -l)" -eq 1 ]
}
