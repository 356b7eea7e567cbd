#!/bin/sh
# SPDX-License-Identifier: MIT
# Both compilers with warnings as errors, clang-tidy, clang-format, shellcheck, mandoc. Goes through all, or those named, and names those
# that complain.
#   sh tests/lint.sh [gcc] [clang] [tidy] [format] [scripts] [manuals]
# shellcheck disable=SC2317,SC2016 # called through check; expanded by the inner shell
set -u
cd "$(dirname "$0")/.." || exit 70
jobs=$(getconf _NPROCESSORS_ONLN)
status=0

check() { # COMMAND...
	echo "lint: $*"
	"$@" || {
		echo "lint: $*: not clean" >&2
		status=1
	}
}

each() { # COMMAND... with the file names of standard input behind
	tr '\n' '\0' | xargs -0 "$@"
}

compile() { # COMPILER FLAGS TARGET
	make -s -j"$jobs" CC="$1" CFLAGS="$2" BUILD="build/lint-$1" WERROR=-Werror "$3"
}

gcc() {
	compile gcc '-O2 -g' test-programs
}

clang() {
	compile clang '-O1 -g0' test-programs && compile clang '-O1 -g0' check-unit
}

# The largest files first: they take longest.
tidy() {
	make -s BUILD=build/lint-clang build/lint-clang/gen/migrations.h build/lint-clang/gen/page_files.h
	find lib cmd tests/tools -name '*.c' -exec ls -S {} + |
		each -n 1 -P "$jobs" sh -c 'clang-tidy --quiet "$1" -- -std=c11 -D_GNU_SOURCE -DEVT_VERSION=\"lint\" \
			-Ilib -Ibuild/lint-clang/gen 2>/dev/null' -
}

format() {
	find lib cmd tests -name '*.[ch]' | each clang-format --dry-run -Werror
}

scripts() {
	find share tests debian .ci -type f \( -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -path tests/run-suite -o -path .ci/run \
		-o -path debian/tests/smoke -o -name '*.postrm' \) |
		each shellcheck
}

manuals() {
	find man -name '*.[1-8]' | each mandoc -Tlint -W warning
}

[ $# -gt 0 ] || set -- gcc clang tidy format scripts manuals
for one in "$@"; do
	check "$one"
done
exit "$status"
