#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds every tests/fuzz/fuzz_NAME.c with clang's libFuzzer, ASan and UBSan, and runs each for FUZZ_SECONDS (20)
# from the seeds in tests/fuzz/seeds/NAME, as many at once as there are processors (or $JOBS). New inputs stay under $BUILD/fuzz. Exit 1 on a
# finding.
#   sh tests/fuzz/run.sh [NAME...]     such as: http intake
set -eu
cd "$(dirname "$0")/../.."
out=${BUILD:-build}/fuzz
seconds=${FUZZ_SECONDS:-20}
sanitize=fuzzer,address,undefined
mkdir -p "$out"

# Builds one and runs it, without the messages that its lines and requests cause; status 1 on a finding.
run_one() { # NAME
	seeds=tests/fuzz/seeds/$1
	mkdir -p "$out/corpus/fuzz_$1"
	# shellcheck disable=SC2046  # flags are words
	clang -std=c11 -D_GNU_SOURCE -Ilib -O1 -g -fno-sanitize-recover=all -fsanitize=$sanitize -Wl,--as-needed \
		-o "$out/fuzz_$1" "tests/fuzz/fuzz_$1.c" "$out/libevt.a" $(pkg-config --libs sqlite3 jansson libcurl nettle hogweed libpcre2-8 zlib) -lpthread
	if "$out/fuzz_$1" -max_len=65536 -max_total_time="$seconds" -artifact_prefix="$out/fuzz_$1-" -print_final_stats=1 -close_fd_mask=2 \
		"$out/corpus/fuzz_$1" "$seeds" >"$out/fuzz_$1.log" 2>&1; then
		echo "fuzz: $1 for ${seconds}s from $(find "$seeds" -type f | wc -l) seeds: $(awk '/number_of_executed_units/ { print $2 }' "$out/fuzz_$1.log") executions"
	else
		tail -n 40 "$out/fuzz_$1.log"
		echo "fuzz: $1: a finding, kept as $out/fuzz_$1-*"
		return 1
	fi
}

if [ "${1-}" = --one ]; then
	run_one "$2"
	exit
fi

sh share/install-packages.sh fuzz
make -s -j2 CC=clang BUILD="$out" SANITIZE=fuzzer-no-link,address,undefined \
	CFLAGS='-O1 -g -fno-sanitize-recover=all' "$out/libevt.a"
# shellcheck disable=SC2046  # names are words
[ $# -gt 0 ] || set -- $(printf '%s\n' tests/fuzz/fuzz_*.c | sed 's,.*/fuzz_,,; s,\.c$,,')
printf '%s\0' "$@" | xargs -0 -n 1 -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" sh tests/fuzz/run.sh --one
