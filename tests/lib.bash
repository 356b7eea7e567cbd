# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # variables for the tests
# What every bats file loads: `load ../lib`. Each test gets the built commands on PATH, and a configuration
# folder, a journal and a home of its own under $BATS_TEST_TMPDIR. A file with a setup or teardown of its own calls
# evt_setup and evt_teardown in them.

EVT_ROOT=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
BUILD=${BUILD:-$EVT_ROOT/build}
[[ $BUILD == /* ]] || BUILD=$EVT_ROOT/$BUILD

setup() {
	evt_setup
}

teardown() {
	evt_teardown
}

evt_setup() {
	PATH=$BUILD:$PATH
	export HOME=$BATS_TEST_TMPDIR/home TZ=UTC LC_ALL=C.UTF-8
	export EVT_CONFIG=$BATS_TEST_TMPDIR/config EVT_JOURNAL=$BATS_TEST_TMPDIR/journal.db
	unset XDG_CONFIG_HOME XDG_STATE_HOME CREDENTIALS_DIRECTORY GATEWAY_INTERFACE LISTEN_FDS LISTEN_PID
	unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
	export ASAN_OPTIONS=exitcode=99 LSAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
	mkdir -p "$HOME" "$EVT_CONFIG"/{sources,destinations,maps}
	BACKGROUND=()
}

# Ends what the test left running. Fails when a sanitizer complained anywhere.
evt_teardown() {
	local pid
	for pid in "${BACKGROUND[@]}"; do
		stop "$pid"
	done
	! grep -hsE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$BATS_TEST_TMPDIR"/*.err
}

# wait_until COMMAND...: tries it every 20 ms, for at most 20 s.
wait_until() {
	local end=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS > end)); then
			echo "gave up waiting until: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

# spawn NAME COMMAND...: in the background, ended in teardown. Its standard error goes to NAME.err under
# $BATS_TEST_TMPDIR; its standard input and output are spawn's own: give it `</dev/null >NAME.out` or the like. Sets PID.
spawn() {
	local name=$1
	shift
	# Said again, because bash gives a command in the background /dev/null.
	"$@" <&0 2>>"$BATS_TEST_TMPDIR/$name.err" 3>&- &
	PID=$!
	BACKGROUND+=("$PID")
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# stop PID [SIGNAL]: ends one of our processes and waits for it; with kill -9 if it must be. Its status is $STATUS.
stop() {
	local tries
	kill "-${2:-TERM}" "$1" 2>/dev/null || true
	for ((tries = 0; tries < 500; tries++)); do
		is_gone "$1" && break
		sleep 0.02
	done
	kill -9 "$1" 2>/dev/null || true
	STATUS=0
	wait "$1" 2>/dev/null || STATUS=$?
}

# start_destination [OPTIONS of tests/tools/destination.c]: sets DEST_PORT, DEST_URL, DEST_PID and DEST_LOG (its requests, a JSON line each).
start_destination() {
	local port=$BATS_TEST_TMPDIR/destination.port
	DEST_LOG=$BATS_TEST_TMPDIR/requests.jsonl
	rm -f "$port"
	: >>"$DEST_LOG"
	spawn destination "$BUILD/tests/destination" -P "$port" -l "$DEST_LOG" "$@" </dev/null >/dev/null
	DEST_PID=$PID
	wait_until test -s "$port" || return
	DEST_PORT=$(<"$port")
	DEST_URL=http://127.0.0.1:$DEST_PORT
}

# destination_rules RULES: replaces the script of the running one.
destination_rules() {
	curl -sS -f -T- "$DEST_URL/-/rules" <<<"$1"
}

# requests [JQ FILTER]: what has reached the destination, each through the filter.
requests() {
	jq -c "${1:-.}" "$DEST_LOG"
}

# start_receiver [OPTIONS of evt-receive]: sets RECEIVE_PORT, RECEIVE_URL, RECEIVE_PID, RECEIVE_ERR. Its standard output goes to
# $RECEIVE_STDOUT, a file or FIFO that the test sets when it wants the live lines.
start_receiver() {
	RECEIVE_ERR=$BATS_TEST_TMPDIR/receive.err
	rm -f "$RECEIVE_ERR"
	spawn receive evt-receive -l 127.0.0.1:0 "$@" </dev/null >"${RECEIVE_STDOUT:-/dev/null}"
	RECEIVE_PID=$PID
	wait_for_receiver
}

wait_for_receiver() {
	if ! wait_until receiver_is_up_or_gone || ! grep -q 'evt-receive: listening on' "$RECEIVE_ERR"; then
		cat "$RECEIVE_ERR" >&2
		return 1
	fi
	RECEIVE_PORT=$(sed -n 's/^evt-receive: listening on .*:\([0-9]*\)$/\1/p' "$RECEIVE_ERR")
	RECEIVE_URL=http://127.0.0.1:$RECEIVE_PORT
}

receiver_is_up_or_gone() {
	grep -q 'evt-receive: listening on' "$RECEIVE_ERR" || is_gone "$RECEIVE_PID"
}

# start_pipeline: evt-receive | evt-transform | evt-deliver, joined by FIFOs so that each has a pid: RECEIVE_PID, TRANSFORM_PID,
# DELIVER_PID. Standard errors go to receive.err, transform.err, deliver.err.
start_pipeline() {
	local received=$BATS_TEST_TMPDIR/received.fifo mapped=$BATS_TEST_TMPDIR/mapped.fifo
	rm -f "$received" "$mapped"
	mkfifo "$received" "$mapped"
	# Held open both ways until all three stand, or each would wait in open(2) for the next.
	exec 8<>"$received" 9<>"$mapped"
	spawn deliver evt-deliver <"$mapped" >/dev/null 8>&- 9>&-
	DELIVER_PID=$PID
	spawn transform evt-transform <"$received" >"$mapped" 8>&- 9>&-
	TRANSFORM_PID=$PID
	RECEIVE_STDOUT=$received start_receiver "$@" 8>&- 9>&-
	exec 8>&- 9>&-
}

# post SOURCE BODY [CURL OPTIONS]: prints the status; the answer's body is in $BATS_TEST_TMPDIR/answer.
post() {
	local source=$1 body=$2
	shift 2
	curl -sS -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}\n' -H 'Content-Type: application/json' \
		--data-binary "$body" "$@" "$RECEIVE_URL/$source"
}

# write_source NAME, write_destination NAME, write_map NAME: standard input is the file.
write_source() {
	cat >"$EVT_CONFIG/sources/$1.json"
}

write_destination() {
	cat >"$EVT_CONFIG/destinations/$1.json"
}

write_map() {
	cat >"$EVT_CONFIG/maps/$1.json"
}

# write_secret FILE TEXT: under the configuration folder, for its owner alone.
write_secret() {
	(umask 077 && printf '%s\n' "$2" >"$EVT_CONFIG/$1")
}

# query SQL: asks the journal, as anyone may. Columns are separated by "|".
query() {
	sqlite3 -readonly "$EVT_JOURNAL" "$1"
}

# tallies_hold: the journal's counts are what counting its rows gives.
tallies_hold() {
	[ "$(query "SELECT kind, status, count(*) FROM delivery GROUP BY 1, 2")" = \
		"$(query "SELECT of, status, sum(n) FROM tally WHERE axis = 0 GROUP BY 1, 2 HAVING sum(n) <> 0")" ]
}

# status_of ID [DESTINATION]: its status in the history.
status_of() {
	local destination=${2:-%}
	query "select status from history where id = '$1' and coalesce(destination, '') like '$destination'"
}

# has_status ID STATUS: for wait_until.
has_status() {
	[ "$(status_of "$1")" = "$2" ]
}

# deliver_due [OPTIONS of evt-retry]: the pipeline as cron runs it, once. Its messages are in cron.err.
# shellcheck disable=SC2119,SC2120 # its arguments are optional
deliver_due() {
	evt-retry "$@" 2>>"$BATS_TEST_TMPDIR/cron.err" 3>&- |
		evt-transform 2>>"$BATS_TEST_TMPDIR/cron.err" 3>&- |
		evt-deliver 2>>"$BATS_TEST_TMPDIR/cron.err" 3>&-
}

# ends_as ID STATUS: for wait_until; runs the pipeline until it is so.
# shellcheck disable=SC2119
ends_as() {
	has_status "$1" "$2" || { deliver_due || :; has_status "$1" "$2"; }
}

# The two below reach into the journal's private tables, to let time pass. Nothing of evt may be running.

# age_journal DAYS: as if all in it had happened so much earlier.
age_journal() {
	sqlite3 "$EVT_JOURNAL" "
		UPDATE event SET received_at = received_at - $1 * 86400000;
		UPDATE delivery SET updated_at = updated_at - $1 * 86400000, due_at = due_at - $1 * 86400000;"
}

# end_leases: as if the leases of all claims had ended.
end_leases() {
	sqlite3 "$EVT_JOURNAL" "UPDATE delivery SET due_at = 1 WHERE status = 1"
}
