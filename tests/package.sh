#!/bin/sh
# SPDX-License-Identifier: MIT
# package.sh [DEB]: the Debian package in a fresh minimal system of debootstrap: installed, its commands at work as a member of the group evt,
# installed again, removed, purged. Needs root, debootstrap and a Debian mirror; ends with 77 without the first two.
set -eu
cd "$(dirname "$0")/.."
deb=${1:-$(ls "${BUILD:-build}"/deb/evt_*.deb)}
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
	echo 'package: skipped, it needs root and debootstrap' >&2
	exit 77
fi
work=$(mktemp -d)
root=$work/root
finish() {
	if mountpoint -q "$root/proc"; then umount "$root/proc" || exit; fi
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
fail() {
	echo "package: $*" >&2
	exit 1
}
inside() {
	DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$root" "$@"
}
mode() { # FILE: mode, owner, group
	inside stat -c '%a %U %G' "$1"
}

chmod 755 "$work"
debootstrap --variant=minbase --include=curl,jq,ca-certificates bookworm "$root" ${MIRROR:+"$MIRROR"} >"$work/log" 2>&1 ||
	{ tail -n 5 "$work/log" >&2; fail 'debootstrap failed'; }
cp "$deb" "$root/evt.deb"
cp debian/tests/smoke "$root/smoke"
# A minimal system leaves out documentation, and its manual pages; this one shall have them.
rm -f "$root"/etc/dpkg/dpkg.cfg.d/*
mount -t proc proc "$root/proc"

echo 'package: install'
inside apt-get install -q -y --no-install-recommends /evt.deb >>"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail 'it does not install'; }
[ "$(mode /var/lib/evt)" = '2770 evt evt' ] || fail "/var/lib/evt is $(mode /var/lib/evt)"
[ "$(mode /etc/evt/sources)" = '755 root root' ] || fail "/etc/evt/sources is $(mode /etc/evt/sources)"
inside getent passwd evt | grep -q ':/var/lib/evt:/usr/sbin/nologin$' || fail "the user evt is $(inside getent passwd evt)"
for command in "$root"/usr/bin/evt-*; do
	if inside ldd "/usr/bin/${command##*/}" | grep 'not found'; then fail "${command##*/} lacks a library"; fi
done

for unit in "$root"/usr/share/doc/evt/examples/systemd/*.socket "$root"/usr/share/doc/evt/examples/systemd/*.service "$root"/usr/share/doc/evt/examples/systemd/*.timer; do
	cmp -s "$unit" "$root/lib/systemd/system/${unit##*/}" || fail "${unit##*/} is not installed as a unit"
done

echo 'package: the commands'
inside sh /smoke
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {}}' >"$root/etc/evt/sources/shop.json"
echo '{"id": 1}' | inside setpriv --reuid=evt --regid=evt --init-groups evt-receive -c /etc/evt -j /var/lib/evt/journal.db -s shop >/dev/null
[ "$(mode /var/lib/evt/journal.db)" = '660 evt evt' ] || fail "the journal is $(mode /var/lib/evt/journal.db)"
inside useradd -G evt ann
inside setpriv --reuid=ann --regid=ann --init-groups evt-status -j /var/lib/evt/journal.db | grep -q shop || fail 'a member of the group evt cannot read the journal'
if inside setpriv --reuid=nobody --regid=nogroup --clear-groups evt-status -j /var/lib/evt/journal.db 2>/dev/null; then fail 'nobody reads the journal'; fi

echo 'package: again, remove, purge'
inside dpkg -i /evt.deb >>"$work/log" 2>&1 || fail 'it does not install over itself'
inside dpkg -r evt >>"$work/log" 2>&1 || fail 'it cannot be removed'
[ ! -e "$root/usr/bin/evt-receive" ] || fail 'removing leaves the commands'
[ -s "$root/etc/evt/sources/shop.json" ] || fail 'removing took the configuration'
inside dpkg -P evt >"$work/purge" 2>&1 || fail 'it cannot be purged'
[ -s "$root/var/lib/evt/journal.db" ] || fail 'purging took the journal'
grep -q 'holds a journal; it stays' "$work/purge" || fail 'purging does not say that the journal stays'
inside dpkg -i /evt.deb >>"$work/log" 2>&1
rm -r "$root"/var/lib/evt/* "$root/etc/evt/sources/shop.json"
inside dpkg -P evt >>"$work/log" 2>&1
for folder in /var/lib/evt /etc/evt; do
	[ ! -e "$root$folder" ] || fail "purging leaves $folder, which is empty"
done
echo 'package: good'
