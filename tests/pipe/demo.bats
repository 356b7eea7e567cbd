#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# share/demo.sh comes to its end, shows what it promises, and leaves nothing running.

load ../lib

# The demo builds what is missing. That is done before: a test that interrupts the demo is not to interrupt make.
setup_file() {
	make -s -C "$EVT_ROOT" all "$BUILD/tests/destination" BUILD="$BUILD" 3>&-
}

nothing_runs() {
	! pgrep -f "$BUILD/tests/destination -P $BUILD/demo/port"
}

@test "the demo shows every status and the verdict, and leaves a journal and nothing running" {
	command -v pgrep >/dev/null || skip 'no pgrep'
	run env -u EVT_CONFIG -u EVT_JOURNAL BUILD="$BUILD" sh "$EVT_ROOT/share/demo.sh" </dev/null
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *'72 202'* ]]
	EVT_JOURNAL=$BUILD/demo/journal.db
	[ "$(query 'select distinct status from history order by 1')" = $'delivered\nfailed\nprocessing\nreceived\nretrying\nskipped' ]
	[ "$(query "select count(*) from history where status = 'delivered' and attempts > 1")" -ge 2 ]
	[[ "$output" == *'another contact has the address taken@example.com'* ]]
	[[ "$output" == *"The journal is $EVT_JOURNAL"* ]]
	nothing_runs
}

@test "the demo leaves nothing running when it is interrupted" {
	command -v pgrep >/dev/null || skip 'no pgrep'
	spawn demo env BUILD="$BUILD" sh "$EVT_ROOT/share/demo.sh" </dev/null >/dev/null
	wait_until test -s "$BUILD/demo/hubspot.answers"
	stop "$PID" TERM
	[ "$STATUS" -eq 143 ]
	nothing_runs
	[ "$(cat "$BUILD"/demo/*.pid 2>/dev/null)" = '' ]
}
