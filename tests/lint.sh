#!/bin/sh
# SPDX-License-Identifier: MIT
# Both compilers with warnings as errors, clang-tidy, clang-format, shellcheck, mandoc. Goes through all and names those that complain.
# shellcheck disable=SC2317,SC2016 # called through check; expanded by the inner shell
set -u
cd "$(dirname "$0")/.." || exit 70
jobs=$(getconf _NPROCESSORS_ONLN)
status=0

check() { # TITLE COMMAND...
	title=$1
	shift
	echo "lint: $title"
	"$@" || {
		echo "lint: $title: not clean" >&2
		status=1
	}
}

each() { # COMMAND... with the file names of standard input behind
	tr '\n' '\0' | xargs -0 "$@"
}

compile() {
	make -s -j"$jobs" CC="$1" BUILD="build/lint-$1" WERROR=-Werror test-programs
}

unit_tests() {
	make -s CC="$1" BUILD="build/lint-$1" WERROR=-Werror check-unit
}

tidy() {
	find lib cmd tests/tools -name '*.c' |
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

check gcc compile gcc
check clang compile clang
check 'unit tests under clang' unit_tests clang
check clang-tidy tidy
check clang-format format
check shellcheck scripts
check mandoc manuals
exit "$status"
