#!/bin/sh
# SPDX-License-Identifier: MIT
# embed.sh NAME FILE...: writes the files, in the order given, as C: an array NAME of string literals.
set -eu
echo "static const char *const $1[] = {"
shift
for file in "$@"; do
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/\t"/' -e 's/$/\\n"/' "$file"
	echo '	,'
done
echo '};'
