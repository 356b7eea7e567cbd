#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The page of evt-status: as one file, live over HTTP on every kind of socket, and as a browser sees it.

load ../lib

EVENTS=8
HOSTILE='</script><script>alert(1)</script>"><img src=x onerror=alert(2)>'

# line ID DATA [MEMBERS]: an event for the destination crm, as a pipeline would hand it to evt-deliver.
line() {
	jq -nc --arg id "$1" --argjson data "$2" --argjson more "${3:-{\}}" '{specversion: "1.0", id: $id, source: "hubspot",
		type: "contact.created", subject: ("contact/" + $id), datacontenttype: "application/json",
		evtdestination: "crm", data: $data} + $more'
}

# A journal with deliveries of each fate, among them one whose every text is an attack.
fill() {
	local i
	start_destination -r '[{"body": "\"bad\"", "answers": [{"status": 422, "body": {"message": "email is not valid"}}]},
		{"body": "hostile", "answers": [{"status": 422, "body": {"message": "<script>alert(3)</script>"}}]},
		{"body": "busy", "answers": [{"status": 503}]}]'
	write_destination crm <<<"{\"url\": \"$DEST_URL/contacts\", \"record\": \"/id\"}"
	{
		for ((i = 1; i <= EVENTS - 4; i++)); do
			line "good$i" '{"n":19.5,"name":"Jürgen"}'
		done
		line bad '"bad"'
		line busy '"busy"'
		line unwanted 1 '{"evtskip":"not wanted"}'
		line "$HOSTILE" "$(jq -nc --arg x "hostile $HOSTILE" '{x: $x, controls: "\u001b[31m\u202eabc\u200f"}')" \
			"$(jq -nc --arg x "$HOSTILE" '{subject: $x, type: $x}')"
	} | evt-deliver
}

# start_page [OPTIONS]: evt-status --http on a free port; sets PAGE_URL, PAGE_PID.
start_page() {
	BODY=$BATS_TEST_TMPDIR/body HEAD=$BATS_TEST_TMPDIR/head
	rm -f "$BATS_TEST_TMPDIR/page.err"
	spawn page evt-status --http -l 127.0.0.1:0 "$@" </dev/null >/dev/null
	PAGE_PID=$PID
	wait_until grep -q 'listening on' "$BATS_TEST_TMPDIR/page.err"
	PAGE_URL=http://$(sed -n 's/^evt-status: listening on //p' "$BATS_TEST_TMPDIR/page.err")/
}

# get QUERY [CURL OPTIONS]: prints the status; the body is in $BODY, the head in $HEAD.
get() {
	local query=$1
	shift
	curl -sS -o "$BODY" -D "$HEAD" -w '%{http_code}\n' "$@" "$PAGE_URL$query"
}

rows() {
	grep -o '<tr role="row" data-status="[a-z]*"' "$1" | cut -d '"' -f 4 | sort | uniq -c | tr -s ' \n' ' '
}

# without GREP-ARGUMENTS: fails when it is there. ("! grep" would not fail a test.)
without() {
	if grep -q "$@"; then
		return 1
	fi
}

needs_browser() {
	command -v "${CHROMIUM:-chromium}" >/dev/null || skip 'there is no chromium'
	command -v node >/dev/null || skip 'there is no node'
}

# browse [OPTIONS] URL STEP...: see tests/tools/browse.mjs.
browse() {
	node "$EVT_ROOT/tests/tools/browse.mjs" "$@"
}

@test "one file: whole in itself, with every row, and nothing a stranger wrote as markup" {
	fill
	evt-status --format html >"$BATS_TEST_TMPDIR/page.html"
	[ "$(rows "$BATS_TEST_TMPDIR/page.html")" = " 4 delivered 2 failed 1 retrying 1 skipped " ]
	without -E 'alert\([0-9]\)</script|<img|<[a-z][^>]* src=|href="?(http|//)|@import|url\((http|//)' "$BATS_TEST_TMPDIR/page.html"
	grep -q 'http-equiv="Content-Security-Policy" content="default-src '\''none' "$BATS_TEST_TMPDIR/page.html"
	grep -qF 'evt-retry -d crm bad | evt-transform | evt-deliver' "$BATS_TEST_TMPDIR/page.html"
	evt-status --format html --status failed --limit 1 | grep -q 'There are older ones: these are the newest 1'
	evt-status --format html good1 | grep -qF '  &quot;n&quot;: 19.5,'
	run evt-status --format html nobody
	[ "$status" -eq 1 ]
}

@test "wrong usage" {
	run evt-status --http </dev/null
	[ "$status" -eq 64 ]
	[[ $output == *'give -l ADDR, or start it from inetd or systemd'* ]]
	run evt-status --http -l 0.0.0.0:0
	[ "$status" -eq 64 ]
	[[ $output == *--any-address* ]]
	run evt-status --http --status failed
	[ "$status" -eq 64 ]
	run evt-status --auth x
	[ "$status" -eq 64 ]
	run evt-status --format html --check
	[ "$status" -eq 64 ]
}

@test "live: filters are answered by the journal, pages follow each other, every view has its address" {
	fill
	start_page
	[ "$(get '')" = 200 ]
	[ "$(rows "$BODY")" = " 4 delivered 2 failed 1 retrying 1 skipped " ]
	[ "$(get '?status=failed')" = 200 ]
	[ "$(rows "$BODY")" = " 2 failed " ]
	[ "$(get '?status=failed&status=retrying&since=&type=')" = 303 ]
	grep -q '^Location: ?status=failed%2Cretrying.$' "$HEAD"
	[ "$(get '?status=failed%2Cretrying')" = 200 ]
	[ "$(rows "$BODY")" = " 2 failed 1 retrying " ]
	[ "$(get '?error=EMAIL+is&destination=crm&source=hubspot&type=contact.*&since=1h')" = 200 ]
	[ "$(rows "$BODY")" = " 1 failed " ]
	[ "$(get '?until=1h')" = 200 ]
	grep -q 'Nothing matches' "$BODY"

	local query='?limit=3' seen=0
	while [ -n "$query" ]; do
		[ "$(get "$query")" = 200 ]
		seen=$((seen + $(grep -o '<tr role="row" data-status' "$BODY" | wc -l)))
		query=$(sed -n 's/.*rel="next" href="\([^"]*\)".*/\1/p' "$BODY" | sed 's/&amp;/\&/g')
	done
	[ "$seen" -eq "$EVENTS" ]

	[ "$(get '?event=bad')" = 200 ]
	grep -q 'email is not valid' "$BODY"
	grep -qF 'evt-retry -d crm bad | evt-transform | evt-deliver' "$BODY"
	[ "$(get '?event=good1&source=hubspot&raw=')" = 200 ]
	[ "$(<"$BODY")" = '{"n":19.5,"name":"Jürgen"}' ]
	grep -q '^Content-Disposition: attachment' "$HEAD"
	[ "$(get '?event=nobody')" = 404 ]
	[ "$(get '?subject=contact/bad')" = 200 ]
	[ "$(rows "$BODY")" = " 1 failed " ]
	[ "$(get '?since=someday&status=failed,retrying&subject=contact/bad')" = 400 ]
	[ "$(grep -o 'value="[a-z]*" checked' "$BODY" | sort | paste -sd' ')" = 'value="failed" checked value="retrying" checked' ]
	grep -q 'name="subject"[^>]* value="contact/bad"' "$BODY"
	grep -q 'name="since"[^>]* value="someday"' "$BODY"
	[ "$(get '?sinse=1h')" = 400 ]
	[ "$(get 'other')" = 404 ]
}

@test "the page tells what was refused at the door, and the day a payload expired" {
	fill
	sqlite3 "$EVT_JOURNAL" "INSERT INTO refusal VALUES (strftime('%s', 'now') / 3600 * 3600000, 'shop<b>', 'signature', 7,
		strftime('%s', 'now') * 1000, 401, '192.0.2.1', 'the signature is <i>wrong', 'POST /shop')"
	age_journal 8
	evt-prune
	evt-status --format html >"$BATS_TEST_TMPDIR/page.html"
	grep -q 'Refused at the door.*7</td><td><bdi>shop&lt;b&gt;</bdi>: <bdi>signature</bdi><small[^>]*><bdi>the signature is &lt;i&gt;wrong' \
		"$BATS_TEST_TMPDIR/page.html"
	evt-status --format html good1 >"$BATS_TEST_TMPDIR/event.html"
	grep -q "Expired <time[^>]*datetime=\"$(date -u +%Y-%m-%d)" "$BATS_TEST_TMPDIR/event.html"
}

@test "live: only to be looked at, and with the headers that keep it so" {
	start_page
	[ "$(get '')" = 503 ] # there is no journal yet
	fill
	[ "$(get '')" = 200 ]
	for header in "Content-Security-Policy: default-src 'none'; base-uri 'none'; style-src 'sha256-" 'X-Content-Type-Options: nosniff' \
		'Referrer-Policy: no-referrer' 'Cache-Control: no-store' 'X-Frame-Options: DENY'; do
		grep -qF "$header" "$HEAD"
	done
	without unsafe "$HEAD"
	talk 'HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >"$BODY"
	grep -q '^Content-Length: [1-9]' "$BODY"
	without '<html' "$BODY"
	for method in POST PUT DELETE OPTIONS TRACE; do
		[ "$(get '' -X "$method")" = 405 ]
	done
	[ "$(get '' -X GET -d x)" = 413 ]
	local before
	before=$(query 'select group_concat(status) from history')
	get '' >/dev/null
	[ "$(query 'select group_concat(status) from history')" = "$before" ]
	stop "$PAGE_PID"
	[ "$STATUS" -eq 0 ]
}

@test "live: a page of somebody else's, whose name was made to point here, is not served" {
	fill
	start_page --host status.example.com
	for host in evil.example 127.0.0.1.evil.example localhost.evil.example 127.evil 8.8.8.8; do
		[ "$(get '' -H "Host: $host")" = 421 ]
		without good1 "$BODY"
	done
	for host in localhost:1234 127.0.0.1 '[::1]:80' evt.localhost STATUS.example.com status.example.com:8443; do
		[ "$(get '' -H "Host: $host")" = 200 ]
	done
}

gets_in() { # USER:PASSWORD
	[ "$(get '' -u "$1")" = 200 ]
}

@test "live: a password is asked for when there is a file of them" {
	fill
	write_secret page.users $'ann:s3cret: with colon\nben:other'
	start_page --auth page.users
	[ "$(get '')" = 401 ]
	grep -q '^WWW-Authenticate: Basic realm="evt status", charset="UTF-8"' "$HEAD"
	without good1 "$BODY"
	[ "$(get '' -u 'ann:s3cret: with colon')" = 200 ]
	[ "$(get '' -u ben:other)" = 200 ]
	[ "$(get '' -u ann:other)" = 401 ]
	[ "$(get '' -u ben:)" = 401 ]
	[ "$(get '' -H 'Authorization: Basic !')" = 401 ]
	[ "$(get '' -H 'Authorization: Bearer x')" = 401 ]
	local i
	for ((i = 0; i < 12; i++)); do get '' -u "ann:guess$i"; done >"$BATS_TEST_TMPDIR/guesses"
	grep -q 429 "$BATS_TEST_TMPDIR/guesses"
	[ "$(get '' -u ben:other)" = 429 ] # or the answer would tell
	grep -q '^Retry-After: ' "$HEAD"
	wait_until gets_in ben:other
	stop "$PAGE_PID"
	chmod 644 "$EVT_CONFIG/page.users"
	run evt-status --http -l 127.0.0.1:0 --auth page.users
	[ "$status" -eq 78 ]
	[[ $output == *'chmod 600'* ]]
	write_secret none.users 'nobody'
	run evt-status --http -l 127.0.0.1:0 --auth none.users
	[ "$status" -eq 78 ]
	[[ $output != *nobody* ]]
}

# talk BYTES: sends them to the page as they are; prints all that comes back.
talk() {
	local port=${PAGE_URL##*:}
	exec 7<>"/dev/tcp/127.0.0.1/${port%/}"
	printf '%b' "$1" >&7
	timeout 20 cat <&7
	exec 7>&-
}

@test "live: requests that are none, or come in pieces, or one behind the other" {
	fill
	start_page
	talk 'GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n' | grep -q '^HTTP/1.1 400 '
	talk 'GET / HTTP/1.1\r\n\r\n' | grep -q '^HTTP/1.1 400 '
	talk 'GET / HTTP/1.1\nHost: localhost\n\n' | grep -q '^HTTP/1.1 400 '
	talk 'GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' | grep -q '^HTTP/1.1 413 '
	talk "GET /?$(printf 'a%.0s' {1..17000}) HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n" | grep -q '^HTTP/1.1 431 '
	local two='GET /?status=failed HTTP/1.1\r\nHost: localhost\r\n\r\n'
	[ "$(talk "$two${two/localhost/localhost\\r\\nConnection: close}" | grep -c '^HTTP/1.1 200 ')" -eq 2 ]
	[ "$(get '')" = 200 ]
}

@test "live: those who do not read hold nothing of the journal, and nobody else up" {
	command -v python3 >/dev/null || skip 'there is no python3'
	fill
	start_page
	spawn mute python3 - "${PAGE_URL##*:}" "$BATS_TEST_TMPDIR/asked" <<-'END'
		import pathlib, signal, socket, sys
		mute = []
		for i in range(80): # more than it takes in at once
		    s = socket.socket()
		    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
		    s.connect(("127.0.0.1", int(sys.argv[1].rstrip("/"))))
		    if i < 40:
		        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
		    mute.append(s)
		pathlib.Path(sys.argv[2]).touch()
		signal.pause()
	END
	wait_until test -e "$BATS_TEST_TMPDIR/asked"
	[ "$(get '?status=failed' --max-time 20)" = 200 ]
	line later 1 | evt-deliver
	[ "$(get '?event=later' --max-time 20)" = 200 ]
	# A checkpoint that takes all and starts the log anew needs every reader out.
	[ "$(sqlite3 "$EVT_JOURNAL" 'pragma wal_checkpoint(truncate)')" = '0|0|0' ]
}

# as_inetd nowait|wait: one socket on standard streams, as inetd has it; prints the port to $BATS_TEST_TMPDIR/port.
as_inetd() {
	BODY=$BATS_TEST_TMPDIR/body HEAD=$BATS_TEST_TMPDIR/head
	spawn inetd python3 - "$1" "$BATS_TEST_TMPDIR/port" <<-'END'
		import os, socket, sys
		listener = socket.create_server(("127.0.0.1", 0))
		with open(sys.argv[2] + ".new", "w") as file:
		    file.write(str(listener.getsockname()[1]))
		os.rename(sys.argv[2] + ".new", sys.argv[2])
		if sys.argv[1] == "systemd":
		    os.dup2(listener.fileno(), 3)
		    os.set_inheritable(3, True)
		    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
		else:
		    sock = listener if sys.argv[1] == "wait" else listener.accept()[0]
		    for fd in 0, 1, 2:
		        os.dup2(sock.fileno(), fd)
		os.execvp("evt-status", ["evt-status", "--http"])
	END
	wait_until test -s "$BATS_TEST_TMPDIR/port"
	PAGE_URL=http://127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")/
}

@test "live: from inetd, nowait and wait, and from systemd" {
	command -v python3 >/dev/null || skip 'there is no python3'
	fill
	for kind in nowait wait systemd; do
		rm -f "$BATS_TEST_TMPDIR/port"
		as_inetd "$kind"
		[ "$(get '?status=failed')" = 200 ]
		[ "$(rows "$BODY")" = " 2 failed " ]
	done
}

@test "browser: filter, page, open an event, all by keyboard or click" {
	needs_browser
	fill
	start_page
	run browse "$PAGE_URL" \
		'do:document.querySelector("input[value=failed]").click(); document.querySelector("form.filters button").click()' \
		'until:location.search === "?status=failed" && document.readyState === "complete"' \
		'print:document.querySelectorAll("#history tbody tr").length' \
		'do:[...document.querySelectorAll("#history a")].find((a) => a.textContent === "bad").focus()' key:Enter \
		'until:location.search === "?event=bad&source=hubspot" && document.readyState === "complete"' \
		'print:document.querySelector("h2").textContent' \
		'print:document.querySelector(".command pre").textContent' \
		'print:document.querySelector(".command button").hidden'
	[ "$status" -eq 0 ]
	[ "$output" = $'2\nbad\nevt-retry -d crm bad | evt-transform | evt-deliver\nfalse' ]
}

@test "browser: what a stranger wrote does not run, in the history, in the event, in the file" {
	needs_browser
	fill
	start_page
	evt-status --format html >"$BATS_TEST_TMPDIR/page.html"
	run browse "$PAGE_URL" 'print:document.querySelectorAll("#history tbody tr").length' \
		'do:[...document.querySelectorAll("#history a")].find((a) => a.textContent.startsWith("</script")).click()' \
		'until:location.search.startsWith("?event=%3C%2Fscript") && document.readyState === "complete"' \
		'print:document.querySelector("h2").textContent' \
		'print:document.querySelectorAll("img, script").length' \
		'print:/[\u0000-\u0009\u000b-\u001f\u202e\u200f]/.test(document.body.textContent.replace(/\t/g, ""))'
	[ "$status" -eq 0 ]
	[ "$output" = $"$EVENTS"$'\n'"$HOSTILE"$'\n1\nfalse' ]
	run browse "file://$BATS_TEST_TMPDIR/page.html" 'print:document.querySelectorAll("img, script").length'
	[ "$status" -eq 0 ]
	[ "$output" = 1 ]
	run browse "$PAGE_URL?error=%3Cscript%3E&type=%22%3E%3Cimg+src%3Dx%3E" 'print:document.querySelectorAll("img, script").length'
	[ "$status" -eq 0 ]
	[ "$output" = 1 ]
}

@test "browser: the alarms above are not deaf" {
	needs_browser
	echo '<script>alert(1)</script><script>throw new Error("x")</script><img src="http://127.0.0.1:1/x">' >"$BATS_TEST_TMPDIR/bad.html"
	run browse "file://$BATS_TEST_TMPDIR/bad.html"
	[[ $output == *'alarm: dialog: 1'* ]]
	[[ $output == *'alarm: exception: Error: x'* ]]
	[[ $output == *'alarm: request: http://127.0.0.1:1/x'* ]]
	echo '<meta http-equiv="Content-Security-Policy" content="script-src '\''none'\''"><script>alert(1)</script>' >"$BATS_TEST_TMPDIR/bad.html"
	run browse "file://$BATS_TEST_TMPDIR/bad.html"
	[[ $output == 'alarm: policy: script-src'* ]]
}

@test "browser: the file is read without a script, and filters its rows with one" {
	needs_browser
	fill
	evt-status --format html >"$BATS_TEST_TMPDIR/page.html"
	local shown='[...document.querySelectorAll("#history tbody tr")].filter((row) => row.offsetHeight).length'
	run browse "file://$BATS_TEST_TMPDIR/page.html" "print:$shown" \
		'do:const box = document.querySelector("#filter input[value=failed]"); box.click()' "print:$shown" \
		'do:const words = document.querySelector("#words"); words.focus()' key:v key:a key:l key:i key:d "print:$shown" \
		'print:document.querySelector("#filter output").textContent'
	[ "$status" -eq 0 ]
	[ "$output" = $'8\n2\n1\n1 of 8 shown' ]
	run browse --no-script "file://$BATS_TEST_TMPDIR/page.html" 'shot:/dev/null' 'ax:row'
	[ "$status" -eq 0 ]
}

@test "browser: fits a phone, dark and light; every picture has its table, every field its name" {
	needs_browser
	fill
	start_page
	for scheme in '' --dark; do
		# shellcheck disable=SC2086 # none, or one option
		run browse --width 360 --height 740 $scheme "$PAGE_URL" \
			'print:document.documentElement.scrollWidth <= 360' \
			'print:getComputedStyle(document.body).backgroundColor' \
			'print:[...document.querySelectorAll("svg[role=img]")].every((svg) => svg.ariaLabel && svg.closest("section").querySelector("details.figures table"))' \
			'print:[...document.querySelectorAll("input:not([type=hidden])")].every((input) => input.labels.length || input.ariaLabel)' \
			'print:[...document.querySelectorAll(".pill, .tiles .mark, .verdict .mark")].every((mark) => /[a-z]/.test(mark.textContent))'
		echo "$output"
		[ "$status" -eq 0 ]
		if [ -n "$scheme" ]; then
			[ "$output" = $'true\nrgb(18, 19, 22)\ntrue\ntrue\ntrue' ]
		else
			[ "$output" = $'true\nrgb(247, 247, 245)\ntrue\ntrue\ntrue' ]
		fi
		# shellcheck disable=SC2086
		run browse --width 360 --height 740 $scheme "$PAGE_URL?event=bad" 'print:document.documentElement.scrollWidth <= 360'
		[ "$output" = true ]
	done
	run browse "$PAGE_URL" ax:columnheader
	[[ $output == *Received*Event*Destination*Status* ]]
	run browse "$PAGE_URL" ax:combobox ax:textbox ax:button ax:checkbox
	[[ $output == *'Received since'*'Destination'*'Type'*'Text in the error'*Filter*failed* ]]
}

@test "browser: enough contrast, in both schemes" {
	needs_browser
	fill
	start_page
	# WCAG 2.1, 1.4.3: at least 4.5 for each text against what stands behind it.
	# shellcheck disable=SC2016 # JavaScript
	local poor='(() => {
		const luminance = (c) => c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
			.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
		const rgb = (text) => text.match(/[\d.]+/g).map(Number);
		const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
		const found = new Set();
		for (const e of document.querySelectorAll("main *, header *, footer")) {
			if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.offsetHeight) continue;
			const [a, b] = [luminance(rgb(getComputedStyle(e).color).slice(0, 3)), luminance(ground(e))];
			const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < 4.5) found.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
		}
		return [...found].join(", ") || "none";
	})()'
	for scheme in '' --dark; do
		for query in '' '?event=bad'; do
			# shellcheck disable=SC2086
			run browse $scheme "$PAGE_URL$query" "print:$poor"
			echo "$output"
			[ "$output" = none ]
		done
	done
}
