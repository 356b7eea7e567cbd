#!/bin/sh
# SPDX-License-Identifier: MIT
# An event as a mail, through anything that is called like sendmail(8):
#
#   evt-retry -d mail | evt-transform | evt-deliver --start | each.sh mail.sh | evt-deliver --record
#
# The map makes {"to": ADDRESS, "subject": TEXT, "text": TEXT} of it (share/examples/maps/mail.json). The Message-ID is the same for each
# attempt. MAIL_FROM is the sender, SENDMAIL the program. A mail that sendmail has taken is delivered: what bounces later, bounces.
set -eu
host=$(hostname)
from=${MAIL_FROM:-evt@$host}
sendmail=${SENDMAIL:-/usr/sbin/sendmail}
mail=$(cat)

# A line break in an address or a subject would begin a header of a stranger's own.
if ! printf '%s' "$mail" | jq -e '([.to, .subject, .text] | all(type == "string")) and
		(.to | test("^[^\\s,;:<>()@-][^\\s,;:<>()@]*@[^\\s,;:<>()@]+$")) and (.subject | test("[\\x00-\\x1f\\x7f]") | not)' >/dev/null; then
	echo 'no mail: expected "to" (one address), "subject" (one line) and "text"' >&2
	exit 65
fi

{
	printf '%s' "$mail" | jq -r '"To: " + .to, "Subject: " + (.subject | [range(0; length; 10) as $i | .[$i:$i + 10]]
		| map("=?UTF-8?B?" + @base64 + "?=") | join("\n "))'
	printf 'From: %s\nDate: %s\nMessage-ID: <%s@%s>\nMIME-Version: 1.0\n' "$from" "$(LC_ALL=C date '+%a, %d %b %Y %H:%M:%S %z')" \
		"$EVT_KEY" "$host"
	printf 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n'
	printf '%s' "$mail" | jq -j .text | base64
} | "$sendmail" -i -f "$from" -- "$(printf '%s' "$mail" | jq -r .to)"
