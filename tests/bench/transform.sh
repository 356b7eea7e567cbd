#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-transform against jq: the same eight fields of 1 KiB events, in turns within one run. What counts is the ratio.
#   BUILD=build sh tests/bench/transform.sh [EVENTS [ROUNDS]]
set -eu
cd "$(dirname "$0")/../.."
BUILD=$(cd "${BUILD:-build}" && pwd)
events=${1:-100000} rounds=${2:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export EVT_CONFIG="$work" EVT_JOURNAL="$work/journal.db"
mkdir "$work/maps"

cat >"$work/maps/contacts.json" <<'END'
{"fields": [
  {"to": "/id", "from": "/objectId", "type": "integer", "required": true},
  {"to": "/contact/email", "from": "/properties/email", "type": "string", "required": true, "apply": "lowercase"},
  {"to": "/contact/first", "from": "/properties/firstname", "type": "string"},
  {"to": "/contact/last", "from": "/properties/lastname", "type": "string"},
  {"to": "/amount", "from": "/properties/amount", "type": "number", "minimum": 0},
  {"to": "/stage", "from": "/properties/stage", "lookup": {"lead": "Lead", "won": "Closed Won"}, "default": "Other"},
  {"to": "/country", "from": "/properties/country", "default": "DE"},
  {"to": "/notes", "from": "/properties/notes"}]}
END
# The same output, and of its checks only those that cost jq little.
# shellcheck disable=SC2016  # jq's variables
filter='.data as $d | $d.properties as $p | .evtmap = "contacts" | .data = {id: $d.objectId,
	contact: {email: ($p.email | ascii_downcase), first: $p.firstname, last: $p.lastname},
	amount: (if ($p.amount | type) == "number" and $p.amount >= 0 then $p.amount else error("amount") end),
	stage: ({lead: "Lead", won: "Closed Won"}[$p.stage] // "Other"), country: ($p.country // "DE"), notes: $p.notes}'

awk -v events="$events" 'BEGIN {
	for (i = 0; i < 620; i++) notes = notes substr("the quick brown fox jumps over the lazy dog ", i % 44 + 1, 1)
	for (i = 1; i <= events; i++)
		printf "{\"specversion\":\"1.0\",\"id\":\"evt_%d\",\"source\":\"hubspot\",\"type\":\"contact.created\"," \
			"\"subject\":\"contact/%d\",\"time\":\"2026-11-23T06:31:39.123Z\",\"recordedtime\":\"2026-11-23T06:31:39.500Z\"," \
			"\"evtdestination\":\"crm\",\"evtattempt\":1,\"evtclaim\":1,\"data\":{\"objectId\":%d,\"properties\":{" \
			"\"email\":\"Anna.%d@Example.com\",\"firstname\":\"Anna\",\"lastname\":\"Example\",\"amount\":%d.50," \
			"\"stage\":\"won\",\"phone\":\"+49 30 1234567\",\"notes\":\"%s\"}}}\n", i, i, i, i, i % 1000, notes
}' >"$work/in"
echo "$events lines of $(head -n 1 "$work/in" | wc -c) bytes, $rounds rounds"

elapsed() { # COMMAND... with the lines as input: milliseconds
	started=$(date +%s%N)
	"$@" <"$work/in" >"$work/out"
	echo $((($(date +%s%N) - started) / 1000000))
}
transform() {
	"$BUILD/evt-transform" -n -m contacts
}
with_jq() {
	jq -c "$filter"
}

own=0 other=0 round=0
have_jq=$(command -v jq || :)
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	own=$((own + $(elapsed transform)))
	[ "$(wc -l <"$work/out")" -eq "$events" ]
	mv "$work/out" "$work/mapped"
	[ "$have_jq" ] || continue
	other=$((other + $(elapsed with_jq)))
	[ "$(wc -l <"$work/out")" -eq "$events" ]
done
echo "evt-transform: $((events * rounds * 1000 / own)) lines/s"
if [ ! "$have_jq" ]; then
	echo "jq is not installed: nothing to compare with"
	exit
fi
[ "$(tail -n 1 "$work/out" | jq -cS .)" = "$(tail -n 1 "$work/mapped" | jq -cS .)" ] || {
	echo "evt-transform and jq differ" >&2
	exit 1
}
echo "jq:            $((events * rounds * 1000 / other)) lines/s"
awk -v own="$own" -v other="$other" 'BEGIN { printf "ratio: %.1f\n", other / own }'
