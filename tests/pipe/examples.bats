#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What stands in share/examples works as it stands there.

load ../lib

examples=$EVT_ROOT/share/examples

setup() {
	evt_setup
	cp -R "$examples"/{sources,destinations,maps} "$EVT_CONFIG"
	write_secret hubspot.secret 3f6b5a1e9c2d47f08b1e
	write_secret stripe.secret whsec_0123456789abcdef
	write_secret crm.token token
}

@test "every example source is one that evt-receive takes" {
	local file name
	for file in "$examples"/sources/*.json; do
		name=$(basename "$file" .json)
		evt-receive -s "$name" </dev/null
	done
}

@test "every example map is one that evt-transform takes" {
	evt-transform --check
}

@test "every example destination is one that evt-deliver takes" {
	local file name
	for file in "$examples"/destinations/*.json; do
		name=$(basename "$file" .json)
		if jq -e .program "$file" >/dev/null; then
			evt-deliver --start -d "$name" </dev/null
		else
			evt-deliver -d "$name" </dev/null
		fi
	done
}

@test "the systemd units are well-formed" {
	command -v systemd-analyze >/dev/null || skip 'no systemd-analyze'
	run systemd-analyze verify "$examples"/systemd/*.{socket,timer,service}
	# Whether evt and its manual are installed on this machine is not the question.
	[ "$(grep -vE "is not executable|Command 'man " <<<"$output")" = '' ]
}

@test "the crontab's pipeline for what is due sends it" {
	start_destination
	sed -i "s,https://archive.example.com,$DEST_URL," "$EVT_CONFIG/destinations/archive.json"
	evt-receive -s orders <<<'{"id":7,"updated_at":"2026-11-23T06:00:00Z","total":19.90}' >/dev/null
	bash -c "$(sed -n 's/^\* \* \* \* \* //p' "$examples/crontab")"
	[ "$(requests '.method + " " + .path')" = '"PUT /events/7%2F2026-11-23T06%3A00%3A00Z"' ]
	[ "$(requests .body)" = '"{\"id\":7,\"updated_at\":\"2026-11-23T06:00:00Z\",\"total\":19.90}"' ]
}

@test "behind the nginx of the example a request arrives, and its signature holds" {
	command -v nginx >/dev/null || skip 'no nginx'
	write_source signed <<<'{"verify": {"scheme": "github", "secret_file": "stripe.secret"}, "type": "const:push", "destinations": {}}'
	start_receiver
	local dir=$BATS_TEST_TMPDIR/nginx signature
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<-END
		daemon off; pid $dir/pid; error_log $dir/error.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
			server { listen unix:$dir/socket; $(sed "s/127.0.0.1:8080/127.0.0.1:$RECEIVE_PORT/" "$examples/nginx.conf") }
		}
	END
	spawn nginx nginx -e "$dir/error.log" -c "$dir/nginx.conf" </dev/null >/dev/null
	wait_until test -S "$dir/socket"
	signature=$(printf '{"a":1.10}' | openssl dgst -sha256 -hmac whsec_0123456789abcdef -r | cut -d ' ' -f 1)
	[ "$(curl -sS --unix-socket "$dir/socket" -o /dev/null -w '%{http_code}' -d '{"a":1.10}' -H 'Content-Type: application/json' \
		-H "X-Hub-Signature-256: sha256=$signature" http://localhost/hooks/signed)" = 202 ]
}

post_answers_202() {
	[ "$(post open '{"n":1.10}' 2>/dev/null)" = 202 ]
}

free_port() {
	start_destination
	stop "$DEST_PID"
	RECEIVE_PORT=$DEST_PORT
	export RECEIVE_URL=$DEST_URL
}

@test "each program is hardened" {
	command -v readelf >/dev/null || skip 'no readelf'
	local program
	for program in "$BUILD"/evt-*; do
		[ -x "$program" ] || continue
		readelf -hldW "$program" >"$BATS_TEST_TMPDIR/elf"
		grep -q 'Type:.*DYN' "$BATS_TEST_TMPDIR/elf"
		grep -q GNU_RELRO "$BATS_TEST_TMPDIR/elf"
		grep -q 'FLAGS_1.*NOW.*PIE' "$BATS_TEST_TMPDIR/elf"
		grep -qE 'GNU_STACK.* RW ' "$BATS_TEST_TMPDIR/elf"
		run grep -E 'LOAD.* RWE|TEXTREL|RPATH|RUNPATH' "$BATS_TEST_TMPDIR/elf"
		[ "$status" -eq 1 ]
		[ -e "$BUILD/tests/fault.so" ] || continue # a sanitizer has its own ways
		readelf --dyn-syms -W "$program" >"$BATS_TEST_TMPDIR/symbols"
		grep -q '__stack_chk_fail' "$BATS_TEST_TMPDIR/symbols"
		! grep -q '@GLIBC_' "$BATS_TEST_TMPDIR/symbols" || grep -q 'printf_chk' "$BATS_TEST_TMPDIR/symbols"
	done
}

@test "the systemd services have little to lose" {
	local unit
	systemd-analyze security --help 2>/dev/null | grep -q -e --offline || skip 'no systemd-analyze --offline'
	for unit in "$examples"/systemd/*.service; do
		systemd-analyze security --offline=yes --threshold=20 --no-pager "$unit" >/dev/null
	done
}

@test "the service of the example receives on systemd's socket, and delivers" {
	command -v systemd-socket-activate >/dev/null || skip 'no systemd-socket-activate'
	write_source open <<<'{"verify": {"scheme": "none"}, "type": "const:t", "destinations": {"archive": ["*"]}}'
	free_port
	start_destination
	sed -i "s,https://archive.example.com,$DEST_URL," "$EVT_CONFIG/destinations/archive.json"
	local command
	command=$(sed -n "s/^ExecStart=\/bin\/sh -c '\(.*\)'$/\1/p" "$examples/systemd/evt-receive.service")
	spawn systemd systemd-socket-activate -l "127.0.0.1:$RECEIVE_PORT" -E PATH="$PATH" -E EVT_CONFIG="$EVT_CONFIG" \
		-E EVT_JOURNAL="$EVT_JOURNAL" -E ASAN_OPTIONS -E LSAN_OPTIONS sh -c "$command" </dev/null >/dev/null
	wait_until post_answers_202
	wait_until test -s "$DEST_LOG"
	[ "$(requests .body | head -n 1)" = '"{\"n\":1.10}"' ]
	pkill -P "$PID" evt-receive
}

@test "the service for each connection receives under systemd" {
	command -v systemd-socket-activate >/dev/null || skip 'no systemd-socket-activate'
	local unit=$examples/systemd/evt-receive-each@.service
	write_source open <<<'{"verify": {"scheme": "none"}, "type": "const:t", "destinations": {}}'
	free_port
	grep -qx 'Accept=yes' "$examples/systemd/evt-receive-each.socket"
	grep -qx 'StandardInput=socket' "$unit"
	# shellcheck disable=SC2046 # a command line
	spawn systemd systemd-socket-activate -a --inetd -l "127.0.0.1:$RECEIVE_PORT" -E PATH="$PATH" -E EVT_CONFIG="$EVT_CONFIG" \
		-E EVT_JOURNAL="$EVT_JOURNAL" -E ASAN_OPTIONS -E LSAN_OPTIONS \
		$(sed -n 's,^ExecStart=-/usr/local/bin/,,p' "$unit") </dev/null >/dev/null
	wait_until post_answers_202
	post_answers_202
	stop "$PID"
	[ "$(query "select count(*) from history where status = 'skipped'")" -eq 2 ]
}

@test "the lines of the example receive under inetd" {
	[ -x /usr/sbin/inetd ] && [ "$(id -u)" -eq 0 ] || skip 'no inetd, or not root'
	write_source open <<<'{"verify": {"scheme": "none"}, "type": "const:t", "destinations": {}}'
	local kind
	for kind in wait nowait; do
		free_port
		sed -n "s/^#*\(8080 stream tcp $kind.*\)/\1/p" "$examples/inetd.conf" |
			sed -e "s,^8080,127.0.0.1:$RECEIVE_PORT," -e 's, evt , root ,' -e "s,/usr/local/bin,$BUILD," -e "s,/etc/evt,$EVT_CONFIG," \
				-e "s,/var/lib/evt/journal.db,$EVT_JOURNAL," >"$BATS_TEST_TMPDIR/inetd.conf"
		# It closes every descriptor there might be: few, or that takes minutes.
		# shellcheck disable=SC2016 # for the inner shell
		spawn inetd sh -c 'ulimit -n 256; exec inetd -i "$0"' "$BATS_TEST_TMPDIR/inetd.conf" </dev/null >/dev/null
		wait_until post_answers_202
		post_answers_202
		post_answers_202
		pkill -P "$PID" evt-receive || :
		stop "$PID"
	done
	[ "$(query "select count(*) from history where status = 'skipped'")" -eq 6 ]
}

page_answers() {
	curl -sSf "http://127.0.0.1:$RECEIVE_PORT/?type=order.*" | grep 'order.changed' >"$BATS_TEST_TMPDIR/row"
}

@test "the page of the examples is served under systemd and inetd" {
	evt-receive -s orders <<<'{"id":7,"updated_at":"2026-11-23T06:00:00Z","total":19.90}' >/dev/null
	if command -v systemd-socket-activate >/dev/null; then
		free_port
		spawn systemd systemd-socket-activate -l "127.0.0.1:$RECEIVE_PORT" -E PATH="$PATH" -E EVT_CONFIG="$EVT_CONFIG" \
			-E EVT_JOURNAL="$EVT_JOURNAL" -E ASAN_OPTIONS -E LSAN_OPTIONS \
			sh -c "exec $(sed -n 's,^ExecStart=/usr/local/bin/,,p' "$examples/systemd/evt-status.service")" </dev/null >/dev/null
		wait_until page_answers
		stop "$PID"
	fi
	if [ -x /usr/sbin/inetd ] && [ "$(id -u)" -eq 0 ]; then
		free_port
		sed -n 's/^127.0.0.1:8081 /&/p' "$examples/inetd.conf" |
			sed -e "s,^127.0.0.1:8081,127.0.0.1:$RECEIVE_PORT," -e 's, evt , root ,' -e "s,/usr/local/bin,$BUILD," \
				-e "s,/etc/evt,$EVT_CONFIG," -e "s,/var/lib/evt/journal.db,$EVT_JOURNAL," >"$BATS_TEST_TMPDIR/inetd.conf"
		# shellcheck disable=SC2016 # for the inner shell
		spawn inetd sh -c 'ulimit -n 256; exec inetd -i "$0"' "$BATS_TEST_TMPDIR/inetd.conf" </dev/null >/dev/null
		wait_until page_answers
		stop "$PID"
	fi
}
