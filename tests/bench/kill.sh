#!/bin/sh
# SPDX-License-Identifier: MIT
# kill.sh [N]: kills the whole pipeline, evt-receive | evt-transform | evt-deliver, N times (1,000) with SIGKILL at a random moment under
# load, and starts it again on the same journal. Prints what was lost (nothing may be), what was sent a second time (only
# what was on its way at a kill) and what integrity_check says. Fails when it is otherwise. Leases are ended by hand between the cycles.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
cycles=${1:-${KILLS:-$(size 1000 30)}}
posts=100 # in each cycle, eight at a time
work=$(mktemp -d)
pids='' destination=''
trap 'kill -9 $pids $destination 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
PATH=$BUILD:$PATH
export EVT_CONFIG="$work/config" EVT_JOURNAL="$work/journal.db"
export HOME="$work"
mkdir -p "$EVT_CONFIG/sources" "$EVT_CONFIG/destinations" "$EVT_CONFIG/maps"

ask() {
	sqlite3 -readonly -cmd ".timeout 10000" "$EVT_JOURNAL" "$1"
}

"$BUILD/tests/destination" -P "$work/port" -l "$work/requests" -r '[{"answers": [{"delay_ms": 10}]}]' </dev/null >/dev/null 2>&1 &
destination=$!
wait_for test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"api": ["*"]}}' >"$EVT_CONFIG/sources/shop.json"
echo "{\"url\": \"$url/\", \"map\": \"same\", \"record\": \"/id\", \"concurrency\": 8}" >"$EVT_CONFIG/destinations/api.json"
echo '{"fields": [{"to": "/id", "from": "/id"}]}' >"$EVT_CONFIG/maps/same.json"
mkfifo "$work/received" "$work/mapped"
: >"$work/taken"
: >"$work/flying"
evt-receive -q -s shop </dev/null >/dev/null

start_pipeline() {
	exec 8<>"$work/received" 9<>"$work/mapped"
	: >"$work/receive.err"
	evt-deliver -q <"$work/mapped" >/dev/null 2>>"$work/err" 8>&- 9>&- &
	pids=$!
	evt-transform -q <"$work/received" >"$work/mapped" 2>>"$work/err" 8>&- 9>&- &
	pids="$pids $!"
	evt-receive -l 127.0.0.1:0 </dev/null >"$work/received" 2>"$work/receive.err" 8>&- 9>&- &
	receiver=$!
	pids="$pids $receiver"
	exec 8>&- 9>&-
	wait_for grep -q 'listening on' "$work/receive.err"
	port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' "$work/receive.err")
}

# The requests of one cycle, for one curl: eight connections.
requests() { # CYCLE
	seq 1 $posts | awk -v cycle="$1" -v port="$port" '{
		if (NR > 1) print "next"
		id = "c" cycle "-" $1
		printf "url = \"http://127.0.0.1:%s/shop\"\ndata = \"{\\\"id\\\":\\\"%s\\\"}\"\n", port, id
		printf "header = \"Content-Type: application/json\"\noutput = /dev/null\nwrite-out = \"%s %%{http_code}\\n\"\n", id }'
}

open_deliveries() {
	ask "select count(*) from history where status in ('received', 'processing', 'retrying')"
}

end_leases() {
	sqlite3 -cmd ".timeout 10000" "$EVT_JOURNAL" 'UPDATE delivery SET due_at = 1 WHERE status = 1'
}

sound=0
cycle=0
began=$(date +%s)
while [ $cycle -lt "$cycles" ]; do
	cycle=$((cycle + 1))
	start_pipeline
	requests $cycle >"$work/curl"
	timeout 5 curl -s -Z --parallel-max 8 -K "$work/curl" >"$work/answers" 2>/dev/null &
	poster=$!
	sleep "0.$(od -An -N2 -tu2 /dev/urandom | awk '{ printf "%03d", 5 + $1 % 200 }')"
	# The live output is a child of the receiver.
	# shellcheck disable=SC2046,SC2086 # a list of numbers
	kill -9 $pids $(cat "/proc/$receiver/task/$receiver/children" 2>/dev/null) 2>/dev/null || :
	# shellcheck disable=SC2086 # a list of numbers
	wait $pids $poster 2>/dev/null || :
	sed -n 's/^\([^ ]*\) 20[02]$/\1/p' "$work/answers" >>"$work/taken"
	ask 'SELECT e.id FROM delivery d JOIN event e ON e.seq = d.event WHERE d.status = 1 AND d.started_at IS NOT NULL' >>"$work/flying"
	end_leases
	if [ $((cycle % 25)) -eq 0 ] || [ $cycle -eq "$cycles" ]; then
		[ "$(ask 'PRAGMA integrity_check')" = ok ] && sound=$((sound + 1))
	fi
done
ended=$(date +%s)

tries=0
while [ "$(open_deliveries)" -gt 0 ] && [ $tries -lt 200 ]; do
	tries=$((tries + 1))
	end_leases
	evt-retry -q | evt-transform -q | evt-deliver -q 2>>"$work/err" || sleep 0.2
done

ask "select id from history where status = 'delivered'" | sort >"$work/delivered"
sort -u "$work/taken" >"$work/acknowledged"
jq -r '.body | fromjson | .id' "$work/requests" | sort | uniq -c | awk '{ print $2, $1 }' >"$work/sent"
sort "$work/flying" | uniq -c | awk '{ print $2, $1 }' >"$work/in-flight"
lost=$(comm -23 "$work/acknowledged" "$work/delivered" | wc -l)
unsent=$(cut -d' ' -f1 "$work/sent" | sort | comm -23 "$work/acknowledged" - | wc -l)
seconds=$(awk '{ n += $2 - 1 } END { print n + 0 }' "$work/sent")
# More sendings than the first and one for each kill that met it on its way.
unexplained=$(awk 'FNR == NR { flying[$1] = $2; next } $2 - 1 > flying[$1] { n += $2 - 1 - flying[$1] } END { print n + 0 }' \
	"$work/in-flight" "$work/sent")
checks=$(((cycles + 24) / 25))

printf '%d cycles in %d s, %d events acknowledged, %d sent\n' "$cycles" $((ended - began)) "$(wc -l <"$work/acknowledged")" "$(wc -l <"$work/requests")"
printf 'acknowledged events lost: %d\n' "$lost"
printf 'acknowledged events that never reached the destination: %d\n' "$unsent"
printf 'sent a second time: %d; of them not in flight at a kill: %d\n' "$seconds" "$unexplained"
printf 'integrity_check: ok in %d of %d\n' "$sound" "$checks"
result kill-lost events =0 "acknowledged events lost or never sent, of $(wc -l <"$work/acknowledged") in $cycles kills under load" $((lost > unsent ? lost : unsent))
result kill-doubled events =0 "sent again without having been on their way at a kill; $seconds that were, were" "$unexplained"
result kill-unsound checks =0 "of integrity_check, made $checks times, that found something" $((checks - sound))
[ "$lost" -eq 0 ] && [ "$unsent" -eq 0 ] && [ "$unexplained" -eq 0 ] && [ "$sound" -eq "$checks" ] && [ -s "$work/acknowledged" ]
