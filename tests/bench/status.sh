#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-status over a journal of 10 million deliveries, each question nine times as a whole process: what it takes longer than sqlite3
# does, at its best, for its own start and one row by its key.
#   status.sh [DELIVERIES | JOURNAL]     (10,000,000 need 4 GB in $TMPDIR, and four minutes to be made; one made before by
#                                         make_journal.sh need not be made again)
set -u
cd "$(dirname "$0")/../.." || exit 70
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
deliveries=${1:-$(size 10000000 10000)}
dir=$(mktemp -d "${TMPDIR:-/tmp}/bench_status.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
if [ -f "$deliveries" ]; then
	EVT_JOURNAL=$deliveries
	deliveries=$(sqlite3 -readonly "$EVT_JOURNAL" 'SELECT max(seq) FROM event')
else
	EVT_JOURNAL=$dir/journal.db
	sh tests/bench/make_journal.sh "$EVT_JOURNAL" "$deliveries" || exit 1
fi
export EVT_JOURNAL

nine_times() { # COMMAND...: of nine runs, in milliseconds
	for _ in 1 2 3 4 5 6 7 8 9; do
		began=$(date +%s%N)
		"$@" >"$dir/out" 2>&1
		ended=$(date +%s%N)
		awk -v ns=$((ended - began)) 'BEGIN { printf "%.2f\n", ns / 1000000 }'
	done
}

asked=0
ask() { # OPTIONS...
	asked=$((asked + 1))
	# shellcheck disable=SC2046 # a list of numbers
	result "status-$asked" ms '<=10' "evt-status $*" $(nine_times "$BUILD/evt-status" "$@" | awk -v base="$base" '{ print $1 - base }')
}

base=$(nine_times sqlite3 -readonly "$EVT_JOURNAL" 'SELECT id FROM event WHERE seq = 7' | sort -g | head -n 1)
echo "$deliveries deliveries; sqlite3, one row: $base ms"
ask --limit 50
ask --limit 50 --status failed
ask --limit 50 --status retrying
ask --limit 50 --status received,processing
ask --limit 50 --status delivered
ask --limit 50 -d alerts
ask --limit 50 -d crm
ask --limit 50 -d crm --status failed
ask --limit 50 --type contact.merged
ask --limit 50 --type 'contact.*' -d crm --status failed
ask --limit 50 --type contact.merged --status failed
ask --limit 50 --source orders
ask --limit 50 --source orders -d ledger --status failed --since 7d
ask --limit 50 --subject contact/55433
ask --limit 50 --since 2h
ask --limit 50 --until 20d
ask --limit 50 --since 20d --until 19d --status failed
ask --limit 50 --error busy
ask --limit 50 --error 'stands nowhere'
ask --limit 50 --error 'field 3'
ask --limit 50 --error 'value "77'
ask --limit 50 --error allowed -d alerts
ask --limit 50 --error 'field 3' --type contact.merged --source orders
ask --limit 50 --error wanted --status failed
ask --limit 50 --type contact.merged --source orders -d alerts
ask --limit 50 --type 'deal.*' --source orders -d crm --status skipped --since 20d --until 19d
ask --limit 50 --subject contact/55433 --status failed --error allowed
ask evt_7
ask --check
ask --summary
