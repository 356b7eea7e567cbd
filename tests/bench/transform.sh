#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-transform against jq and against Node's JSON.parse and JSON.stringify: the same eight fields of 1 KiB events, in turns within
# one run, each from a file to /dev/null, its start included. The ratios are by processor time, that is on one core; by the clock, which
# other work on the machine disturbs more, besides.
#   BUILD=build sh tests/bench/transform.sh [EVENTS [ROUNDS]]
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
BUILD=$(cd "${BUILD:-build}" && pwd)
events=${1:-$(size 100000 2000)} rounds=${2:-$(size 5 2)}
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

# Whole chunks in and out: as quick as one thread of Node gets without a parser of its own.
cat >"$work/map.js" <<'END'
const stages = {lead: "Lead", won: "Closed Won"};
function map(line) {
	const e = JSON.parse(line), d = e.data, p = d.properties;
	if (!Number.isInteger(d.objectId) || typeof p.email !== "string" || !(p.amount >= 0)) throw new Error(line);
	e.evtmap = "contacts";
	e.data = {id: d.objectId, contact: {email: p.email.toLowerCase(), first: p.firstname, last: p.lastname},
		amount: p.amount, stage: stages[p.stage] ?? "Other", country: p.country ?? "DE", notes: p.notes};
	return JSON.stringify(e) + "\n";
}
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", chunk => {
	const lines = (rest + chunk).split("\n");
	rest = lines.pop();
	let out = "";
	for (const line of lines) out += map(line);
	process.stdout.write(out);
});
END

elapsed() { # COMMAND... with the lines as input: milliseconds by the clock, and of processor time
	bash -c 'TIMEFORMAT="%R %U %S"; time "$@"' - "$@" <"$work/in" 2>&1 >/dev/null | awk '{ print $1 * 1000, ($2 + $3) * 1000 }'
}
mapped_by() { # COMMAND...: what it makes of the last line
	tail -n 1 "$work/in" | "$@" | jq -cS .
}
ratios() { # NAME COLUMN: its times over those of evt-transform, round by round
	paste "$work/own" "$work/$1" | awk -v column="$2" '{ print $(column + 2) / $column }'
}
rates() { # NAME: events per second of processor time, round by round
	awk -v events="$events" '{ print events * 1000 / $2 }' "$work/$1"
}
# shellcheck disable=SC2046 # lists of numbers
compare() { # NAME GOAL
	result "transform-$1" x ">=$2" "evt-transform / $1, by processor time" $(ratios "$1" 2)
	result "transform-$1-clock" x - "evt-transform / $1, by the clock" $(ratios "$1" 1)
	result "transform-$1-rate" events/s - "$1, a second of processor time" $(rates "$1")
}

have_jq=$(command -v jq || :) have_node=$(command -v node || :)
transform() {
	"$BUILD/evt-transform" -n -m contacts
}
[ "$have_jq" ] || skipped transform-jq 'jq is not installed'
[ "$have_node" ] || skipped transform-node 'Node is not installed'
[ "$(transform <"$work/in" | wc -l)" -eq "$events" ]
[ ! "$have_jq" ] || [ "$(mapped_by jq -c "$filter")" = "$(mapped_by transform)" ]
[ ! "$have_jq" ] || [ ! "$have_node" ] || [ "$(mapped_by node "$work/map.js")" = "$(mapped_by transform)" ]
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	elapsed "$BUILD/evt-transform" -n -m contacts >>"$work/own"
	[ ! "$have_jq" ] || elapsed jq -c "$filter" >>"$work/jq"
	[ ! "$have_node" ] || elapsed node "$work/map.js" >>"$work/node"
done
# shellcheck disable=SC2046 # a list of numbers
result transform-rate events/s - 'evt-transform, a second of processor time' $(rates own)
[ ! "$have_jq" ] || compare jq 10
[ ! "$have_node" ] || compare node 5
