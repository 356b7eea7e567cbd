#!/bin/sh
# SPDX-License-Identifier: MIT
# The same commit, built twice, in other folders, at another time (where there is faketime), with another locale, time zone, umask and
# user name, gives the same bytes: the commands, and the Debian package where its tools are installed.
#   sh tests/reproducible.sh [commands [BUILD]]     the commands alone, against those that stand in BUILD, made of the same commit
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
jobs=$(getconf _NPROCESSORS_ONLN)
unset MAKEFLAGS MFLAGS MAKELEVEL
later=
if command -v faketime >/dev/null; then later='faketime -f +400d'; fi

unpack() { # FOLDER
	mkdir -p "$1"
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git archive HEAD | tar -x -f - -C "$1"
	else
		tar -c -f - --exclude=./build . | tar -x -f - -C "$1"
	fi
}

# quietly FOLDER COMMAND...: in the folder; what it says is shown when it fails.
quietly() {
	folder=$1
	shift
	(cd "$folder" && "$@" >"$work/log" 2>&1) || {
		tail -n 20 "$work/log" >&2
		exit 1
	}
}

same() { # WHAT: of both digests
	if ! [ -s "$work/first" ] || ! diff "$work/first" "$work/second" >&2; then
		echo "reproducible: two builds of $1 differ" >&2
		exit 1
	fi
	cat "$work/first"
	echo "reproducible: $1: the same bytes"
}

commands() { # FOLDER BUILD COMMAND...: builds with the COMMAND in front
	folder=$1 build=$2
	shift 2
	unpack "$folder"
	quietly "$folder" env "$@" make -s -j"$jobs" BUILD="$build" all
	(cd "$folder/$build" && sha256sum evt-receive evt-transform evt-deliver evt-retry evt-status evt-prune)
}

package() { # FOLDER COMMAND...
	folder=$1
	shift
	unpack "$folder"
	quietly "$folder" env DEB_BUILD_OPTIONS="nocheck parallel=$jobs" "$@" dpkg-buildpackage -us -uc -b
	(cd "$folder/.." && sha256sum ./*.deb)
}

if [ -n "${2-}" ]; then
	(cd "$2" && sha256sum evt-receive evt-transform evt-deliver evt-retry evt-status evt-prune) >"$work/first"
else
	(umask 022 && commands "$work/one/evt" build TZ=UTC LC_ALL=C LOGNAME=one) >"$work/first"
fi
# shellcheck disable=SC2086 # a command and its options
(umask 077 && commands "$work/two/in a longer name/evt" other/place TZ=Asia/Kolkata LC_ALL=C.UTF-8 LOGNAME=two $later) >"$work/second"
same commands

[ "${1:-}" != commands ] || exit 0
if ! command -v dpkg-buildpackage >/dev/null || ! command -v dh >/dev/null || ! dpkg-checkbuilddeps debian/control 2>/dev/null; then
	echo 'reproducible: the tools for the Debian package are not here: the commands alone'
	exit 0
fi
(umask 022 && package "$work/three/evt" TZ=UTC LC_ALL=C LOGNAME=one) >"$work/first"
# shellcheck disable=SC2086 # a command and its options
(umask 077 && package "$work/four/in-a-longer-name/evt" TZ=Asia/Kolkata LC_ALL=C.UTF-8 LOGNAME=two $later) >"$work/second"
same 'the package'
