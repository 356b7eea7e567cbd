#!/bin/sh
# SPDX-License-Identifier: MIT
# Every benchmark in this folder, one after the other: a program NAME.c is $BUILD/bench/NAME, a script NAME.sh is run as it is. Each
# compares things within its own run and prints ratios; what it cannot compare with, because that is not installed, it says.
set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-build}
export BUILD
failed=0
for bench in "$BUILD"/bench/* "$here"/*.sh; do
	[ "$bench" = "$here/run.sh" ] && continue
	[ -x "$bench" ] && [ -f "$bench" ] || [ "${bench##*.}" = sh ] || continue
	printf '\n== %s\n' "$(basename "$bench")"
	case $bench in
	*.sh) sh "$bench" ;;
	*) "$bench" ;;
	esac || failed=1
done
exit $failed
