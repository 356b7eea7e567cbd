#!/bin/sh
# SPDX-License-Identifier: MIT
# A million payloads of 1 KiB pruned while a receiver works: what its senders wait, 16 of them, each of whom posts a new event 10 ms after the
# answer to the last. First alone, then beside evt-prune. Goals: 99 in 100 answers within 15 ms, none after 50 ms. At the end
# no byte of the old payloads is left in any file, and the journal is sound.
#   BUILD=build sh tests/bench/prune.sh [PAYLOADS]     (a million need 3 GB in $TMPDIR)
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
payloads=${1:-$(size 1000000 20000)}
alone=$(size 15 3)
command -v wrk >/dev/null || {
	skipped prune 'no wrk here, nothing to load a receiver with'
	exit 0
}
work=$(mktemp -d "${TMPDIR:-/tmp}/bench_prune.XXXXXX")
pids=''
trap 'kill $pids 2>/dev/null || :; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
PATH=$BUILD:$PATH
export EVT_CONFIG="$work/config" EVT_JOURNAL="$work/journal.db"
mkdir -p "$EVT_CONFIG/sources"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["*"]}}' >"$EVT_CONFIG/sources/x.json"

# All older than 7 days; those that are still open keep theirs.
sh tests/bench/make_journal.sh "$EVT_JOURNAL" "$payloads"
sqlite3 -bail "$EVT_JOURNAL" >/dev/null <<END
PRAGMA synchronous=OFF;
PRAGMA cache_size=-400000;
BEGIN;
DELETE FROM payload;
INSERT INTO payload SELECT seq, CAST('{"old-payload":"' || hex(randomblob(496)) || '"}' AS BLOB) FROM event ORDER BY seq;
UPDATE event SET received_at = received_at - 8 * 86400000;
UPDATE delivery SET status = 2, due_at = NULL, started_at = NULL WHERE due_at IS NOT NULL AND event % 10 <> 0;
COMMIT;
PRAGMA journal_mode=WAL;
END
sync

cat >"$work/post.lua" <<'END'
local headers = { ["Content-Type"] = "application/json" }
local n, run, pad = 0, "", string.rep("x", 950)
function init(args) run = args[1] end
function delay() return 10 end
function request()
	n = n + 1
	return wrk.format("POST", "/x", headers, '{"id":"' .. run .. "-" .. n .. '","type":"contact.new","pad":"' .. pad .. '"}')
end
function done(summary, latency)
	io.write(string.format("LATENCY %.3f %.3f %.3f %d %d\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000,
		summary.requests, summary.errors.status + summary.errors.timeout + summary.errors.read))
end
END

evt-receive -l 127.0.0.1:0 </dev/null >/dev/null 2>"$work/receive.err" &
pids=$!
until grep -qs 'listening on' "$work/receive.err"; do sleep 0.05; done
address=$(sed -n 's/.*listening on //p' "$work/receive.err")

load() { # NAME SECONDS: what its answers took is in $work/NAME
	exec wrk -t1 -c16 -d"$2" -s "$work/post.lua" "http://$address/" -- "$1" >"$work/$1"
}

figures() { # NAME: sets p50, p99, most, requests
	# shellcheck disable=SC2046 # words
	set -- $(sed -n 's/^LATENCY //p' "$work/$1")
	p50=$1 p99=$2 most=$3 requests=$4
	[ "$5" -eq 0 ] || { echo "prune.sh: $5 requests failed" >&2; exit 70; }
}

(load alone "$alone")
(load beside 600) &
loader=$!
pids="$pids $loader"
sleep 1
before=$(stat -c %s "$EVT_JOURNAL")
began=$(date +%s%N)
evt-prune --payloads 7d --events 365d | tee "$work/report"
took=$((($(date +%s%N) - began) / 1000000))
kill -INT "$loader"
wait "$loader"

figures alone
printf 'alone:            p50 %s ms, p99 %s ms, longest %s ms, %d events\n' "$p50" "$p99" "$most" "$requests"
alone_p99=$p99
figures beside
printf 'beside evt-prune: p50 %s ms, p99 %s ms, longest %s ms, %d events\n' "$p50" "$p99" "$most" "$requests"
printf 'evt-prune: %d.%03d s; the file had %d MiB, has %d MiB\n' $((took / 1000)) $((took % 1000)) $((before / 1048576)) \
	$(($(stat -c %s "$EVT_JOURNAL") / 1048576))
removed=$(sed -n 's/^removed \([0-9]*\) payloads.*/\1/p' "$work/report")
result prune-p99 ms '<=15' "a receiver's answers beside evt-prune, 99th percentile ($alone_p99 ms without)" "$p99"
result prune-longest ms '<=50' "a receiver's answers beside evt-prune, the longest wait" "$most"
result prune-rate payloads/s - 'payloads removed, space given back and bytes overwritten' $((removed * 1000 / took))

left=$(cat "$EVT_JOURNAL" "$EVT_JOURNAL-wal" | grep -ao old-payload | wc -l)
kept=$(sqlite3 -readonly "$EVT_JOURNAL" "SELECT count(*) FROM payload WHERE CAST(data AS TEXT) LIKE '%old-payload%'")
echo "old payloads removed: $removed, kept because they are still to be delivered: $kept"
[ "$(sqlite3 -readonly "$EVT_JOURNAL" 'PRAGMA integrity_check')" = ok ]
[ "$left" -eq "$kept" ] || { echo "prune.sh: $left are still in the files" >&2; exit 70; }
