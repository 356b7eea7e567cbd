#!/usr/bin/env bats
# evt-receive against what the open internet sends: raw sockets, and real senders served beside them.

# shellcheck disable=SC2153,SC2030,SC2031 # STATUS is stop's; each test has a journal of its own
load ../lib

setup() {
	evt_setup
	write_source any <<'END'
{"verify": {"scheme": "none"}, "type": "const:thing", "destinations": {"sales": ["*"]}}
END
	write_source crm <<'END'
{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"sales": ["*"]}}
END
}

# raw TEXT: sends it as it is (printf's escapes) and prints what comes back until the connection ends.
raw() {
	(
		trap '' PIPE
		exec 7<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		printf '%b' "$1" >&7 2>/dev/null
		timeout 15 cat <&7 | tr -d '\0'
	)
}

# answers STATUS TEXT: one refusal with a JSON body, the end of the connection, and nothing behind it taken for a request.
answers() {
	local hidden='POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}'
	run raw "$2$hidden"
	if [[ "$output" != "HTTP/1.1 $1 "* ]] || [ "$(grep -c '^HTTP/1' <<<"$output")" != 1 ] ||
		! tail -n 1 <<<"$output" | jq -e '.error | length > 0' >/dev/null || ! grep -q '^Connection: close' <<<"$output"; then
		printf '%s: expected %s, got: %s\n' "$2" "$1" "$output" >&2
		return 1
	fi
}

count() {
	query "select count(*) from history"
}

sender_is_served() {
	run post any '{}' --max-time 2
	[ "$output" = 202 ]
}

needs() {
	command -v "$1" >/dev/null || skip "no $1 here"
}

@test "a request line or a header that is none: 400, and the connection ends" {
	start_receiver
	local head='POST /any HTTP/1.1\r\nHost: a\r\n' end='Content-Length: 2\r\n\r\n{}'
	answers 400 "POST /any HTTP/1.1\nHost: a\n$end"
	answers 400 "POST /any HTTP/1.1\r\nHost: a\nContent-Length: 2\r\n\r\n{}"
	answers 400 "${head}X: a\r\n b\r\n$end"
	answers 400 "${head}X: a\rY: b\r\n$end"
	answers 400 "${head}X: a\x00b\r\n$end"
	answers 400 "${head}X\x00: a\r\n$end"
	answers 400 "${head}X : a\r\n$end"
	answers 400 "${head}X Y: a\r\n$end"
	answers 400 "${head}: a\r\n$end"
	answers 400 "POST /any HTTP/1.1\r\n$end"
	answers 400 "${head}Host: b\r\n$end"
	answers 400 "POST /any HTTP/1.1\r\nHost: a b\r\n$end"
	answers 400 "POST  /any HTTP/1.1\r\nHost: a\r\n$end"
	answers 400 "POST /any\tHTTP/1.1\r\nHost: a\r\n$end"
	answers 505 "POST /any HTTP/3.0\r\nHost: a\r\n$end"
	answers 400 "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
	[ "$(count)" = 0 ]
	sender_is_served
}

@test "a path with .., a NUL or an escape names no source" {
	start_receiver
	local end='HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}' path
	for path in /../any /any/../any /./any //any /any/ /%61ny '/any%00' /any%2f.. /ANY; do
		answers 404 "POST $path $end"
	done
	for path in '/any\x00x' 'any' '/any\\..' '/\xc3\xa9' '*' '/a%zz'; do
		answers 400 "POST $path $end"
	done
	[ "$(count)" = 0 ]
}

@test "a length that can be read in two ways: 400" {
	start_receiver
	local head='POST /any HTTP/1.1\r\nHost: a\r\n' line
	for line in 'Content-Length: 2\r\nContent-Length: 2' 'Content-Length: 2\r\nContent-Length: 3' \
		'Content-Length: 2, 2' 'Content-Length: +2' 'Content-Length: -2' 'Content-Length: 0x2' 'Content-Length: 2 ;' \
		'Content-Length:' 'Content-Length: 99999999999999999999' 'Content-Length\t: 2' \
		'Content-Length: 5\r\nTransfer-Encoding: chunked' 'Transfer-Encoding: chunked\r\nContent-Length: 5' \
		'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked' 'Transfer-Encoding: gzip, chunked' \
		'Transfer-Encoding: chunked, identity' 'Transfer-Encoding: \x0bchunked' 'Transfer-Encoding: "chunked"' \
		'Transfer-Encoding\x00: chunked' 'Transfer_Encoding : chunked'; do
		answers 400 "$head$line\r\n\r\n0\r\n\r\n"
	done
	answers 400 'POST /any HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
	[ "$(count)" = 0 ]
}

@test "a chunk that is none: 400, and what follows is no request" {
	start_receiver
	local head='POST /any HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' chunks
	for chunks in 'x\r\n' '+2\r\n{}\r\n0\r\n\r\n' '0x2\r\n{}\r\n0\r\n\r\n' '2 \r\n{}\r\n0\r\n\r\n' '2\n{}\n0\n\n' \
		'2\r\n{}X\r\n' '2\r\n{}\r\n0\r\nX\r\n\r\n' '2\r\n{}\r\n0\r\nX : y\r\n\r\n' '2\r\n{}\n0\r\n\r\n' 'fffffffffffffffff\r\n' '2;a\nb\r\n{}\r\n' '0\r\nX y: z\x01\r\n\r\n' \
		'\r\n' '-1\r\n'; do
		answers 400 "$head$chunks"
	done
	run raw "${head}2;name=value\r\n{}\r\n0\r\nTrailer: x\r\n\r\n${head/HTTP\/1.1/HTTP\/1.1\\r\\nConnection: close}2\r\n{}\r\n0\r\n\r\n"
	[ "$(grep -c '^HTTP/1.1 202' <<<"$output")" = 2 ]
	[ "$(count)" = 2 ]
}

@test "headers too large or too many: 431; a request line too long: 414" {
	start_receiver
	answers 431 "POST /any HTTP/1.1\r\nHost: a\r\nX: $(printf '%020000d' 0)\r\n\r\n"
	answers 414 "POST /$(printf '%020000d' 0) HTTP/1.1\r\nHost: a\r\n\r\n"
	answers 431 "POST /any HTTP/1.1\r\nHost: a\r\n$(printf 'X: y\\r\\n%.0s' {1..101})\r\n"
	sender_is_served
}

@test "what is not JSON as it should be: 400" {
	start_receiver
	head -c 200000 /dev/zero | tr '\0' '[' >"$BATS_TEST_TMPDIR/deep"
	run post crm "@$BATS_TEST_TMPDIR/deep"
	[ "$output" = 400 ]
	grep -q 'nested too deep' "$BATS_TEST_TMPDIR/answer"
	local body
	for body in '{"id":"\xff","type":"t"}' '{"id":"\xc0\x80","type":"t"}' '{"id":"\xed\xa0\x80","type":"t"}' \
		'{"id":"a\x01","type":"t"}' '{"id":1,"type":"t"}x' '{"id":01,"type":"t"}' ''; do
		printf '%b' "$body" >"$BATS_TEST_TMPDIR/body"
		run post crm "@$BATS_TEST_TMPDIR/body"
		[ "$output" = 400 ]
	done
	[ "$(count)" = 0 ]
}

@test "a method that is not POST, and a body that is told to be too large" {
	start_receiver
	answers 405 'GET /any HTTP/1.1\r\nHost: a\r\n\r\n'
	answers 405 'BREW /any HTTP/1.1\r\nHost: a\r\n\r\n'
	answers 413 'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n'
	answers 413 'POST /any HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n' # before any of it has come
	answers 417 'POST /any HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n'
	run raw 'HEAD /any HTTP/1.1\r\nHost: a\r\n\r\n'
	[[ "$output" == 'HTTP/1.1 405 '* && "$output" != *'"error"'* ]]
	run raw 'POST /any HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n'
	[[ "$output" == 'HTTP/1.1 413 '* ]] # and not 100 first
	[ "$(count)" = 0 ]
}

@test "a head in single bytes is read, and HTTP/1.0 with and without keep-alive" {
	start_receiver
	local text=$'POST /any HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n' i
	exec 7<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
	for ((i = 0; i < ${#text}; i++)); do
		printf '%s' "${text:i:1}" >&7
	done
	run timeout 10 cat <&7
	exec 7>&-
	[[ "$output" == 'HTTP/1.1 202 '* ]]
	local one='POST /any HTTP/1.0\r\nContent-Length: 2\r\n'
	run raw "$one\r\n{}"
	[[ "$output" == 'HTTP/1.1 202 '*'Connection: close'* ]]
	run raw "${one}Connection: keep-alive\r\n\r\n{}$one\r\n{}"
	[ "$(grep -c '^HTTP/1.1 202' <<<"$output")" = 2 ]
	run raw "\r\n$one\r\n{}"
	[[ "$output" == 'HTTP/1.1 202 '* ]]
}

@test "600 stalled connections, some within a head and some within a body: a real sender is served within 2 s" {
	start_receiver
	local fds=() fd i text
	for ((i = 0; i < 600; i++)); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		fds+=("$fd")
		case $((i % 3)) in
		0) text='' ;;
		1) text=$'POST /any HTTP/1.1\r\nHost:' ;;
		2) text=$'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{' ;;
		esac
		printf '%s' "$text" >&"$fd"
	done
	for i in 1 2 3 4 5; do
		sender_is_served
	done
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	sender_is_served
}

@test "more connections than it takes: the longest stalled gives way" {
	echo '{"connections": 50}' >"$EVT_CONFIG/receive.json"
	start_receiver
	local fds=() fd i
	for ((i = 0; i < 200; i++)); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		fds+=("$fd")
		printf 'POST /any' >&"$fd"
	done
	sender_is_served
	sender_is_served
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
}

@test "with no descriptor left it goes on: the stalled give way" {
	needs prlimit
	start_receiver
	local fds=() fd i
	prlimit --pid "$RECEIVE_PID" --nofile=30:30
	for ((i = 0; i < 100; i++)); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		fds+=("$fd")
		printf 'POST /any' >&"$fd"
	done
	sender_is_served
	sender_is_served
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	sender_is_served
}

@test "with no descriptor left and nobody to give way: 503, and afterwards it takes requests again" {
	needs prlimit
	start_receiver
	local fds=() fd i
	prlimit --pid "$RECEIVE_PID" --nofile=30:30
	trap '' PIPE
	for ((i = 0; i < 40; i++)); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		fds+=("$fd")
		printf 'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{' 1>&"$fd" 2>/dev/null || true
	done
	trap - PIPE
	run post any '{}' --max-time 5 -D "$BATS_TEST_TMPDIR/head"
	[ "$output" = 503 ]
	grep -q '^Retry-After: ' "$BATS_TEST_TMPDIR/head"
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	wait_until sender_is_served
}

@test "a request that does not come to its end, in its head or its body: 408" {
	start_receiver
	local fd
	exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
	printf 'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{' >&"$fd"
	run raw 'POST /any HTTP/1.1\r\nHost: a\r\n'
	[[ "$output" == 'HTTP/1.1 408 '* ]]
	run timeout 15 cat <&"$fd" # it had ten seconds more than a head has
	[[ "$output" == 'HTTP/1.1 408 '* ]]
	exec {fd}>&-
	wait_until refused_rows 2
}

@test "a client that is gone before its answer, or reads none, costs the others nothing" {
	start_receiver
	local i fd
	for i in {1..50}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
		printf 'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}' >&"$fd"
		exec {fd}>&-
	done
	exec {fd}<>"/dev/tcp/127.0.0.1/$RECEIVE_PORT"
	(
		trap '' PIPE
		printf 'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}%.0s' {1..2000} 1>&"$fd" 2>/dev/null
	) &
	sender_is_served
	wait $!
	exec {fd}>&-
	sender_is_served
}

@test "it ends by itself when nobody has been there for a while" {
	start_receiver -i 500ms
	sender_is_served
	wait_until is_gone "$RECEIVE_PID"
	wait "$RECEIVE_PID"
	run evt-receive -l 0 -i soon </dev/null
	[ "$status" -eq 64 ]
}

@test "while the journal is locked a sender has its 503 within 3 s, and the next at once" {
	start_receiver
	sender_is_served
	exec 7<>"$EVT_JOURNAL-lock"
	flock 7
	run post any '{}' --max-time 3
	[ "$output" = 503 ]
	run post any '{}' --max-time 1
	[ "$output" = 503 ]
	exec 7>&-
	sender_is_served
}

refused_rows() { # N: for wait_until
	[ "$(query 'select coalesce(sum(count), 0) from refusal')" = "$1" ]
}

@test "refusals are counted by source, hour and cause, without a payload or a secret, whatever is sent" {
	write_secret s.secret 'mysecret'
	write_source hub <<'END'
{"verify": {"scheme": "github", "secret_file": "s.secret"}, "type": "const:t", "destinations": {"sales": ["*"]}}
END
	echo '{"trusted_proxies": ["127.0.0.0/8"]}' >"$EVT_CONFIG/receive.json"
	start_receiver
	local i
	for i in {1..5}; do
		run post hub '{"payload":"private"}' -H 'X-Hub-Signature-256: sha256=topsecret' -H 'Authorization: Bearer topsecret' \
			-H 'Cookie: topsecret' -H 'X-My-Own-Key: topsecret' -H 'User-Agent: tester/1' -H 'X-Forwarded-For: 10.9.9.9, 192.0.2.7'
		[ "$output" = 401 ]
	done
	for i in {1..20}; do
		run post "nobody-$i?token=topsecret" '{"payload":"private"}'
		[ "$output" = 404 ]
	done
	run post crm '{"id":'
	[ "$output" = 400 ]
	run raw 'POST /any HTTP/1.1\r\nHost: a\r\nX : topsecret\r\n\r\n'
	[[ "$output" == 'HTTP/1.1 400 '* ]]
	wait_until refused_rows 27
	[ "$(query "select group_concat(source || ' ' || cause || ' ' || count, ', ') from refusal")" = \
		' malformed 1,  source 20, crm not-json 1, hub signature 5' ]
	[ "$(query "select peer || ' ' || status from refusal where source = 'hub'")" = '192.0.2.7 401' ]
	query "select sample from refusal where source = 'hub'" >"$BATS_TEST_TMPDIR/sample"
	[ "$(head -n 1 "$BATS_TEST_TMPDIR/sample")" = 'POST /hub' ]
	grep -qx 'User-Agent: tester/1' "$BATS_TEST_TMPDIR/sample"
	grep -qx 'Authorization: (left out)' "$BATS_TEST_TMPDIR/sample"
	[[ "$(query "select why from refusal where source = 'crm'")" == 'not JSON:'* ]]
	stop "$RECEIVE_PID"
	run grep -l -a -e topsecret -e private -e mysecret "$EVT_JOURNAL" "$EVT_JOURNAL-wal"
	[ "$status" -eq 1 ]
}

@test "a refusal over CGI, or on inetd's socket, is counted too" {
	start_receiver
	sender_is_served
	stop "$RECEIVE_PID"
	env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET PATH_INFO=/any REMOTE_ADDR=192.0.2.8 evt-receive >/dev/null
	[ "$(query 'select source || cause || peer from refusal')" = anymethod192.0.2.8 ]
	needs socat
	printf 'GET /crm HTTP/1.1\r\nHost: a\r\n\r\n' | socat - EXEC:evt-receive >"$BATS_TEST_TMPDIR/out"
	grep -q '^HTTP/1.1 405 ' "$BATS_TEST_TMPDIR/out"
	wait_until refused_rows 2
}

is_confined() { # PID
	[ "$(awk '/NoNewPrivs/ { print $2 }' "/proc/$1/status")" = 1 ]
}

@test "its live output, CGI and the taker of records are confined too" {
	start_receiver -v
	sender_is_served
	! grep -q 'not confined' "$RECEIVE_ERR" || skip "no Landlock in this kernel"
	stop "$RECEIVE_PID"
	: >"$BATS_TEST_TMPDIR/live"
	RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live start_receiver
	sender_is_served
	wait_until is_confined "$(pgrep -P "$RECEIVE_PID")"
	stop "$RECEIVE_PID"
	mkfifo "$BATS_TEST_TMPDIR/input"
	exec 8<>"$BATS_TEST_TMPDIR/input"
	spawn cgi env GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=POST PATH_INFO=/any CONTENT_LENGTH=2 CONTENT_TYPE=application/json \
		evt-receive <"$BATS_TEST_TMPDIR/input" >"$BATS_TEST_TMPDIR/answer" 8>&-
	wait_until is_confined "$PID"
	printf '{}' >&8
	wait "$PID"
	grep -q '^Status: 202' "$BATS_TEST_TMPDIR/answer"
	spawn records evt-receive -s crm <"$BATS_TEST_TMPDIR/input" >/dev/null 8>&-
	wait_until is_confined "$PID"
	echo '{"id":"1","type":"t"}' >&8
	exec 8>&-
	wait "$PID"
	[ "$(count)" = 4 ]
}

@test "it is confined to the journal's folder, and becomes another user when told" {
	start_receiver -v
	sender_is_served
	if grep -q 'not confined' "$RECEIVE_ERR"; then
		skip "no Landlock in this kernel"
	fi
	is_confined "$RECEIVE_PID"
	stop "$RECEIVE_PID"
	[ "$(id -u)" = 0 ] || skip "only root can become somebody else"
	chmod 755 "$BATS_TEST_TMPDIR" && mkdir "$BATS_TEST_TMPDIR/state" && chown nobody "$BATS_TEST_TMPDIR/state"
	local dir=$BATS_TEST_TMPDIR
	while [ "$dir" != / ]; do
		chmod o+x "$dir"
		dir=$(dirname "$dir")
	done
	export EVT_JOURNAL=$BATS_TEST_TMPDIR/state/journal.db
	start_receiver -u nobody
	sender_is_served
	[ "$(stat -c %U "$EVT_JOURNAL")" = nobody ]
	[ "$(stat -c %U "/proc/$RECEIVE_PID/status")" = nobody ] || [ "$(awk '/^Uid/ { print $2 }' "/proc/$RECEIVE_PID/status")" = "$(id -u nobody)" ]
	run evt-receive -l 127.0.0.1:0 -u no-such-user
	[ "$status" -eq 64 ]
}

has_tried() { # for wait_until: a line "end" for each process
	[ "$(grep -c '^end' "$BATS_TEST_TMPDIR/tried")" = "$1" ]
}

@test "confined: whoever breaks in can read no file, write none outside of the journal's folder, and run no program" {
	[ -e "$BUILD/tests/escape.so" ] || skip "no library for LD_PRELOAD in this build"
	mkdir "$BATS_TEST_TMPDIR/state"
	export EVT_JOURNAL=$BATS_TEST_TMPDIR/state/journal.db
	export ESCAPE_LOG=$BATS_TEST_TMPDIR/tried ESCAPE_FILE=$BATS_TEST_TMPDIR/left
	: >"$BATS_TEST_TMPDIR/live"
	LD_PRELOAD=$BUILD/tests/escape.so RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live start_receiver -v
	sender_is_served
	! grep -q 'not confined' "$RECEIVE_ERR" || skip "no Landlock in this kernel"
	kill -USR1 "$RECEIVE_PID"
	wait_until has_tried 1
	kill -USR1 "$(pgrep -P "$RECEIVE_PID")" # its live output
	wait_until has_tried 2
	[ "$(sort "$ESCAPE_LOG" | uniq -c | awk '{ print $1, $2, $3 }' | paste -sd,)" = '2 end 0,2 journal 0,2 read 13,2 run 13,2 write 13' ]
	[ ! -e "$ESCAPE_FILE" ]
	sender_is_served
}

is_taken() { # BODY: by a sender that tries again
	[ "$(post crm "$1" 2>/dev/null)" = 202 ]
}

@test "a journal that is damaged or taken away while it receives: 503, and it goes on with a good one" {
	start_receiver
	is_taken '{"id":"1","type":"t"}'
	local good=$BATS_TEST_TMPDIR/good.db page pages
	sqlite3 -readonly "$EVT_JOURNAL" ".backup '$good'"
	evt-prune -q >/dev/null # leaves nothing in the WAL, and the receiver with nothing that it may remember
	pages=$(($(stat -c %s "$EVT_JOURNAL") / 4096))
	for ((page = 1; page < pages; page++)); do
		printf 'these bytes are of another file, which a disk has put here' |
			dd of="$EVT_JOURNAL" bs=4096 seek="$page" conv=notrunc status=none
	done
	run post crm '{"id":"2","type":"t"}' -D "$BATS_TEST_TMPDIR/head"
	[ "$output" = 503 ]
	grep -q '^Retry-After: [1-9]' "$BATS_TEST_TMPDIR/head"
	mkdir "$BATS_TEST_TMPDIR/damaged"
	mv "$EVT_JOURNAL" "$EVT_JOURNAL-wal" "$EVT_JOURNAL-shm" "$BATS_TEST_TMPDIR/damaged"
	run post crm '{"id":"2","type":"t"}'
	[ "$output" = 503 ]
	[ ! -e "$EVT_JOURNAL" ]
	install -m 600 "$good" "$EVT_JOURNAL"
	wait_until is_taken '{"id":"2","type":"t"}'
	[ "$(query 'select group_concat(id) from history')" = 1,2 ]
	grep -q 'damaged.*answering 503' "$RECEIVE_ERR"
	[ "$(grep -c 'answering 503' "$RECEIVE_ERR")" = 1 ]
	grep -q 'takes events again' "$RECEIVE_ERR"
	[ "$(sqlite3 -readonly "$EVT_JOURNAL" 'pragma integrity_check')" = ok ]
}

@test "a journal whose file is moved away under it: nothing is answered that would be lost" {
	mkfifo "$BATS_TEST_TMPDIR/live"
	exec 8<>"$BATS_TEST_TMPDIR/live"
	RECEIVE_STDOUT=$BATS_TEST_TMPDIR/live start_receiver 8>&-
	is_taken '{"id":"1","type":"t"}'
	mkdir "$BATS_TEST_TMPDIR/away"
	mv "$EVT_JOURNAL" "$EVT_JOURNAL-wal" "$EVT_JOURNAL-shm" "$BATS_TEST_TMPDIR/away"
	run post crm '{"id":"2","type":"t"}'
	[ "$output" = 503 ]
	mv "$BATS_TEST_TMPDIR"/away/* "${EVT_JOURNAL%/*}"
	wait_until is_taken '{"id":"2","type":"t"}'
	run post crm '{"id":"1","type":"t"}'
	[ "$output" = 200 ]
	exec 8>&-
}

@test "connections from one address are bounded, those from others and from this machine are not" {
	needs ip
	unshare -rn true 2>/dev/null || skip "no network namespace can be made here"
	echo '{"connections_per_address": 20}' >"$EVT_CONFIG/receive.json"
	export BATS_TEST_TMPDIR
	# shellcheck disable=SC2016 # expanded by the inner shell, in a network of its own, where this machine has three addresses that are not loopback.
	unshare -rn bash -e -c '
		ip link set lo up
		for n in 1 2 3; do ip address add 192.0.2.$n/32 dev lo; done
		evt-receive -l 0.0.0.0:8080 </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/receive.err" 3>&- &
		trap "kill $!" EXIT
		for ((i = 0; i < 500; i++)); do
			grep -q listening "$BATS_TEST_TMPDIR/receive.err" && break
			sleep 0.02
		done
		ask() { # FROM TO
			curl -sS --max-time 2 -o /dev/null -D "$BATS_TEST_TMPDIR/head" -w "%{http_code}\n" -d "{}" --interface "$1" "http://$2:8080/any" || true
		}
		crowd() { # N TO: stalled connections, from TO itself
			for ((i = 0; i < $1; i++)); do
				exec {fd}<>/dev/tcp/$2/8080
				printf "POST /any" >&$fd
			done
		}
		crowd 19 192.0.2.1
		ask 192.0.2.1 192.0.2.1
		crowd 1 192.0.2.1
		ask 192.0.2.1 192.0.2.1
		grep "^Retry-After: " "$BATS_TEST_TMPDIR/head"
		ask 192.0.2.2 192.0.2.1
		crowd 60 127.0.0.1
		ask 127.0.0.1 127.0.0.1
	' >"$BATS_TEST_TMPDIR/statuses"
	cat "$BATS_TEST_TMPDIR/statuses"
	[ "$(tr -d '\r' <"$BATS_TEST_TMPDIR/statuses" | tr '\n' ' ')" = '202 503 Retry-After: 5 202 202 ' ]
}
