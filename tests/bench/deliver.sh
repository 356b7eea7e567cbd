#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-deliver, starts and outcomes journaled, against those that journal nothing: a bare libcurl multi loop, Node's undici with a pool, and
# curl started by xargs, 64 at once. In turns, on the same local server (nginx where it is installed), 64 connections, 1 KiB bodies.
#   BUILD=build sh tests/bench/deliver.sh [EVENTS [ROUNDS]]
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
events=${1:-$(size 20000 1000)} rounds=${2:-$(size 5 2)}
curls=$(size 400 50) # for xargs: a process each
work=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill $server; fi; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/config/sources" "$work/config/destinations"
export EVT_CONFIG="$work/config" EVT_JOURNAL="$work/journal.db"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

start_nginx() {
	serve_records "$work"
	url=http://127.0.0.1:$port/ name=nginx
}

start_own() {
	"$BUILD/tests/destination" -P "$work/port" -r '[{"per": "rule", "answers": [{"status": 200, "body": {"id": "rec_1"}}]}]' >/dev/null &
	server=$! name=destination
	until [ -s "$work/port" ]; do sleep 0.02; done
	url=http://127.0.0.1:$(cat "$work/port")/
}

# Accepted and claimed before, so that only starts, requests and outcomes are timed.
claim_lines() { # ROUND
	rm -f "$work"/journal.db*
	awk -v n="$events" -v round="$1" 'BEGIN {
		pad = sprintf("%980s", ""); gsub(/ /, "x", pad)
		for (i = 1; i <= n; i++)
			printf "{\"id\":\"evt_%d_%d\",\"contact\":\"c/%d\",\"email\":\"a@example.com\",\"pad\":\"%s\"}\n", round, i, i, pad
	}' | evt-receive -q -s bench >/dev/null
	evt-retry >"$work/lines"
	[ "$(wc -l <"$work/lines")" -eq "$events" ]
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
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "const:contact.created", "subject": "/contact", "destinations": {"crm": ["*"]}}' \
	>"$EVT_CONFIG/sources/bench.json"
echo "{\"url\": \"$url\", \"concurrency\": 64, \"record\": \"/id\"}" >"$EVT_CONFIG/destinations/crm.json"
"$BUILD/tests/bare_curl" "$url" 1000 64 1024 >/dev/null 2>&1 || sleep 1
undici=
if node_package undici; then undici=1; else skipped deliver-undici 'no Node here, or npm cannot install undici'; fi

send_curls() {
	seq "$curls" | xargs -P 64 -I N curl -s -o /dev/null -H 'Content-Type: application/json' --data-binary "@$work/body.json" "$url"
}
awk 'BEGIN { pad = sprintf("%1024s", ""); gsub(/ /, "x", pad); printf "%s", pad }' >"$work/body.json"

echo "server $name, $events events, 64 connections, 1 KiB"
for round in $(seq "$rounds"); do
	claim_lines "$round"
	own=$(seconds deliver_lines)
	bare=$("$BUILD/tests/bare_curl" "$url" "$events" 64 1024)
	node=0
	[ ! "$undici" ] || node=$(node tests/bench/deliver/undici.js "$url" "$events" 64 1024)
	xargs=$(seconds send_curls)
	[ "$(sqlite3 -readonly "$EVT_JOURNAL" "select count(*) from history where status = 'delivered'")" -eq "$events" ]
	awk -v n="$events" -v curls="$curls" -v own="$own" -v bare="$bare" -v node="$node" -v xargs="$xargs" 'BEGIN {
		print n / own, n / bare, node ? n / node : 0, curls / xargs }' >>"$work/rates"
done

# shellcheck disable=SC2046 # lists of numbers
tell() { # NAME COLUMN GOAL
	result "deliver-$1" x ">=$3" "evt-deliver / $1, requests a second" $(awk -v c="$2" '{ print $1 / $c }' "$work/rates")
	result "deliver-$1-rate" events/s - "$1, journaling nothing" $(awk -v c="$2" '{ print $c }' "$work/rates")
}
# shellcheck disable=SC2046 # a list of numbers
result deliver-rate events/s - 'evt-deliver, starts and outcomes journaled' $(cut -d' ' -f1 "$work/rates")
tell bare-curl 2 0.6
[ ! "$undici" ] || tell undici 3 1
tell xargs-curl 4 50
