#!/bin/sh
# SPDX-License-Identifier: MIT
# Is memory constant, however much is due? The most that evt-retry, evt-deliver and evt-retry --dry-run have had resident, with a million
# deliveries due and with ten thousand: evt-retry | evt-deliver until all are delivered, at a server that answers at once (nginx).
#   BUILD=build sh tests/bench/due_memory.sh [MANY [FEW]]
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
many=${1:-$(size 1000000 30000)} few=${2:-10000}
PATH=$BUILD:$PATH:/usr/sbin
command -v nginx >/dev/null || {
	skipped due-memory 'no nginx here, nothing that answers fast enough'
	exit 0
}
work=$(mktemp -d)
server=
trap 'if [ "$server" ]; then kill $server; fi; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export EVT_CONFIG="$work/config" EVT_JOURNAL="$work/journal.db"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
mkdir -p "$EVT_CONFIG/sources" "$EVT_CONFIG/destinations"
serve_records "$work"
peer nginx "$(nginx -v 2>&1 | sed 's,.*/,,')"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"crm": ["*"]}}' >"$EVT_CONFIG/sources/shop.json"
echo "{\"url\": \"http://127.0.0.1:$port/\", \"concurrency\": 64}" >"$EVT_CONFIG/destinations/crm.json"

peak() { # NAME COMMAND...: the most that it has had resident, in KiB, goes to the file NAME
	peak_of=$work/$1
	shift
	"$BUILD/tests/peak" "$peak_of" "$@"
}

measure() { # DUE: leaves the figures in $work/DUE.COMMAND
	rm -f "$EVT_JOURNAL" "$EVT_JOURNAL"-*
	seq -f '{"id":"e%.0f","text":"some hundred bytes of payload, as many an event has, so that the journal is as large as it would be"}' "$1" |
		evt-receive -q -s shop >/dev/null
	peak "$1.plan" evt-retry --dry-run >/dev/null
	peak "$1.retry" evt-retry | peak "$1.deliver" evt-deliver
	left=$(sqlite3 -readonly "$EVT_JOURNAL" "SELECT count(*) FROM history WHERE status <> 'delivered'")
	[ "$left" -eq 0 ] || { echo "$left of $1 were not delivered" >&2; exit 1; }
	echo "$1 due: evt-retry $(cat "$work/$1.retry") KiB, evt-deliver $(cat "$work/$1.deliver") KiB, evt-retry --dry-run $(cat "$work/$1.plan") KiB"
}

measure "$few"
measure "$many"
for command in retry deliver plan; do
	case $command in plan) name='evt-retry --dry-run' ;; *) name=evt-$command ;; esac
	ratio=$(awk -v many="$(cat "$work/$many.$command")" -v few="$(cat "$work/$few.$command")" 'BEGIN { printf "%.3f", many / few }')
	result "due-memory-$command" x '<=1.2' "what $name has resident at most with $many due, to that with $few" "$ratio"
done
