#!/usr/bin/env bats
# The examples for servers that start evt-receive, or stand in front of it: each really started, where it is installed.

load ../lib

setup() {
	evt_setup
	PATH=$PATH:/usr/sbin
	examples=$EVT_ROOT/share/examples
	write_source open <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {}}'
	start_receiver # for a free port
	stop "$RECEIVE_PID"
}

needs() {
	command -v "$1" >/dev/null || skip "no $1 here"
}

# as_here FILE: the example with this test's port, user, programs, configuration and journal.
as_here() {
	sed -e "s,8080,$RECEIVE_PORT,; s,/usr/local/bin,$BUILD,; s,/etc/evt,$EVT_CONFIG,; s,/var/lib/evt/journal.db,$EVT_JOURNAL," \
		-e "s,= evt$,= $(id -un),; s,0\.0\.0\.0,127.0.0.1,; s,/usr/local/lib/evt,$BATS_TEST_TMPDIR/lib," "$examples/$1"
}

# takes PATH ID: a new event is 202, then known.
takes() {
	[ "$(curl -sS --max-time 10 -o /dev/null -w '%{http_code}' -d "{\"id\":\"$2\"}" -H 'Content-Type: application/json' \
		"http://127.0.0.1:$RECEIVE_PORT$1" 2>/dev/null)" = 202 ]
}

refuses_wrong_method() { # PATH
	[ "$(curl -sS -o /dev/null -w '%{http_code}' "http://127.0.0.1:$RECEIVE_PORT$1")" = 405 ]
	wait_until is_counted
}

is_counted() {
	[ "$(query "select count(*) from refusal where cause = 'method' and peer = '127.0.0.1'")" = 1 ]
}

@test "xinetd" {
	needs xinetd
	as_here xinetd.conf >"$BATS_TEST_TMPDIR/xinetd.conf"
	# It closes every descriptor there might be.
	# shellcheck disable=SC2016 # for the inner shell
	spawn xinetd sh -c 'ulimit -n 256; exec xinetd -dontfork -f "$0" -pidfile "$0.pid"' "$BATS_TEST_TMPDIR/xinetd.conf" </dev/null >/dev/null
	wait_until takes /open 1
	takes /open 2
	refuses_wrong_method /open
	pkill -P "$PID" evt-receive || true
}

@test "tcpserver" {
	needs tcpserver
	as_here tcpserver.sh >"$BATS_TEST_TMPDIR/run"
	spawn tcpserver sh "$BATS_TEST_TMPDIR/run" </dev/null >/dev/null
	wait_until takes /open 1
	takes /open 2
	refuses_wrong_method /open
}

@test "lighttpd, as CGI" {
	needs lighttpd
	mkdir "$BATS_TEST_TMPDIR/lib" "$BATS_TEST_TMPDIR/root"
	ln -s "$BUILD/evt-receive" "$BATS_TEST_TMPDIR/lib/hooks"
	{
		echo "server.document-root = \"$BATS_TEST_TMPDIR/root\""
		echo "server.port = $RECEIVE_PORT"
		echo 'server.bind = "127.0.0.1"'
		as_here lighttpd.conf
	} >"$BATS_TEST_TMPDIR/lighttpd.conf"
	spawn lighttpd lighttpd -D ${LIGHTTPD_MODULES:+-m "$LIGHTTPD_MODULES"} -f "$BATS_TEST_TMPDIR/lighttpd.conf" </dev/null >/dev/null
	wait_until takes /hooks/open 1
	takes /hooks/open 2
	refuses_wrong_method /hooks/open
}

# open_path DIR: servers' workers, which are somebody else, may pass.
open_path() {
	local dir=$1
	while [ "$dir" != / ]; do
		chmod o+x "$dir"
		dir=$(dirname "$dir")
	done
}

@test "Apache, as CGI: with chunks, a password and a signed address" {
	needs apache2
	local modules=${APACHE_MODULES:-/usr/lib/apache2/modules} dir=$BATS_TEST_TMPDIR/apache module time sign
	write_secret user.secret sesame
	write_source user <<<'{"verify": {"scheme": "basic", "user": "ann", "secret_file": "user.secret"}, "id": "/id", "type": "const:t", "destinations": {}}'
	write_secret hub.secret 3f6b5a1e9c2d47f08b1e
	write_source hub <<<'{"verify": {"scheme": "hubspot-v3", "secret_file": "hub.secret"}, "public_url": "https://a.example/hub",
		"id": "/id", "type": "const:t", "destinations": {}}'
	mkdir -p "$dir/state"
	export EVT_JOURNAL=$dir/state/journal.db
	if [ "$(id -u)" -eq 0 ]; then # which Apache does not want to be
		chown -R nobody "$EVT_CONFIG" "$dir/state"
		open_path "$dir/state"
	fi
	{
		echo "ServerName localhost"
		echo "Listen 127.0.0.1:$RECEIVE_PORT"
		echo "PidFile $dir/pid"
		echo "ErrorLog $dir/error.log"
		echo "DefaultRuntimeDir $dir"
		echo "User nobody"
		for module in mpm_prefork authz_core alias cgi env; do
			echo "LoadModule ${module}_module $modules/mod_$module.so"
		done
		as_here apache.conf
	} >"$dir/apache.conf"
	spawn apache apache2 -X -f "$dir/apache.conf" </dev/null >/dev/null
	wait_until takes /hooks/open 1
	takes /hooks/open 2
	refuses_wrong_method /hooks/open
	as_chunks() { # ID: a body whose length is not told
		printf '{"id":"%s"}' "$1" | curl -sS -o /dev/null -w '%{http_code}' -T - -X POST -H 'Content-Type: application/json' "${@:2}" \
			"http://127.0.0.1:$RECEIVE_PORT/hooks/open"
	}
	[ "$(as_chunks 3)" = 202 ]
	[ "$(as_chunks 3)" = 200 ]
	[ "$(curl -sS -o /dev/null -w '%{http_code}' -u ann:sesame -d '{"id":1}' "http://127.0.0.1:$RECEIVE_PORT/hooks/user")" = 202 ]
	[ "$(curl -sS -o /dev/null -w '%{http_code}' -u ann:salami -d '{"id":2}' "http://127.0.0.1:$RECEIVE_PORT/hooks/user")" = 401 ]
	time=$(date +%s)000
	sign=$(printf 'POSThttps://a.example/hub{"id":1}%s' "$time" | openssl dgst -sha256 -hmac 3f6b5a1e9c2d47f08b1e -binary | openssl base64)
	[ "$(curl -sS -o /dev/null -w '%{http_code}' -d '{"id":1}' -H 'Content-Type: application/json' -H "X-HubSpot-Signature-v3: $sign" \
		-H "X-HubSpot-Request-Timestamp: $time" "http://127.0.0.1:$RECEIVE_PORT/hooks/hub")" = 202 ]
}

# nginx_with FILE: its location on this test's port.
nginx_with() {
	local dir=$BATS_TEST_TMPDIR/nginx
	mkdir -p "$dir"
	[ ! -r /etc/nginx/fastcgi_params ] || cp /etc/nginx/fastcgi_params "$dir/"
	cat >"$dir/nginx.conf" <<-END
		daemon off; pid $dir/pid; error_log $dir/error.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c; uwsgi_temp_path $dir/d; scgi_temp_path $dir/e;
			server { listen 127.0.0.1:$RECEIVE_PORT; $1 }
		}
	END
	spawn nginx nginx -e "$dir/error.log" -c "$dir/nginx.conf" </dev/null >/dev/null
}

@test "nginx and fcgiwrap, as CGI" {
	needs nginx
	needs fcgiwrap
	[ -r /etc/nginx/fastcgi_params ] || skip 'no fastcgi_params'
	local socket=$BATS_TEST_TMPDIR/fcgiwrap.socket
	(umask 0 && spawn fcgiwrap fcgiwrap -s "unix:$socket" </dev/null >/dev/null && echo "$PID" >"$BATS_TEST_TMPDIR/fcgiwrap.pid")
	BACKGROUND+=("$(<"$BATS_TEST_TMPDIR/fcgiwrap.pid")")
	nginx_with "$(as_here nginx-cgi.conf | sed "s,/run/fcgiwrap.socket,$socket,; s,include fastcgi_params,include $BATS_TEST_TMPDIR/nginx/fastcgi_params,")"
	open_path "$BATS_TEST_TMPDIR"
	wait_until takes /hooks/open 1
	takes /hooks/open 2
	refuses_wrong_method /hooks/open
}

@test "a socket file behind nginx: the sender is the one the trusted proxy names" {
	needs nginx
	echo '{"trusted_proxies": ["unix"]}' >"$EVT_CONFIG/receive.json"
	local socket=$BATS_TEST_TMPDIR/evt.socket
	spawn receive evt-receive -l "unix:$socket" </dev/null >/dev/null
	wait_until test -S "$socket"
	chmod 666 "$socket"
	open_path "$BATS_TEST_TMPDIR"
	nginx_with "location / { proxy_pass http://unix:$socket; proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; }"
	wait_until takes /open 1
	refuses_wrong_method /open
}
