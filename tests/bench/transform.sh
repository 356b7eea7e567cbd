#!/bin/sh
# SPDX-License-Identifier: MIT
# evt-transform against jq and against Node's JSON.parse and JSON.stringify: the same eight fields of 1 KiB events, in turns within
# one run. What counts are the ratios: by the clock, and by processor time, which other work on the machine disturbs less.
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
compare() { # NAME TIMES GOAL: the ratios of its times to those of evt-transform, round by round
	paste "$work/own" "$2" | awk -v name="$1" -v goal="$3" -v events="$events" '
		function median(a, n, i, k, t) {
			for (i = 2; i <= n; i++) for (k = i; k > 1 && a[k] < a[k - 1]; k--) { t = a[k]; a[k] = a[k - 1]; a[k - 1] = t }
			return a[int((n + 1) / 2)]
		}
		{ clock[NR] = $3 / $1; cpu[NR] = $4 / $2; own[NR] = $2; other[NR] = $4 }
		END {
			c = median(clock, NR); p = median(cpu, NR)
			printf "%s: %.0f events/s of processor time against %.0f; ratio %.1f (%.1f to %.1f), by the clock %.1f (%.1f to %.1f), goal %s\n", name,
				events * 1000 / median(other, NR), events * 1000 / median(own, NR), p, cpu[1], cpu[NR], c, clock[1], clock[NR], goal
		}'
}

have_jq=$(command -v jq || :) have_node=$(command -v node || :)
transform() {
	"$BUILD/evt-transform" -n -m contacts
}
[ "$have_jq" ] || echo "jq is not installed: not compared with it"
[ "$have_node" ] || echo "Node is not installed: not compared with it"
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
[ ! "$have_jq" ] || compare jq "$work/jq" 10
[ ! "$have_node" ] || compare Node "$work/node" 5
