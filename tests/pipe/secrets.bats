#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where secrets must not be: command lines, messages, lines, the journal, pages, core files.

load ../lib

secrets='source-s3cret bearer-s3cret basic-s3cret oauth-s3cret signing-s3cret page-s3cret'

setup() {
	evt_setup
	# Everything is refused with what was sent in the answer, so that there is much to be told.
	start_destination -r '[{"answers": [{"status": 422, "body": "{\"error\":\"no\"}"}]}]'
	write_secret source.secret source-s3cret
	write_secret bearer.token bearer-s3cret
	write_secret basic.password basic-s3cret
	write_secret oauth.secret oauth-s3cret
	write_secret signing.secret "whsec_$(printf 'signing-s3cret-of-32-bytes-length' | base64)"
	write_secret page.auth ann:page-s3cret
	write_source shop <<-'END'
		{"verify": {"scheme": "github", "secret_file": "source.secret"}, "id": "/id", "type": "const:t",
		 "destinations": {"bearer": ["*"], "basic": ["*"], "oauth": ["*"], "signed": ["*"]}}
	END
	write_destination bearer <<<"{\"url\": \"$DEST_URL/\", \"auth\": {\"scheme\": \"bearer\", \"token_file\": \"bearer.token\"}}"
	write_destination basic <<<"{\"url\": \"$DEST_URL/\", \"auth\": {\"scheme\": \"basic\", \"user\": \"u\", \"password_file\": \"basic.password\"}}"
	write_destination oauth <<<"{\"url\": \"$DEST_URL/\", \"auth\": {\"scheme\": \"oauth2\", \"token_url\": \"$DEST_URL/token\", \"client_id\": \"me\", \"client_secret_file\": \"oauth.secret\"}}"
	write_destination signed <<<"{\"url\": \"$DEST_URL/\", \"sign\": {\"scheme\": \"standard-webhooks\", \"secret_file\": \"signing.secret\"}}"
}

post_signed() { # BODY
	post shop "$1" -H "X-Hub-Signature-256: sha256=$(printf '%s' "$1" | openssl dgst -sha256 -hmac source-s3cret -r | cut -d' ' -f1)"
}

# Are they in none of these files, neither as they are nor in base64?
hold_no_secret() { # FILES...
	local secret
	for secret in $secrets "$(printf 'signing-s3cret-of-32-bytes-length' | base64)" "$(printf 'u:basic-s3cret' | base64)"; do
		if grep -la -e "$secret" "$@"; then
			echo "$secret is in it"
			return 1
		fi
	done
}

page_answers() {
	curl -sSf -u ann:page-s3cret "http://$(sed -n 's/^evt-status: listening on //p' "$BATS_TEST_TMPDIR/page.err")/$1" >"$BATS_TEST_TMPDIR/page$2.html"
}

@test "command lines, messages with -v, lines, journal and page hold no secret" {
	start_receiver -v
	[ "$(post_signed '{"id":"a"}')" = 202 ]
	[ "$(post shop '{"id":"b"}' -H 'X-Hub-Signature-256: sha256=00')" = 401 ]
	[ "$(post shop '{"id":"c"}' -H 'Authorization: Bearer bearer-s3cret' -H 'X-Token: page-s3cret')" = 401 ]
	spawn page evt-status -v --http -l 127.0.0.1:0 --auth "$EVT_CONFIG/page.auth" </dev/null >/dev/null
	local page=$PID pid
	wait_until grep -q 'listening on' "$BATS_TEST_TMPDIR/page.err"
	{ evt-retry -v | tee "$BATS_TEST_TMPDIR/lines" | evt-deliver -v -p >"$BATS_TEST_TMPDIR/outcomes"; } 2>"$BATS_TEST_TMPDIR/deliver.err"
	[ "$(query 'select count(*) from history')" -eq 4 ]
	[ "$(query "select count(*) from history where status in ('failed', 'retrying')")" -eq 4 ]
	for pid in "$RECEIVE_PID" "$page"; do
		tr '\0' '\n' <"/proc/$pid/cmdline" >>"$BATS_TEST_TMPDIR/cmdlines"
	done
	page_answers '' 1
	page_answers '?event=a' 2
	grep -q bearer "$BATS_TEST_TMPDIR/page2.html"
	evt-status --format html >"$BATS_TEST_TMPDIR/whole.html"
	evt-status a --format json >"$BATS_TEST_TMPDIR/a.json"
	evt-status --summary >"$BATS_TEST_TMPDIR/summary"
	hold_no_secret "$BATS_TEST_TMPDIR"/{*.err,lines,outcomes,cmdlines,*.html,a.json,summary,answer} "$EVT_JOURNAL"*
}

@test "a wrong configuration is told without the secret in it" {
	printf 'source-s3cret\001\n' >"$EVT_CONFIG/source.secret"
	printf 'bearer\001-s3cret\n' >"$EVT_CONFIG/bearer.token"
	echo 'signing-s3cret no base64' >"$EVT_CONFIG/signing.secret"
	chmod 644 "$EVT_CONFIG/basic.password"
	local destination
	for destination in bearer basic signed; do
		run evt-deliver -v -d $destination </dev/null
		[ "$status" -eq 78 ]
		echo "$output" >>"$BATS_TEST_TMPDIR/said"
	done
	hold_no_secret "$BATS_TEST_TMPDIR/said"
}

# Ends it as a fault would, in an empty folder of its own, and says whether there is a core file then.
leaves_core() { # PID
	stop "$1" SEGV
	[ -n "$(find "$BATS_TEST_TMPDIR/cores" -type f -name 'core*')" ]
}

@test "no core file once a secret has been read" {
	[ -e "$BUILD/tests/fault.so" ] || skip 'a sanitizer has its own way to end'
	[ "$(cat /proc/sys/kernel/core_pattern)" = core ] || skip 'core files go elsewhere here'
	ulimit -c unlimited 2>/dev/null || skip 'no core files here'
	mkdir "$BATS_TEST_TMPDIR/cores"
	cd "$BATS_TEST_TMPDIR/cores"
	spawn sleep sleep 60 </dev/null >/dev/null
	leaves_core "$PID" || skip 'no core files here'
	rm -f core*
	start_receiver
	[ "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$RECEIVE_PID/limits")" = '0 0' ]
	run leaves_core "$RECEIVE_PID"
	[ "$status" -eq 1 ]
}

# In front of a command: this user, without the rights by which root may look into everything.
AS=()
[ "$(id -u)" -ne 0 ] || AS=(setpriv --bounding-set=-all --inh-caps=-all)

can_look_into() { # PID
	"${AS[@]}" bash -c ': <"/proc/'"$1"'/mem" || : <"/proc/'"$1"'/environ"' 2>/dev/null
}

is_closed() {
	! can_look_into "$1"
}

@test "another process of the same user cannot read the memory of one that has read a secret" {
	[ -e "$BUILD/tests/fault.so" ] || skip "a sanitizer's check for leaks reads the process's memory"
	command -v setpriv >/dev/null || skip 'no setpriv'
	local pid
	spawn sleep "${AS[@]}" sleep 60 </dev/null >/dev/null
	pid=$PID
	wait_until can_look_into "$pid" || skip 'nobody may look into anything here'
	spawn receive "${AS[@]}" evt-receive -l 127.0.0.1:0 </dev/null >"$BATS_TEST_TMPDIR/live"
	# shellcheck disable=SC2034 # for wait_for_receiver
	RECEIVE_ERR=$BATS_TEST_TMPDIR/receive.err
	RECEIVE_PID=$PID
	wait_for_receiver
	[ "$(post_signed '{"id":"a"}')" = 202 ]
	wait_until grep -q '"id":"a"' "$BATS_TEST_TMPDIR/live"
	is_closed "$RECEIVE_PID"
	for pid in $(pgrep -P "$RECEIVE_PID"); do # the writer of the live lines
		is_closed "$pid"
	done
	spawn page "${AS[@]}" evt-status --http -l 127.0.0.1:0 --auth "$EVT_CONFIG/page.auth" </dev/null >/dev/null
	wait_until grep -q 'listening on' "$BATS_TEST_TMPDIR/page.err"
	is_closed "$PID"
	mkfifo "$BATS_TEST_TMPDIR/lines"
	exec 8<>"$BATS_TEST_TMPDIR/lines"
	spawn deliver "${AS[@]}" evt-deliver <"$BATS_TEST_TMPDIR/lines" >/dev/null 8>&-
	pid=$PID
	cat "$BATS_TEST_TMPDIR/live" >&8
	wait_until test -s "$DEST_LOG"
	is_closed "$pid"
	exec 8>&-
}
