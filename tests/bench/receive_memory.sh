#!/bin/sh
# SPDX-License-Identifier: MIT
# Does a receiver's memory stay flat? 64 senders post new events for ten minutes, half of them over a new connection each time, at a
# rate that leaves the machine mostly idle; the resident size is read every ten seconds. It grows while SQLite fills its page cache
# (64 MiB at most), which the first fifth of the time is for: from then on the figures count.
#   BUILD=build SECONDS_IN_ALL=600 sh tests/bench/receive_memory.sh
set -u
cd "$(dirname "$0")/../.." || exit 70
# shellcheck source=tests/bench/lib.sh
. tests/bench/lib.sh
seconds=${SECONDS_IN_ALL:-$(size 600 15)} every=$(size 10 1)
command -v wrk >/dev/null || {
	skipped receive-memory 'no wrk here, nothing to load a server with'
	exit 0
}
# shellcheck source=tests/bench/receive/receiver.sh
. tests/bench/receive/receiver.sh

start_evt memory
wrk -t1 -c32 -d"${seconds}s" -s tests/bench/receive/paced.lua "http://$address/" -- kept >"$work/kept" &
kept=$!
wrk -t1 -c32 -d"${seconds}s" -s tests/bench/receive/paced.lua "http://$address/" -- new close >"$work/new" &
new=$!
pids="$pids $kept $new"
while kill -0 "$kept" 2>/dev/null; do
	sleep "$every"
	awk '/^VmRSS/ { print $2 }' "/proc/$receiver/status" >>"$work/sizes"
done
wait "$kept" "$new"
grep -h 'requests in\|Non-2xx' "$work/kept" "$work/new"
tr '\n' ' ' <"$work/sizes"
echo KiB
awk '{ size[NR] = $1 } END { for (i = int(NR / 5) + 1; i <= NR; i++) { if (size[i] > most) most = size[i] }
	print size[int(NR / 5) + 1], size[NR], most, most - size[int(NR / 5) + 1] }' "$work/sizes" >"$work/all"
read -r early late most grown <"$work/all"
echo "resident size: $early KiB after a fifth of the time, $late KiB at the end, $most KiB at most"
result receive-memory KiB '<=1024' "what the resident size of evt-receive grows by at most, once the page cache is full" "$grown"
