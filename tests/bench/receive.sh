#!/bin/sh
# SPDX-License-Identifier: MIT
# Receipt: requests/s of evt-receive, each a new event of 1 KiB journaled with synchronous=FULL before its answer, beside
# nginx answering 200 and storing nothing, Node with better-sqlite3 storing the same rows, Debian's webhook running /bin/true, SQLite's own
# inserts in batches without HTTP; with fsync 2 ms slower; and a process for each connection under inetd, beside a bare program that
# inserts one row (tests/tools/one_row.c), synced as ours is, and answers; it knows no duplicates, signatures, limits or refusals, and nothing
# keeps its checkpoints from meeting another's commit. wrk is the load, on one of the cores. Journals grow from run to run.
#   BUILD=build SECONDS_EACH=5 ROUNDS=5 PARTS="1 16 64 256 rows slow inetd" sh tests/bench/receive.sh
set -u
cd "$(dirname "$0")/../.." || exit 70
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
seconds=${SECONDS_EACH:-$(size 3 1)} rounds=${ROUNDS:-$(size 5 1)} parts=${PARTS:-$(size '1 16 64 256 rows slow inetd' '64')}
command -v wrk >/dev/null || {
	skipped receive 'no wrk here, nothing to load a server with'
	exit 0
}
# shellcheck source=tests/bench/receive/receiver.sh
. tests/bench/receive/receiver.sh

free_port() { # a port that nobody listened on a moment ago
	evt-receive -c "$work/config" -j "$work/port.db" -l 127.0.0.1:0 >/dev/null 2>"$work/port" &
	wait_for grep -q 'listening on' "$work/port"
	kill $! && wait $!
	sed -n 's/.*listening on .*://p' "$work/port"
}

# ---- the servers: each sets its address ----

start_node() { # NAME [PRELOAD]
	port=$(free_port)
	LD_PRELOAD=${2:-} node tests/bench/receive/server.js "$work/$1.db" "$port" share/sql/*.sql >"$work/$1.out" 2>&1 &
	pids="$pids $!"
	wait_for grep -q listening "$work/$1.out"
	address=127.0.0.1:$port
}

start_nginx() {
	port=$(free_port)
	cat >"$work/nginx.conf" <<-END
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

# Sets one, other, real, held and whole: evt-receive, the bare program, the same with a journal, evt-receive beside a holder of its journal,
# and the bare program with SQLite inside of it.
start_inetd() {
	one=$(free_port) other=$(free_port) real=$(free_port) held=$(free_port) whole=$(free_port)
	echo '{"id": "first", "type": "t"}' | evt-receive -q -c "$work/config" -j "$work/real.db" -s x >/dev/null
	cat >"$work/inetd.conf" <<-END
		$one stream tcp nowait $(id -un) $build/evt-receive evt-receive -c $work/config -j $work/inetd.db
		$other stream tcp nowait $(id -un) $build/tests/one_row one_row $work/row.db
		$real stream tcp nowait $(id -un) $build/tests/one_row one_row $work/real.db event
		$held stream tcp nowait $(id -un) $build/evt-receive evt-receive -c $work/config -j $work/held.db
		$whole stream tcp nowait $(id -un) $build/bench/one_row one_row $work/whole.db
	END
	# It closes every descriptor there might be: few, or that takes longer than all the rest.
	sh -c 'ulimit -n 256; exec inetd -i -R 100000000 "$0"' "$work/inetd.conf" 2>"$work/inetd.err" &
	pids="$pids $!"
	start_evt held # a long-lived process that holds the journal open: the others need not recover its index
	[ -x "$build/bench/one_row" ] || whole=''
	for port in $one $other $real $held $whole; do
		wait_for curl -sS -f -o "$work/answer" -d '{"id":"first","type":"t"}' "http://127.0.0.1:$port/x"
	done
}

# ---- the load ----

# Every run's ids begin with the instant it began.
load() { # ADDRESS CONNECTIONS [CONNECTION HEADER]: requests/s, 99th percentile in ms, answers that were no 2xx
	wrk -t1 -c"$2" -d"${seconds}s" --latency -s tests/bench/receive/post.lua "http://$1/" -- "$(date +%s%N)" ${3:+"$3"} >"$work/out"
	awk '/requests in/ { print $1 }' "$work/out" >>"$work/sent.$1"
	awk '/99%/ { p99 = $2 + 0; if ($2 ~ /us$/) p99 /= 1000; else if ($2 ~ /[0-9]s$/ && $2 !~ /ms$/) p99 *= 1000 }
		/Requests\/sec/ { rate = $2 } /Non-2xx/ { bad = $NF } END { printf "%s %.2f %d\n", rate, p99, bad }' "$work/out"
}

# What a server does behind its last answer must not fall into the next one's time: webhook has a queue of commands by then. Waits until
# nothing runs at five looks in a row; half a minute at most, since other machines may never be that quiet.
settle() {
	looks=0 quiet=0
	while [ $quiet -lt 5 ] && [ $looks -lt 600 ]; do
		looks=$((looks + 1)) quiet=$((quiet + 1))
		awk '{ split($4, running, "/"); exit running[1] > 1 }' /proc/loadavg || quiet=0
		sleep 0.05
	done
}

# compare TITLE CONNECTIONS NAME=ADDRESS...: in turns. $work/rates has a line for each run: the round, NAME, requests/s, p99, refused.
compare() {
	title=$1 c=$2 round=0
	shift 2
	: >"$work/rates"
	while [ $round -lt "$rounds" ]; do
		round=$((round + 1))
		for server; do
			settle
			echo "$round ${server%%=*} $(load "${server#*=}" "$c" "${header:-}")" >>"$work/rates"
		done
	done
	for server; do
		# shellcheck disable=SC2046 # a list of words
		printf '%s: %-18s %8.0f requests/s, p99 %7.2f ms, not 2xx: %d\n' "$title" "${server%%=*}" \
			$(median $(column "${server%%=*}" 3)) $(median $(column "${server%%=*}" 4)) \
			$(column "${server%%=*}" 5 | awk '{ n += $1 } END { print n }')
	done
}

column() { # NAME FIELD: a value for each round
	awk -v name="$1" -v field="$2" '$2 == name { print $field }' "$work/rates"
}

ratios() { # FIELD NAME OTHER: of each round, NAME's value divided by OTHER's
	awk -v field="$1" -v name="$2" -v other="$3" '$2 == name { a[$1] = $field } $2 == other { b[$1] = $field }
		END { for (round in a) if (b[round] > 0) print a[round] / b[round] }' "$work/rates"
}

# held_to RESULT GOAL WORDS FIELD NAME OTHER: the ratio as a result, where both ran.
held_to() {
	# shellcheck disable=SC2046 # a list of words
	case $(column "$5" 3 | head -n 1)/$(column "$6" 3 | head -n 1) in
	?*/?*) result "$1" x "$2" "$3" $(ratios "$4" "$5" "$6") ;;
	esac
}

# What was answered must be new events, all in the journal, or it was not receipt that was measured.
check_rows() { # ADDRESS JOURNAL
	if command -v sqlite3 >/dev/null && [ -f "$work/sent.$1" ]; then
		rows=$(sqlite3 -readonly "$2" 'SELECT count(*) FROM event') sent=$(awk '{ n += $1 } END { print n }' "$work/sent.$1")
		echo "$sent requests answered, $rows events in the journal"
		[ "$rows" -ge "$sent" ] || exit 70
	fi
}

# ---- the parts ----

wants() {
	case " $parts " in *" $1 "*) ;; *) return 1 ;; esac
}

# The goals stand for 64 connections; at one connection there is one for Node.
against_servers() { # CONNECTIONS
	node_goal=- nginx_goal=- late_goal=-
	case $1 in
	1) node_goal='>=1.3' ;;
	64) node_goal='>=8' nginx_goal='>=0.2' late_goal='>=10' ;;
	esac
	# shellcheck disable=SC2086 # a list of words
	compare "$1 connections" "$1" $servers
	held_to "receive-c$1-node" $node_goal "events/s at $1 connections, to Node's with better-sqlite3 at FULL" 3 evt-receive node
	held_to "receive-c$1-late" $late_goal "Node's 99th percentile at $1 connections, to evt-receive's" 4 node evt-receive
	held_to "receive-c$1-nginx" $nginx_goal "events/s at $1 connections, to nginx's, which stores nothing" 3 evt-receive nginx
	held_to "receive-c$1-webhook" - "events/s at $1 connections, to those of webhook running /bin/true" 3 evt-receive webhook
	# shellcheck disable=SC2046 # a list of words
	result "receive-c$1" events/s - "at $1 connections" $(column evt-receive 3)
	# shellcheck disable=SC2046 # a list of words
	result "receive-c$1-p99" ms - "99th percentile at $1 connections" $(column evt-receive 4)
}

against_rows() {
	if [ -x "$build/bench/journal" ]; then
		echo 'the same rows without HTTP, in batches of 64 (plain inserts into one table, and journal_accept):'
		"$build/bench/journal" 50000 | sed -n '1,3p'
	fi
}

with_slow_disk() {
	${CC:-cc} -shared -fPIC -O2 -o "$work/slow_fsync.so" tests/bench/receive/slow_fsync.c -ldl 2>"$work/cc.err" || {
		skipped receive-slow "no C compiler, or it cannot build what makes fsync slow"
		return
	}
	start_evt slow "$work/slow_fsync.so"
	slow=evt-receive=$address
	if [ "$node" ]; then
		start_node slow-node "$work/slow_fsync.so"
		slow="$slow node=$address"
	fi
	# shellcheck disable=SC2086 # a list of words
	compare 'fsync 2 ms slower, 64 connections' 64 $slow
	held_to receive-slow-node '>=20' "events/s at 64 connections where each fsync takes 2 ms more, to Node's" 3 evt-receive node
}

under_inetd() {
	command -v inetd >/dev/null || {
		skipped receive-inetd 'no inetd here'
		return
	}
	start_inetd
	header=close compare 'a process for each connection, 4 at once' 4 "evt-receive=127.0.0.1:$one" "one_row=127.0.0.1:$other" \
		"one_row+schema=127.0.0.1:$real" \
		"evt-receive+holder=127.0.0.1:$held" ${whole:+"one_row+sqlite=127.0.0.1:$whole"}
	# The goal speaks of a bare program and one row, so that it is held to the one that spares itself the schema too.
	held_to receive-inetd '>=0.8' "events/s under inetd, a process for each, to those of a bare program that inserts a row" 3 evt-receive one_row
	held_to receive-inetd-schema - 'the same, to those of the bare program inserting its row into the events of a journal, with their indexes' \
		3 evt-receive one_row+schema
	held_to receive-inetd-inside - 'the same, to those of the bare program with SQLite inside of it, as evt-receive has it' 3 evt-receive one_row+sqlite
	held_to receive-inetd-holder - "the same where a long-lived process holds the journal open" 3 evt-receive+holder one_row
}

node=
node_package better-sqlite3 && node=yes
start_evt evt
evt_address=$address servers=evt-receive=$address
if command -v nginx >/dev/null; then
	start_nginx
	servers="$servers nginx=$address"
else
	skipped receive-nginx 'no nginx here'
fi
if [ "$node" ]; then
	start_node node
	servers="$servers node=$address"
else
	skipped receive-node 'no node, or npm cannot install better-sqlite3'
fi
if command -v webhook >/dev/null; then
	start_webhook
	servers="$servers webhook=$address"
else
	skipped receive-webhook 'no webhook here'
fi

for connections in 1 16 64 256; do
	wants $connections && against_servers $connections
done
check_rows "$evt_address" "$work/evt.db"
wants rows && against_rows
wants slow && with_slow_disk
wants inetd && under_inetd
exit 0
