#!/bin/sh
# SPDX-License-Identifier: MIT
# The whole pipeline, evt-receive | evt-transform | evt-deliver, from requests over HTTP to a destination that answers at once (nginx
# where it is installed): how many events a second get through, from the first request until the last delivery, under the load of
# wrk with 16 connections; and, from receipt to delivery as the journal has them, how long one takes at 200 requests a second.
#   BUILD=build sh tests/bench/pipeline.sh
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
seconds=$(size 6 1) rounds=$(size 3 1) paced=$(size 2000 200)
work=$(mktemp -d)
server='' pipeline=''
finish() {
	# shellcheck disable=SC2086 # a list of numbers
	kill $pipeline $server 2>/dev/null || :
	wait
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
PATH=$BUILD:$PATH:/usr/sbin
export EVT_CONFIG="$work/config"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
command -v wrk >/dev/null || {
	skipped pipeline 'no wrk here, nothing to load it with'
	exit 0
}

mkdir -p "$EVT_CONFIG/sources" "$EVT_CONFIG/destinations" "$EVT_CONFIG/maps"
if command -v nginx >/dev/null; then
	serve_records "$work"
else
	"$BUILD/tests/destination" -P "$work/port" -r '[{"per": "rule", "answers": [{"status": 200, "body": {"id": "rec_1"}}]}]' >/dev/null &
	server=$!
	wait_for test -s "$work/port"
	port=$(cat "$work/port")
fi
wait_for curl -sSf "http://127.0.0.1:$port/"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["*"]}}' >"$EVT_CONFIG/sources/x.json"
echo "{\"url\": \"http://127.0.0.1:$port/\", \"map\": \"crm\", \"record\": \"/id\", \"concurrency\": 64}" >"$EVT_CONFIG/destinations/crm.json"
echo '{"fields": [{"to": "/key", "from": "/id", "type": "string"}, {"to": "/text", "from": "/pad"}]}' >"$EVT_CONFIG/maps/crm.json"

start_pipeline() { # JOURNAL: sets address
	export EVT_JOURNAL="$1"
	mkfifo "$1.received" "$1.mapped"
	evt-deliver -q <"$1.mapped" >/dev/null 2>"$1.err" &
	pipeline=$!
	evt-transform -q <"$1.received" >"$1.mapped" 2>>"$1.err" &
	pipeline="$pipeline $!"
	evt-receive -l 127.0.0.1:0 >"$1.received" 2>"$1.receive.err" </dev/null &
	receiver=$!
	pipeline="$pipeline $receiver"
	wait_for grep -q 'listening on' "$1.receive.err"
	address=$(sed -n 's/.*listening on //p' "$1.receive.err")
}

ask() {
	sqlite3 -readonly -cmd '.timeout 5000' "$EVT_JOURNAL" "$1"
}

all_delivered() { # within what was accepted
	[ "$(ask "select count(*) from history where status in ('received', 'processing', 'retrying')")" -eq 0 ]
}

end_pipeline() {
	kill "$receiver"
	# shellcheck disable=SC2086 # a list of numbers
	wait $pipeline || :
	pipeline=
}

# Events a second over the whole time.
: >"$work/rates"
for round in $(seq "$rounds"); do
	start_pipeline "$work/load$round"
	wrk -t1 -c16 -d"${seconds}s" -s tests/bench/receive/post.lua "http://$address/" -- "r$round" >"$work/wrk"
	wait_for all_delivered
	ask "select count(*), min(julianday(received_at)), max(julianday(updated_at)) from history where status = 'delivered'" |
		awk -F'|' '{ print $1 / (($3 - $2) * 86400) }' >>"$work/rates"
	[ "$(ask "select count(*) from history where status <> 'delivered'")" -eq 0 ]
	end_pipeline
	rm -f "$work/load$round"*
done
# shellcheck disable=SC2046 # a list of numbers
result pipeline-rate events/s '>=5000' 'receive | transform | deliver, all of them' $(cat "$work/rates")

start_pipeline "$work/paced"
seq "$paced" | awk -v address="$address" '{
	if (NR > 1) print "next"
	printf "url = \"http://%s/x\"\noutput = /dev/null\nheader = \"Content-Type: application/json\"\n", address
	printf "data = \"{\\\"id\\\":\\\"p-%d\\\",\\\"type\\\":\\\"contact.new\\\",\\\"pad\\\":\\\"x\\\"}\"\n", $1 }' >"$work/curl"
curl -sS --rate 200/s -K "$work/curl"
wait_for all_delivered
ask "select (julianday(updated_at) - julianday(received_at)) * 86400000 from history where status = 'delivered'" | sort -g >"$work/times"
[ "$(wc -l <"$work/times")" -eq "$paced" ]
percentile() { # OF 100
	awk -v at="$1" '{ t[NR] = $1 } END { printf "%.1f\n", t[int((NR * at + 99) / 100)] }' "$work/times"
}
result pipeline-p99 ms '<=124' 'from receipt to delivery, the 99th of a hundred, at 200 events a second' "$(percentile 99)"
result pipeline-p50 ms - 'the same, the 50th' "$(percentile 50)"
