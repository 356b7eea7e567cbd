#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make deb` does: the Debian package in $BUILD/deb, made from the last commit, or from this folder where there is no git. Installs
# nothing: it says what is missing.
set -eu
cd "$(dirname "$0")/.."
for tool in dpkg-buildpackage dh; do
	command -v $tool >/dev/null || {
		echo "deb: $tool is needed: sh share/install-packages.sh build package" >&2
		exit 69
	}
done
dpkg-checkbuilddeps debian/control || {
	echo 'deb: apt-get build-dep . installs them; or: sh share/install-packages.sh build package' >&2
	exit 69
}
folder=$BUILD/deb/evt-$VERSION
rm -rf "$BUILD/deb"
mkdir -p "$folder"
if git rev-parse --git-dir >/dev/null 2>&1; then
	git -c tar.umask=0022 archive HEAD | tar -x -f - -C "$folder"
else
	tar -c -f - --exclude="./$BUILD" . | tar -x -f - -C "$folder"
fi
(cd "$folder" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL dpkg-buildpackage -us -uc -b)
rm -rf "$folder"
ls "$BUILD"/deb/*.deb
