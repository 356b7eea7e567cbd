#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-deliver, starts and outcomes journaled, against a bare libcurl multi loop that journals nothing: in turns, on the same local
# server (nginx where it is installed), 64 connections, 1 KiB bodies. What counts is the ratio; the goal is 0.6.
#   BUILD=build sh tests/bench/deliver.sh [EVENTS [ROUNDS]]
set -eu
cd "$(dirname "$0")/../.."
BUILD=$(cd "${BUILD:-build}" && pwd)
events=${1:-20000} rounds=${2:-5}
work=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill $server; fi; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/config/destinations"
export EVT_CONFIG="$work/config" EVT_JOURNAL="$work/journal.db"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

start_nginx() {
	port=$((20000 + $$ % 20000))
	cat >"$work/nginx.conf" <<-EOF
		daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.err;
		events { worker_connections 1024; }
		http {
			access_log off; keepalive_requests 100000000; client_body_temp_path $work/body;
			proxy_temp_path $work/p; fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
			server { listen 127.0.0.1:$port; location / { return 200 "{\"id\":\"rec_1\"}"; } }
		}
	EOF
	nginx -c "$work/nginx.conf" 2>/dev/null &
	server=$! url=http://127.0.0.1:$port/ name=nginx
}

start_own() {
	"$BUILD/tests/destination" -P "$work/port" -r '[{"per": "rule", "answers": [{"status": 200, "body": {"id": "rec_1"}}]}]' >/dev/null &
	server=$! name=destination
	until [ -s "$work/port" ]; do sleep 0.02; done
	url=http://127.0.0.1:$(cat "$work/port")/
}

# Accepted and claimed by a run that finds no destination's file, so that only starts, requests and outcomes are timed.
claim_lines() { # ROUND
	rm -f "$work"/journal.db* "$EVT_CONFIG/destinations/crm.json"
	awk -v n="$events" -v round="$1" 'BEGIN {
		pad = sprintf("%980s", ""); gsub(/ /, "x", pad)
		for (i = 1; i <= n; i++)
			printf "{\"specversion\":\"1.0\",\"id\":\"evt_%d_%d\",\"source\":\"bench\",\"type\":\"contact.created\",\"subject\":\"c/%d\",\"evtdestination\":\"crm\",\"data\":{\"email\":\"a@example.com\",\"pad\":\"%s\"}}\n", round, i, i, pad
	}' | evt-deliver -q 2>/dev/null || [ $? -eq 78 ]
	echo "{\"url\": \"$url\", \"concurrency\": 64, \"record\": \"/id\"}" >"$EVT_CONFIG/destinations/crm.json"
	evt-retry >"$work/lines"
}

seconds() { # COMMAND...
	began=$(date +%s%N)
	"$@"
	ended=$(date +%s%N)
	awk -v ns=$((ended - began)) 'BEGIN { printf "%.3f\n", ns / 1e9 }'
}

deliver_lines() {
	evt-deliver -q <"$work/lines"
}

PATH=$BUILD:$PATH
if command -v nginx >/dev/null; then start_nginx; else start_own; fi
"$BUILD/tests/bare_curl" "$url" 1000 64 1024 >/dev/null 2>&1 || sleep 1
echo "server $name, $events events, 64 connections, 1 KiB; requests a second"
for round in $(seq "$rounds"); do
	claim_lines "$round"
	bare=$("$BUILD/tests/bare_curl" "$url" "$events" 64 1024)
	own=$(seconds deliver_lines)
	awk -v n="$events" -v bare="$bare" -v own="$own" 'BEGIN {
		printf "bare_curl %6.0f   evt-deliver %6.0f   ratio %.2f\n", n / bare, n / own, bare / own }' | tee -a "$work/result"
done
sort -k6 -n "$work/result" | awk '{ r[NR] = $6 } END { printf "deliver_ratio %.2f (median)\n", r[int((NR + 1) / 2)] }'
