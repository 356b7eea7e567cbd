#!/bin/sh
# SPDX-License-Identifier: MIT
# A destination that is a command: runs it for each line, one after the other, and says what came of it.
#
#   evt-retry -d NAME | evt-transform | evt-deliver --start | each.sh COMMAND [ARGUMENT...] | evt-deliver --record
#
# The command has the payload, byte for byte, on its standard input, and in its environment EVT_KEY (the same for each attempt: what makes
# a second time harmless), EVT_ID, EVT_SOURCE, EVT_TYPE, EVT_SUBJECT, EVT_ATTEMPT and, where it is known, EVT_RECORD. It ends with
#
#   0                 delivered; the first line of its standard output is the destination's record
#   64 to 68, or 100  failed for good (sysexits(3): wrong usage, bad data, no such input, user or host; 100 as with qmail)
#   anything else     to be tried again
#
# The last line of its standard error is the reason. Needs jq.
set -u
work=$(mktemp -d) || exit 75
trap 'rm -rf "$work"' EXIT

# As it stands in the line: jq would write numbers its own way. --start puts the data last.
payload() {
	case $line in
	*'"data_base64":"'*'"}') printf '%s' "$line" | jq -r .data_base64 | base64 -d ;;
	*'"data":'*'}') data=${line#*'"data":'} && printf '%s' "${data%'}'}" ;;
	esac
}

# A line of a stranger's, fit to be an attribute.
one_line() {
	LC_ALL=C tr -d '\000-\010\013-\037\177' | cut -c 1-200
}

while IFS= read -r line; do
	eval "$(printf '%s' "$line" | jq -r '@sh "EVT_KEY=\(.evtkey) EVT_ID=\(.id) EVT_SOURCE=\(.source) EVT_TYPE=\(.type)
		EVT_SUBJECT=\(.subject // "") EVT_ATTEMPT=\(.evtattempt) EVT_RECORD=\(.evtrecord // "")"')"
	export EVT_KEY EVT_ID EVT_SOURCE EVT_TYPE EVT_SUBJECT EVT_ATTEMPT EVT_RECORD
	payload >"$work/payload"
	"$@" <"$work/payload" >"$work/output" 2>"$work/errors"
	status=$?
	record='' error=''
	case $status in
	0) outcome=delivered record=$(head -n 1 "$work/output" | one_line) ;;
	6[4-8] | 100) outcome=failed ;;
	*) outcome=retry ;;
	esac
	if [ "$outcome" != delivered ]; then
		error=$(tail -n 1 "$work/errors" | one_line)
		error=${error:-"$1 ended with status $status"}
	fi
	printf '%s' "$line" | jq -c --arg outcome "$outcome" --arg record "$record" --arg error "$error" \
		'del(.data, .data_base64, .evtrecord) + {evtoutcome: $outcome}
		+ if $record == "" then {} else {evtrecord: $record} end + if $error == "" then {} else {evterror: $error} end'
done
