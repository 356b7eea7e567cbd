#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-status over a journal of many deliveries, each question as a whole process, the best of nine, beside what sqlite3 takes for
# its own start and one row by its key. The aim is no more than 10 ms over that; what takes longer is marked.
#   status.sh [DELIVERIES | JOURNAL]     (10,000,000 need 4 GB in $TMPDIR, and four minutes to be made; one made before by
#                                         make_journal.sh need not be made again)
set -u
deliveries=${1:-1000000}
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/bench_status.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
if [ -f "$deliveries" ]; then
	EVT_JOURNAL=$deliveries
	deliveries=$(sqlite3 -readonly "$EVT_JOURNAL" 'SELECT max(seq) FROM event')
else
	EVT_JOURNAL=$dir/journal.db
	sh "$here/make_journal.sh" "$EVT_JOURNAL" "$deliveries" || exit 1
fi
export EVT_JOURNAL

best=0
time_of() { # COMMAND...: sets best, in microseconds
	best=0
	for _ in 1 2 3 4 5 6 7 8 9; do
		began=$(date +%s%N)
		"$@" >"$dir/out" 2>&1
		took=$((($(date +%s%N) - began) / 1000))
		if [ "$best" -eq 0 ] || [ "$took" -lt "$best" ]; then
			best=$took
		fi
	done
}

ask() { # OPTIONS...
	time_of "$BUILD/evt-status" "$@"
	over=
	[ $((best - base)) -le 10000 ] || over='  over'
	printf '%8d.%d ms%-6s evt-status %s\n' $((best / 1000)) $((best / 100 % 10)) "$over" "$*"
}

time_of sqlite3 -readonly "$EVT_JOURNAL" 'SELECT id FROM event WHERE seq = 7'
base=$best
printf '%d deliveries\n%8d.%d ms       sqlite3, one row\n' "$deliveries" $((base / 1000)) $((base / 100 % 10))
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
