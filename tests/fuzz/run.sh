#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds every tests/fuzz/fuzz_NAME.c with clang's libFuzzer, ASan and UBSan, and runs each for FUZZ_SECONDS (20) from
# the seeds in tests/fuzz/seeds/NAME. New inputs stay under $BUILD/fuzz. Exit 1 on a finding, 77 when clang has no libFuzzer.
set -eu
cd "$(dirname "$0")/../.."
out=${BUILD:-build}/fuzz
seconds=${FUZZ_SECONDS:-20}
sanitize=fuzzer,address,undefined
mkdir -p "$out"

echo 'int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n) { return b && n ? 0 : 0; }' > "$out/probe.c"
if ! clang -fsanitize=$sanitize -o "$out/probe" "$out/probe.c" 2> "$out/probe.log"; then
	echo "fuzz: skipped: clang with its libFuzzer runtime is not installed"
	exit 77
fi

make -s -j2 CC=clang BUILD="$out" SANITIZE=fuzzer-no-link,address,undefined \
	CFLAGS='-O1 -g -fno-sanitize-recover=all' "$out/libevt.a"
libs=$(pkg-config --libs sqlite3 jansson libcurl libcrypto libpcre2-8 zlib)

findings=0
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	seeds=tests/fuzz/seeds/${name#fuzz_}
	mkdir -p "$out/corpus/$name"
	# shellcheck disable=SC2086  # flags are words
	clang -std=c11 -D_GNU_SOURCE -Ilib -O1 -g -fno-sanitize-recover=all -fsanitize=$sanitize -Wl,--as-needed \
		-o "$out/$name" "$source" "$out/libevt.a" $libs -lpthread
	echo "fuzz: $name for ${seconds}s from $(find "$seeds" -type f | wc -l) seeds"
	if "$out/$name" -max_len=65536 -max_total_time="$seconds" -artifact_prefix="$out/$name-" -print_final_stats=1 \
		"$out/corpus/$name" "$seeds" > "$out/$name.log" 2>&1; then
		grep 'number_of_executed_units' "$out/$name.log"
	else
		findings=$((findings + 1))
		tail -n 40 "$out/$name.log"
		echo "fuzz: $name: a finding, kept as $out/$name-*"
	fi
done
[ "$findings" -eq 0 ]
