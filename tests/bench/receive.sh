#!/bin/sh
# SPDX-License-Identifier: MIT
# Receipt: requests/s of evt-receive, each a new event of 1 KiB journaled with synchronous=FULL before its answer, beside
# nginx answering 200 and storing nothing, Node with better-sqlite3 storing the same rows, Debian's webhook running /bin/true, SQLite's own
# inserts in batches without HTTP; with fsync 2 ms slower; and a process for each connection under inetd. Runs take turns, since
# other work on the machine changes by the second: medians of ratios are what to look at. What is not installed is said.
#   BUILD=build SECONDS_EACH=5 ROUNDS=5 CONNECTIONS="1 16 64 256" sh tests/bench/receive.sh
set -u
seconds=${SECONDS_EACH:-3} rounds=${ROUNDS:-3} connections=${CONNECTIONS:-1 16 64 256}
cd "$(dirname "$0")/../.." || exit 70
build=$(cd "${BUILD:-build}" && pwd) || exit 70
PATH=$build:$build/tests:$PATH:/usr/sbin
command -v wrk >/dev/null || {
	echo "skipped: no wrk here, nothing to load a server with"
	exit 0
}
work=$(mktemp -d) || exit 70
pids=''
finish() {
	for pid in $pids; do
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

free_port() { # a port that nobody listened on a moment ago
	evt-receive -c "$work/config" -j "$work/port.db" -l 127.0.0.1:0 >/dev/null 2>"$work/port" &
	wait_for grep -q 'listening on' "$work/port"
	kill $! && wait $!
	sed -n 's/.*listening on .*://p' "$work/port"
}

# ---- the servers: each prints its address ----

mkdir -p "$work/config/sources"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["*"]}}' >"$work/config/sources/x.json"

start_evt() { # NAME [PRELOAD]
	LD_PRELOAD=${2:-} evt-receive -c "$work/config" -j "$work/$1.db" -l 127.0.0.1:0 >/dev/null 2>"$work/$1.err" &
	pids="$pids $!" evt_pid=$!
	wait_for grep -q 'listening on' "$work/$1.err"
	address=$(sed -n 's/.*listening on //p' "$work/$1.err")
}

node_modules=$build/bench-node
start_node() { # NAME [PRELOAD]
	port=$(free_port)
	NODE_PATH=$node_modules/node_modules LD_PRELOAD=${2:-} node tests/bench/receive/server.js "$work/$1.db" "$port" \
		share/sql/*.sql >"$work/$1.out" 2>&1 &
	pids="$pids $!"
	wait_for grep -q listening "$work/$1.out"
	address=127.0.0.1:$port
}

start_nginx() {
	port=$(free_port)
	cat >"$work/nginx.conf" <<END
daemon off; worker_processes 1; pid $work/nginx.pid; error_log $work/nginx.err;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path $work/body;
       server { listen 127.0.0.1:$port; location / { return 200; } } }
END
	nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.out" &
	pids="$pids $!"
	wait_for curl -sS -f "http://127.0.0.1:$port/"
	address=127.0.0.1:$port
}

start_webhook() {
	port=$(free_port)
	echo '[{"id": "x", "execute-command": "/bin/true"}]' >"$work/hooks.json"
	webhook -hooks "$work/hooks.json" -ip 127.0.0.1 -port "$port" -urlprefix '' >"$work/webhook.out" 2>&1 &
	pids="$pids $!"
	wait_for curl -sS -f "http://127.0.0.1:$port/x"
	address=127.0.0.1:$port
}

have_node() {
	command -v node >/dev/null || return 1
	[ -d "$node_modules/node_modules/better-sqlite3" ] && return
	mkdir -p "$node_modules" && npm install --silent --prefix "$node_modules" better-sqlite3 >"$work/npm.log" 2>&1
}

# ---- the load ----

# Every request has an id of its own: the run and the thread tell runs apart.
cat >"$work/post.lua" <<'END'
local pad, n, run, headers = string.rep("x", 960), 0, "", {["Content-Type"] = "application/json"}
function init(args)
	run = args[1]
	if args[2] then headers["Connection"] = args[2] end
end
function request()
	n = n + 1
	return wrk.format("POST", "/x", headers, '{"id":"' .. run .. "-" .. n .. '","type":"contact.new","pad":"' .. pad .. '"}')
end
END

run=0
load() { # ADDRESS CONNECTIONS [CONNECTION HEADER]: requests/s, 99th percentile in ms, answers that were no 2xx
	run=$((run + 1))
	wrk -t1 -c"$2" -d"${seconds}s" --latency -s "$work/post.lua" "http://$1/" -- "$run" ${3:+"$3"} >"$work/out"
	awk '/99%/ { p99 = $2 + 0; if ($2 ~ /us$/) p99 /= 1000; else if ($2 ~ /[0-9]s$/) p99 *= 1000 }
		/Requests\/sec/ { rate = $2 } /Non-2xx/ { bad = $NF } END { printf "%s %.2f %d\n", rate, p99, bad }' "$work/out"
}

# compare TITLE CONNECTIONS NAME=ADDRESS...: in turns; the first is what the others are held against.
compare() {
	title=$1 c=$2 round=0
	shift 2
	: >"$work/rates"
	while [ $round -lt "$rounds" ]; do
		round=$((round + 1))
		for server; do
			echo "$round ${server%%=*} $(load "${server#*=}" "$c" "${header:-}")" >>"$work/rates"
		done
	done
	awk -v title="$title" -v c="$c" -v first="${1%%=*}" '
		function median(list, n,    i, j, t) {
			for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
			return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
		}
		{ rate[$2, $1] = $3; late[$2, $1] = $4; bad[$2] += $5; rounds = $1; if (!($2 in seen)) { seen[$2] = 1; names[++count] = $2 } }
		END {
			for (i = 1; i <= count; i++) {
				for (r = 1; r <= rounds; r++) {
					rates[r] = rate[names[i], r]; p99[r] = late[names[i], r]
					ratio[r] = rate[names[i], r] ? rate[first, r] / rate[names[i], r] : 0
					times[r] = late[first, r] ? late[names[i], r] / late[first, r] : 0
				}
				printf "%s, %d connections: %-12s %8.0f requests/s, p99 %8.2f ms, refused %d", title, c, names[i], median(rates, rounds), median(p99, rounds), bad[names[i]]
				if (names[i] != first) printf "; %s makes %.2f of its rate, its p99 is %.1f times as long", first, median(ratio, rounds), median(times, rounds)
				print ""
			}
		}' "$work/rates"
}

start_evt evt
servers=evt-receive=$address
memory_of=$evt_pid
rss() { awk '/VmRSS/ { print $2 }' "/proc/$memory_of/status"; }
if command -v nginx >/dev/null; then
	start_nginx
	servers="$servers nginx=$address"
else
	echo "no nginx here"
fi
if have_node; then
	start_node node
	servers="$servers node=$address"
else
	echo "no node, or npm cannot install better-sqlite3: nothing to compare it with"
fi
if command -v webhook >/dev/null; then
	start_webhook
	servers="$servers webhook=$address"
else
	echo "no webhook here"
fi

before=0
for c in $connections; do
	# shellcheck disable=SC2086 # a list of words
	compare 'each event on disk' "$c" $servers
	[ "$before" = 0 ] && before=$(rss)
done
echo "memory of evt-receive: $before KiB after the first runs, $(rss) KiB after the last"

if [ -x "$build/bench/journal" ]; then
	echo "the same rows without HTTP, in batches of 64 (plain inserts into one table, and journal_accept):"
	"$build/bench/journal" 50000 | sed -n '1,3p'
fi

if ${CC:-cc} -shared -fPIC -O2 -o "$work/slow_fsync.so" tests/bench/receive/slow_fsync.c -ldl 2>"$work/cc.err"; then
	start_evt slow "$work/slow_fsync.so"
	slow=evt-receive=$address
	if have_node; then
		start_node slow-node "$work/slow_fsync.so"
		slow="$slow node=$address"
	fi
	# shellcheck disable=SC2086 # a list of words
	compare 'fsync 2 ms slower' 64 $slow
fi

if command -v inetd >/dev/null; then
	one=$(free_port) other=$(free_port) held=$(free_port)
	cat >"$work/inetd.conf" <<END
$one stream tcp nowait $(id -un) $build/evt-receive evt-receive -c $work/config -j $work/inetd.db
$other stream tcp nowait $(id -un) $build/tests/one_row one_row $work/row.db
$held stream tcp nowait $(id -un) $build/evt-receive evt-receive -c $work/config -j $work/held.db
END
	# It closes every descriptor there might be: few, or that takes longer than all the rest.
	sh -c 'ulimit -n 256; exec inetd -i -R 0 "$0"' "$work/inetd.conf" 2>"$work/inetd.err" &
	pids="$pids $!"
	start_evt held # a long-lived process that holds the journal open: the others need not recover its index
	for port in $one $other $held; do
		wait_for curl -sS -f -o "$work/answer" -d '{"id":"first","type":"t"}' "http://127.0.0.1:$port/x"
	done
	header=close compare 'a process for each connection' 4 "evt-receive=127.0.0.1:$one" "one_row=127.0.0.1:$other" "evt-receive+holder=127.0.0.1:$held"
else
	echo "no inetd here"
fi
