#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make dist` does: the last commit as $BUILD/evt-VERSION.tar.gz, the same bytes on every machine.
set -eu
cd "$(dirname "$0")/.."
[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] || {
	echo 'dist: this is no git checkout: a tarball is made from the commit of one' >&2
	exit 69
}
[ -z "$(git status --porcelain)" ] || echo 'dist: what is not committed is not in it' >&2
tarball=$BUILD/evt-$VERSION.tar.gz
mkdir -p "$BUILD"
git -c tar.umask=0022 archive --format=tar --prefix="evt-$VERSION/" HEAD | gzip -n -9 >"$tarball.new"
mv "$tarball.new" "$tarball"
echo "$tarball"
