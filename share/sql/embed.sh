#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes the migrations given as files as C string literals, in the order given, for lib/journal.c.
set -eu
echo 'static const char *const migrations[] = {'
for file in "$@"; do
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/\t"/' -e 's/$/\\n"/' "$file"
	echo '	,'
done
echo '};'
