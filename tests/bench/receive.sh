#!/bin/sh
# SPDX-License-Identifier: MIT
# Receipt: requests/s of evt-receive, each a new event of 1 KiB journaled with synchronous=FULL before its answer, beside nginx that
# answers 200 and stores nothing. Runs take turns, since other work on the machine changes by the second; the ratio is what to look at.
#   BUILD=build SECONDS_EACH=5 ROUNDS=3 CONNECTIONS="1 64 256" sh tests/bench/receive.sh
set -u
seconds=${SECONDS_EACH:-3} rounds=${ROUNDS:-3} connections=${CONNECTIONS:-1 64 256}
PATH=$(cd "${BUILD:-build}" && pwd):$PATH:/usr/sbin
command -v wrk >/dev/null || {
	echo "skipped: no wrk here, nothing to load a server with"
	exit 0
}
command -v nginx >/dev/null || echo "no nginx here: evt-receive alone, nothing to compare with"

work=$(mktemp -d) || exit 70
receiver='' web=''
finish() {
	for pid in $receiver $web; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

wait_for() { # COMMAND...: at most 10 s
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -gt 200 ] && echo "gave up waiting until: $*" >&2 && exit 70
		sleep 0.05
	done
}

mkdir -p "$work/config/sources"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["*"]}}' >"$work/config/sources/x.json"
evt-receive -c "$work/config" -j "$work/journal.db" -l 127.0.0.1:0 >/dev/null 2>"$work/receive.err" &
receiver=$!
wait_for grep -q 'listening on' "$work/receive.err"
evt=$(sed -n 's/.*listening on //p' "$work/receive.err")

if command -v nginx >/dev/null; then
	cat >"$work/nginx.conf" <<END
daemon off; worker_processes 1; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path $work/body;
       server { listen unix:$work/nginx.sock; listen 127.0.0.1:${NGINX_PORT:-8571}; location / { return 200; } } }
END
	nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.out" &
	web=$!
	wait_for test -S "$work/nginx.sock"
fi

# Every request has an id of its own: os.time and the thread tell runs apart.
cat >"$work/post.lua" <<'END'
local pad, n, run = string.rep("x", 960), 0, ""
function init(args) run = args[1] end
function request()
	n = n + 1
	return wrk.format("POST", "/x", {["Content-Type"] = "application/json"},
		'{"id":"' .. run .. "-" .. n .. '","type":"contact.new","pad":"' .. pad .. '"}')
end
END

load() { # ADDRESS CONNECTIONS RUN: requests/s, 99th percentile, answers that were no 2xx
	wrk -t1 -c"$2" -d"${seconds}s" --latency -s "$work/post.lua" "http://$1/" -- "$3" >"$work/out"
	awk '/99%/ { p99 = $2 } /Requests\/sec/ { rate = $2 } /Non-2xx/ { bad = $NF } END { print rate, p99, bad + 0 }' "$work/out"
}

for c in $connections; do
	sum=0 base=0 round=0
	while [ $round -lt "$rounds" ]; do
		round=$((round + 1))
		line=$(load "$evt" "$c" "$c-$round")
		sum=$(echo "$sum ${line%% *}" | awk '{ print $1 + $2 }')
		other='(no nginx)'
		if [ -n "$web" ]; then
			other=$(load "127.0.0.1:${NGINX_PORT:-8571}" "$c" "$c-$round")
			base=$(echo "$base ${other%% *}" | awk '{ print $1 + $2 }')
		fi
		echo "$c connections, round $round: evt-receive $line, nginx $other (requests/s, p99, refused)"
	done
	echo "$sum $base $rounds $c" | awk '{ printf "%d connections: %.0f requests/s journaled", $4, $1 / $3
		if ($2) printf ", %.2f of nginx storing nothing (%.0f)", $1 / $2, $2 / $3
		print "" }'
done
echo "journaled in all: $(sqlite3 -readonly "$work/journal.db" 'select count(*) from history' 2>/dev/null || echo '(no sqlite3 to count with)')"
