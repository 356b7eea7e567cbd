#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# share/examples/programs: destinations that are a command, mail, kcat. sendmail and kcat are stubs that keep what they are given; where
# there is a kcat on this machine, it is asked too.

# shellcheck disable=SC2016,SC2030,SC2031 # dollars of a stranger's; each test is a subshell

load ../lib

setup() {
	evt_setup
	PATH=$EVT_ROOT/share/examples/programs:$PATH
	kept=$BATS_TEST_TMPDIR/kept
	export KEPT=$kept
	mkdir "$kept"
	write_source shop <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:order.sent", "subject": "/id",
		"destinations": {"there": ["*"]}}'
}

there() { # [MEMBERS]
	write_destination there <<<"{\"program\": true, \"retry\": {\"schedule\": [\"1ms\", \"1ms\"]}${1:+, $1}}"
}

accept() { # JSON RECORD...
	printf '%s\n' "$@" | evt-receive -q -s shop >/dev/null
}

run_each() { # COMMAND...
	evt-retry -d there | evt-transform | evt-deliver --start | each.sh "$@" | evt-deliver --record
}

make_due() {
	sqlite3 "$EVT_JOURNAL" 'update delivery set due_at = 1 where due_at is not null'
}

history_of() { # ID COLUMNS
	query "select $2 from history where id = '$1'"
}

# stub NAME: a program of that name, which is the standard input.
stub() {
	cat >"$BATS_TEST_TMPDIR/$1"
	chmod +x "$BATS_TEST_TMPDIR/$1"
}

@test "each.sh: the payload byte for byte, what the command may know, and its record" {
	there '"order": "subject"'
	stub act <<-'END'
		#!/bin/sh
		cat >"$KEPT/$EVT_ID"
		printf '%s|' "$EVT_KEY" "$EVT_SOURCE" "$EVT_TYPE" "$EVT_SUBJECT" "$EVT_ATTEMPT" "$EVT_RECORD" >"$KEPT/$EVT_ID.env"
		echo "r-$EVT_ID"; echo 'more output'
	END
	local data="{\"id\":\"a1\",\"n\": 1.10, \"big\": 12345678901234567890, \"t\":\"it's \\\"data\\\": \\u0000 \$(x) ä\"}"
	accept "$data"
	printf '{"specversion":"1.0","id":"b1","source":"shop","type":"t'"'"'$(x)","evtdestination":"there","data_base64":"AAH/Cg=="}\n' |
		evt-deliver --start | each.sh "$BATS_TEST_TMPDIR/act" | evt-deliver --record
	run_each "$BATS_TEST_TMPDIR/act"
	[ "$(cat "$kept/a1")" = "$data" ]
	[ "$(od -An -tx1 <"$kept/b1")" = ' 00 01 ff 0a' ]
	[ "$(cat "$kept/a1.env")" = "$(printf 'shop\0a1\0there' | sha256sum | cut -c1-32)|shop|order.sent|a1|1||" ]
	[[ "$(cat "$kept/b1.env")" == *"|t'\$(x)|"* ]]
	[ "$(history_of a1 'status, destination_record')" = 'delivered|r-a1' ]
	[ "$(history_of b1 'status, destination_record')" = 'delivered|r-b1' ]
}

@test "each.sh: how a command ends is the outcome, its last words are the reason" {
	there
	stub act <<-'END'
		#!/bin/sh
		echo first >&2
		[ "$EVT_ID" = 75 ] || printf 'no: \033[31mred\n' >&2
		exit "$EVT_ID"
	END
	accept '{"id":0}' '{"id":1}' '{"id":65}' '{"id":67}' '{"id":75}' '{"id":100}'
	run_each "$BATS_TEST_TMPDIR/act"
	[ "$(query 'select id, status from history order by cast(id as int)')" = $'0|delivered\n1|retrying\n65|failed\n67|failed\n75|retrying\n100|failed' ]
	[ "$(history_of 65 error)" = 'no: [31mred' ]
	[ "$(history_of 75 error)" = first ]
	accept '{"id":7}'
	run_each "$BATS_TEST_TMPDIR/nothing-there"
	[[ "$(history_of 7 'status, error')" == 'retrying|'*'nothing-there: '*'ot found' ]]
}

mail_stub() {
	stub sendmail <<-'END'
		#!/bin/sh
		printf '%s\n' "$@" >"$KEPT/arguments"
		cat >"$KEPT/$EVT_ATTEMPT.mail"
		[ ! -e "$KEPT/status" ] || { echo 'not now' >&2; exit "$(cat "$KEPT/status")"; }
	END
	export SENDMAIL=$BATS_TEST_TMPDIR/sendmail MAIL_FROM=shop@example.com
	cp "$EVT_ROOT/share/examples/maps/mail.json" "$EVT_CONFIG/maps"
	there '"map": "mail"'
}

@test "mail: one sendmail takes, with a Message-ID that stays, and text of any language" {
	mail_stub
	accept '{"id":"Größe-der-Bestellung-0123456789-ä-ö-ü-€-zu-lang-für-ein-Wort","email":" ann@example.com","name":"Jürgen","total":19.90}'
	echo 75 >"$kept/status"
	run_each mail.sh
	[ "$(query 'select status, error from history')" = 'retrying|not now' ]
	rm "$kept/status"
	make_due
	run_each mail.sh
	[ "$(query 'select status, attempts from history')" = 'delivered|2' ]
	[ "$(cat "$kept/arguments")" = $'-i\n-f\nshop@example.com\n--\nann@example.com' ]
	[ "$(grep -h '^Message-ID: <[0-9a-f]\{32\}@' "$kept"/?.mail | sort -u | wc -l)" -eq 1 ]
	[ "$(grep -c '^To: ann@example.com$' "$kept/2.mail")" -eq 1 ]
	[ "$(awk 'length > 78' "$kept/2.mail")" = '' ]
	[ "$(sed '1,/^$/d' "$kept/2.mail" | base64 -d)" = $'Dear Jürgen,\n\nyour order Größe-der-Bestellung-0123456789-ä-ö-ü-€-zu-lang-für-ein-Wort over 19.90 is on its way.' ]
	command -v python3 >/dev/null || skip 'no python3 to read the subject'
	[ "$(python3 -c 'import email, email.policy, sys; print(email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)["subject"])' <"$kept/2.mail")" = \
		'Your order Größe-der-Bestellung-0123456789-ä-ö-ü-€-zu-lang-für-ein-Wort' ]
}

@test "mail: headers and options of a stranger's are refused, and so is what sendmail refuses for good" {
	mail_stub
	write_map mail <<<'{"fields": [{"to": "/to", "from": "/email"}, {"to": "/subject", "from": "/id"}, {"to": "/text", "const": "x"}]}'
	accept '{"id":"1","email":"ann@example.com\nBcc: eve@example.com"}' '{"id":"2","email":"-oQ/tmp@example.com"}' \
		'{"id":"3","email":"ann@example.com, eve@example.com"}' '{"id":"4"}' '{"id":"5","email":7}'
	run_each mail.sh
	[ "$(query "select count(*) from history where status = 'failed' and error like 'no mail: expected %'")" -eq 5 ]
	[ "$(ls "$kept")" = '' ]
	accept '{"id":"6","email":"nobody@example.com"}'
	echo 67 >"$kept/status"
	run_each mail.sh
	[ "$(history_of 6 'status, error')" = 'failed|not now' ]
}

@test "kcat: one message, its key the subject, its header the idempotency key" {
	there '"order": "subject"'
	stub kcat <<-'END'
		#!/bin/sh
		for last; do :; done
		printf '%s\n' "$@" | sed "s,^$last$,FILE," >"$KEPT/arguments"
		cat "$last" >"$KEPT/message"
	END
	export KCAT=$BATS_TEST_TMPDIR/kcat KAFKA_BROKERS=k1:9092,k2:9092 KAFKA_TOPIC=orders
	accept '{"id":"a1", "n": 1.10}'
	run_each kcat.sh
	[ "$(query 'select status from history')" = delivered ]
	[ "$(tr '\n' ' ' <"$kept/arguments")" = "-P -b k1:9092,k2:9092 -t orders -X acks=all -X message.timeout.ms=20000 -k a1 -H evt-key=$(printf 'shop\0a1\0there' | sha256sum | cut -c1-32) -H evt-id=a1 -H evt-type=order.sent FILE " ]
	[ "$(cat "$kept/message")" = '{"id":"a1", "n": 1.10}' ]
}

@test "kcat itself: what a broker acknowledges is delivered, and where there is none it is tried again" {
	command -v kcat >/dev/null || skip 'no kcat'
	there
	export KAFKA_BROKERS=127.0.0.1:1 KAFKA_TOPIC=orders
	accept '{"id":"a1"}'
	run_each kcat.sh
	[[ "$(query 'select status, error from history')" == 'retrying|'*'brokers are down'* ]]
	make_due
	KCAT_OPTIONS='-X test.mock.num.brokers=1' run_each kcat.sh # librdkafka's own broker, within the process
	[ "$(query 'select status from history')" = delivered ]
}
