#!/bin/sh
# SPDX-License-Identifier: MIT
# Every benchmark in this folder, one after the other: a program NAME.c is $BUILD/bench/NAME, a script NAME.sh is run as it is. What they
# print is shown as it comes; their RESULT, SKIPPED and PEER lines (lib.sh) become docs/BENCHMARKS.md.
#   BUILD=build sh tests/bench/run.sh [NAME...]     with names, or BENCH_QUICK=1, the page goes to $BUILD/BENCHMARKS.md
# Fails when a benchmark could not do its work, not when a goal is missed: the page says that.
set -u
cd "$(dirname "$0")/../.." || exit 70
BUILD=$(cd "${BUILD:-build}" && pwd) || exit 70
export BUILD
work=$(mktemp -d) || exit 70
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
page=docs/BENCHMARKS.md
if [ $# -gt 0 ] || [ "${BENCH_QUICK:-}" ]; then
	page=$BUILD/BENCHMARKS.md
fi

all() { # the names of the benchmarks: neither what runs them nor what makes their input
	for bench in tests/bench/*.c tests/bench/*.sh; do
		name=${bench##*/}
		case $name in
		run.sh | lib.sh | make_*.sh) ;;
		*) echo "${name%.*}" ;;
		esac
	done | sort -u
}

run() { # NAME
	if [ -f "tests/bench/$1.sh" ]; then sh "tests/bench/$1.sh"; else "$BUILD/bench/$1"; fi
}

machine() {
	model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
	memory=$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)
	# shellcheck source=/dev/null
	system=$(. /etc/os-release && echo "$PRETTY_NAME")
	echo "- ${model:-$(uname -m)}, $(getconf _NPROCESSORS_ONLN) cores, $memory; $system, kernel $(uname -r)"
	echo "- journals in ${TMPDIR:-/tmp}, on $(df -PT "${TMPDIR:-/tmp}" | awk 'NR == 2 { print $2 }'); a 4 KiB write that reaches the disk takes $(sync_time) µs"
	echo "- load before the first: $(cut -d' ' -f1-3 /proc/loadavg)"
}

sync_time() { # median of 15 runs of 100 writes, in microseconds
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		began=$(date +%s%N)
		dd if=/dev/zero of="$work/sync" bs=4k count=100 oflag=dsync 2>/dev/null
		echo $((($(date +%s%N) - began) / 100000))
	done | sort -n | sed -n 8p
}

# What evt stands on and stands beside: a line each.
versions() {
	echo "- evt $("$BUILD/evt-receive" --version | awk '{ print $2 }')$(git rev-parse --short HEAD 2>/dev/null | sed 's/^/, commit /')"
	for package in sqlite3 libcurl jansson; do
		echo "- $package $(pkg-config --modversion $package)"
	done
	for command in 'nginx -v' 'wrk -v' 'node --version' 'jq --version' 'webhook -version' 'curl --version'; do
		PATH=$PATH:/usr/sbin command -v "${command%% *}" >/dev/null || continue
		# shellcheck disable=SC2086 # a command and its option
		PATH=$PATH:/usr/sbin $command 2>&1 | sed -n "1s/^/- ${command%% *}: /p" | cut -d' ' -f1-5
	done
	sed -n 's/^PEER /- /p' "$work/output"
}

# The comment above a benchmark is its method.
method() { # NAME
	if [ -f "tests/bench/$1.sh" ]; then
		sed -n '3,/^[^#]/s/^# \{0,1\}//p' "tests/bench/$1.sh"
	else
		sed -n '2,/\*\/$/p' "tests/bench/$1.c" | sed 's,^/\* ,,; s,^ \* ,,; s, *\*/$,,'
	fi | sed '/^ /d'
}

table() { # its input: RESULT lines
	echo '| | goal | reached | spread | |'
	echo '|---|---|---|---|---|'
	awk '
		function met(value, goal) {
			number = substr(goal, 1, 1) == "=" ? substr(goal, 2) : substr(goal, 3)
			if (goal ~ /^>=/) return value + 0 >= number + 0
			if (goal ~ /^<=/) return value + 0 <= number + 0
			return value + 0 == number + 0
		}
		function sign(goal) { sub(/^>=/, "≥ ", goal); sub(/^<=/, "≤ ", goal); sub(/^=/, "", goal); return goal }
		{
			words = $0
			for (i = 0; i < 7; i++) sub(/^[^ ]+ /, "", words)
			gsub(/\|/, "\\|", words)
			unit = $6 == "x" ? "×" : " " $6
			print "| " words " | " ($7 == "-" ? "" : sign($7) unit) " | " $3 unit " | " ($4 == $5 ? "" : $4 " – " $5) " | " \
				($7 == "-" ? "" : met($3, $7) ? "reached" : "**missed**") " |"
		}'
}

# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(all)
machine >"$work/machine"
: >"$work/output"
failed=
for name; do
	printf '\n== %s\n' "$name"
	began=$(date +%s)
	{
		run "$name" 2>&1
		echo $? >"$work/ended"
	} | tee "$work/$name"
	cat "$work/$name" >>"$work/output"
	[ "$(cat "$work/ended")" -eq 0 ] || failed="$failed $name"
	echo "($name: $(($(date +%s) - began)) s)"
done

{
	echo '# Benchmarks'
	echo
	echo "Made by \`make bench\` on $(date -u '+%Y-%m-%d'); do not edit. Each figure comes from one run in which evt and what it is held against took turns,"
	echo 'since a machine changes by the second: the ratio of each round is taken, then the median of the rounds; the spread is the least and the'
	echo 'most of them. Compare within a table only.'
	echo
	cat "$work/machine"
	versions | awk '!seen[$0]++'
	for name; do
		printf '\n## %s\n\n' "$name"
		method "$name"
		if grep -q '^RESULT ' "$work/$name"; then
			echo
			grep '^RESULT ' "$work/$name" | table
		else
			echo
			sed 's/^/    /' "$work/$name"
		fi
	done
	printf '\n## What was not measured\n\n'
	for name in $failed; do
		echo "- $name: it did not come to its end"
	done
	sed -n 's/^SKIPPED \([^ ]*\) /- \1: /p' "$work/output"
	cat tests/bench/unmeasured.md
} >"$work/page"
mkdir -p "${page%/*}"
cp "$work/page" "$page"

echo
sed -n 's/^\(SKIPPED .*\)/\1/p' "$work/output"
awk '/^RESULT / { print }' "$work/output"
echo "the page: $page"
[ -z "$failed" ] || { echo "did not come to its end:$failed" >&2; exit 1; }
