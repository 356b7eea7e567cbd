#!/bin/sh
# SPDX-License-Identifier: MIT
# distcheck.sh TARBALL: what `make dist` made is whole: it unpacks, builds, passes its unit tests, installs and uninstalls, and says the version of its name.
set -eu
[ $# -eq 1 ] || { echo 'usage: distcheck.sh TARBALL' >&2; exit 64; }
tarball=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
version=$(basename "$1" .tar.gz)
version=${version#evt-}
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
jobs=$(getconf _NPROCESSORS_ONLN)
fail() {
	echo "distcheck: $*" >&2
	exit 1
}

gzip -dc "$tarball" | tar -x -f - -C "$work"
source=$work/evt-$version
cd "$source"
[ "$(sed -n '1s/evt (\(.*\)) .*/\1/p' debian/changelog)" = "$version" ] || fail 'debian/changelog has another version'
umask 077
# What git holds is all that a build reads, and nothing is written outside of build.
mkdir build
chmod -R a-w "$source"
chmod u+w build
make -s -j"$jobs" CFLAGS='-O1 -g0' all
make -s -j"$jobs" CFLAGS='-O1 -g0' check-unit
make -s install CFLAGS='-O1 -g0' DESTDIR="$work/root" PREFIX=/opt/evt

for command in receive transform deliver retry status prune; do
	[ "$("$work/root/opt/evt/bin/evt-$command" --version)" = "evt-$command $version" ] || fail "evt-$command does not say $version"
	[ -f "$work/root/opt/evt/share/man/man1/evt-$command.1" ] || fail "evt-$command.1 is not installed"
done
[ -z "$(find "$work/root" -type f ! -perm -444)" ] || fail "installed, and not readable for all: $(find "$work/root" -type f ! -perm -444)"
! grep -rn --exclude=README.md /usr/local "$work/root/opt/evt/share" || fail 'an installed file names /usr/local'
make -s uninstall DESTDIR="$work/root" PREFIX=/opt/evt
[ -z "$(find "$work/root" ! -type d)" ] || fail "left by uninstall: $(find "$work/root" ! -type d)"
if make -s dist 2>"$work/said"; then fail 'make dist without git made something'; fi
grep -q 'no git checkout' "$work/said" || fail 'make dist without git does not say why it cannot'
echo "distcheck: $(basename "$tarball") is whole"
