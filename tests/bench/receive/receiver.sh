# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034 # variables for the benchmarks
# What benchmarks of receipt source behind lib.sh: a folder of their own, $work, with the configuration of one source; the programs in
# $build; and receivers that end, as whatever else stands in $pids, with the script.
build=$(cd "${BUILD:-build}" && pwd) || exit 70
PATH=$build:$build/tests:$PATH:/usr/sbin
work=$(mktemp -d) || exit 70
pids=''
# shellcheck disable=SC2317 # called by the trap
finish() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir -p "$work/config/sources"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "/type", "destinations": {"crm": ["*"]}}' >"$work/config/sources/x.json"

start_evt() { # NAME [PRELOAD]: with a journal of that name; sets receiver, its pid, and address
	LD_PRELOAD=${2:-} evt-receive -c "$work/config" -j "$work/$1.db" -l 127.0.0.1:0 >/dev/null 2>"$work/$1.err" &
	receiver=$! pids="$pids $!"
	wait_for grep -q 'listening on' "$work/$1.err"
	address=$(sed -n 's/.*listening on //p' "$work/$1.err")
}
