#!/bin/sh
# SPDX-License-Identifier: MIT
# systemd.sh [DEB]: the units of the Debian package under a live systemd: a fresh minimal system of debootstrap is booted as a container of its
# own (namespaces of pids, mounts, network, …, a control group), the package stands in it, and events flow: socket, timers, page, restart,
# a process for each connection, LoadCredential. Says how each unit scores under `systemd-analyze security`. Takes four minutes.
# Needs root, debootstrap, a Debian mirror (MIRROR) and cgroup2; ends with 77 without. FRESH=DIR is an unpacked system to copy instead.
set -eu
cd "$(dirname "$0")/.."
deb=${1:-$(ls "${BUILD:-build}"/deb/evt_*.deb)}
groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
skip() {
	echo "systemd: skipped, $*" >&2
	exit 77
}
[ "$(id -u)" -eq 0 ] || skip 'it needs root'
[ -n "${FRESH-}" ] || command -v debootstrap >/dev/null || skip 'it needs debootstrap'
[ -n "$groups" ] || skip 'there is no cgroup2 here'
work=$(mktemp -d)
root=$work/root group=$groups/evt-systemd.$$
init='' starter=''

finish() {
	if [ -n "$init" ]; then
		kill -KILL "$init" 2>/dev/null || :
		wait "$starter" 2>/dev/null || :
	fi
	# The group's processes end a little later than the one that holds them.
	left=50
	while [ -d "$group" ] && [ $left -gt 0 ]; do
		find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
		left=$((left - 1))
	done
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
	echo "systemd: $*" >&2
	[ -z "$init" ] || inside journalctl --no-pager -n 60 >&2 || :
	exit 1
}
inside() {
	nsenter -t "$init" -a -r -w env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root "$@"
}
# until_true SECONDS COMMAND...
until_true() {
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || fail "gave up waiting until: $*"
		sleep 0.1
	done
}
is() { # WHAT WANTED
	[ "$1" = "$2" ] || fail "not $2, but $1"
}

# ---- a system of its own ----

echo 'systemd: a fresh system with the package'
chmod 755 "$work"
if [ -n "${FRESH-}" ]; then
	cp -a "$FRESH" "$root"
else
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,curl,openssl,ca-certificates bookworm "$root" ${MIRROR:+"$MIRROR"} >"$work/log" 2>&1 ||
		{ tail -n 5 "$work/log" >&2; fail 'debootstrap failed'; }
fi
cp "$deb" "$root/evt.deb"
DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 chroot "$root" apt-get install -q -y --no-install-recommends /evt.deb >"$work/log" 2>&1 ||
	{ tail -n 20 "$work/log" >&2; fail 'it does not install'; }
# Documentation, and with it the examples, is what a minimal system leaves out.
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" ./usr/share/doc/evt

# What systemd expects of whoever starts it in a container: https://systemd.io/CONTAINER_INTERFACE
cat >"$work/boot" <<'BOOT'
set -eu
cd "$1"
mount --make-rprivate /
mount --bind . .
cd "$1"
mount -t proc proc proc
mount --bind -o ro proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
	touch "dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up || chroot . ip link set lo up || :
pivot_root . mnt
umount -l mnt
# Credentials reach a unit by way of a mount that is made in another namespace.
mount --make-rshared /
exec env -i container=evt-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system </dev/null
BOOT
mkdir "$group"
sh -c 'echo $$ >"$1/cgroup.procs" && exec unshare -m -p -f -n -i -u -C --kill-child sh "$2" "$3"' - "$group" "$work/boot" "$root" >"$work/console" 2>&1 &
starter=$!
has_booted() {
	init=$(tr -d ' ' <"/proc/$starter/task/$starter/children")
	[ -n "$init" ] && inside systemctl is-system-running | grep -qE 'running|degraded'
}
left=300
until has_booted 2>/dev/null; do
	left=$((left - 1))
	kill -0 $starter 2>/dev/null || left=0
	[ $left -gt 0 ] || { tail -n 20 "$work/console" >&2; skip 'systemd cannot be started here'; }
	sleep 0.1
done
echo "systemd: $(inside systemctl --version | head -n 1)"

# ---- what it shall do ----

etc=$root/etc/evt
secret() { # FILE TEXT
	printf '%s\n' "$2" >"$etc/$1"
	inside chgrp evt "/etc/evt/$1"
	chmod 640 "$etc/$1"
}
secret shop.secret unit-s3cret
cat >"$etc/sources/shop.json" <<'JSON'
{"verify": {"scheme": "github", "secret_file": "shop.secret"}, "id": "/id", "type": "const:order", "destinations": {"api": ["*"]}}
JSON
cat >"$etc/destinations/api.json" <<'JSON'
{"url": "http://127.0.0.1:9000/sink", "map": "order", "auth": {"scheme": "bearer", "token_file": "api.token"},
 "retry": {"schedule": ["1s", "1s", "5s", "5s", "5s", "5s"]}}
JSON
echo '{"fields": [{"to": "/id", "from": "/id"}, {"to": "/total", "from": "/sum", "type": "number"}]}' >"$etc/maps/order.json"

# The token comes as systemd's credentials do, and from no file that evt's user could read by itself.
(umask 077 && echo token-s3cret >"$root/etc/api.token")
for unit in evt-receive evt-retry; do
	mkdir "$root/etc/systemd/system/$unit.service.d"
	printf '[Service]\nLoadCredential=api.token:/etc/api.token\n' >"$root/etc/systemd/system/$unit.service.d/token.conf"
done

# The API that they send to is an evt-receive of its own.
mkdir -p "$root/etc/sink/sources" "$root/etc/sink/destinations" "$root/etc/sink/maps"
echo '{"verify": {"scheme": "none"}, "id": "/id", "type": "const:x", "destinations": {}}' >"$root/etc/sink/sources/sink.json"
start_api() {
	inside systemd-run -q --unit=sink --uid=evt -p RuntimeDirectory=sink -p RuntimeDirectoryPreserve=yes -p StandardOutput=null \
		-E EVT_CONFIG=/etc/sink -E EVT_JOURNAL=/run/sink/journal.db evt-receive -l 127.0.0.1:9000
	until_true 10 inside curl -s -o /dev/null http://127.0.0.1:9000/
}
post() { # ID: prints the status
	body="{\"id\":\"$1\",\"sum\":19.90}"
	inside curl -s -o /dev/null -w '%{http_code}' --max-time 30 -H 'Content-Type: application/json' -d "$body" \
		-H "X-Hub-Signature-256: sha256=$(printf '%s' "$body" | openssl dgst -sha256 -hmac unit-s3cret -r | cut -d' ' -f1)" http://127.0.0.1:8080/shop
}
history() {
	inside setpriv --reuid=evt --regid=evt --init-groups evt-status -j /var/lib/evt/journal.db "$@"
}
has_status() { # ID STATUS
	history "$1" --format jsonl | grep -q "\"status\":\"$2\""
}

echo 'systemd: a socket starts receipt, transform and delivery'
inside systemctl daemon-reload
start_api
inside systemctl -q enable --now evt-receive.socket evt-retry.timer evt-prune.timer evt-status.socket
is "$(inside systemctl is-active evt-receive.service || :)" inactive
is "$(post first)" 202
until_true 20 has_status first delivered
is "$(inside systemctl is-active evt-receive.service)" active
inside setpriv --reuid=evt --regid=evt --init-groups evt-status -j /run/sink/journal.db --format jsonl first | grep -q '"id":"first"' ||
	fail 'the API has not got it'

echo 'systemd: no request is lost while the service is restarted, or killed'
n=0
while [ $n -lt 40 ]; do
	n=$((n + 1))
	[ $n -ne 10 ] || inside systemctl restart --no-block evt-receive.service
	[ $n -ne 20 ] || inside systemctl kill -s KILL evt-receive.service
	code=$(post "again$n")
	# A request that a kill has met in the middle is the sender's to repeat.
	[ "$code" = 202 ] || code=$(post "again$n")
	case $code in 20[02]) ;; *) fail "again$n: $code" ;; esac
done
is "$(history --limit 1000 --format tsv | wc -l)" 41

echo 'systemd: nor while the package is installed over itself'
inside dpkg -i /evt.deb >"$work/upgrade" 2>&1 &
upgrade=$!
n=0
while [ $n -lt 20 ] || kill -0 $upgrade 2>/dev/null; do
	n=$((n + 1))
	is "$(post "upgrade$n")" 202
done
wait $upgrade || fail "$(cat "$work/upgrade")"
is "$(inside systemctl is-active evt-receive.service)" active

echo 'systemd: a wrong file of the configuration holds requests up, and no longer than it is there'
echo '{}' >"$etc/sources/wrong.json"
inside systemctl restart evt-receive.service
post waits >"$work/waits" &
waiting=$!
has_restarted() { # more often than a unit's default limit lets it
	[ "$(inside systemctl show -P NRestarts evt-receive.service)" -ge 7 ]
}
until_true 20 has_restarted
[ ! -s "$work/waits" ] || fail "answered meanwhile: $(cat "$work/waits")"
rm "$etc/sources/wrong.json"
wait $waiting
is "$(cat "$work/waits")" 202

echo 'systemd: the page'
page=$(inside curl -sS -f 'http://127.0.0.1:8081/?event=first')
case $page in *first*delivered*) ;; *) fail 'the page does not show the event' ;; esac

echo 'systemd: the timer sends what the API could not take, and what a kill has left'
inside systemctl stop sink.service
is "$(post later)" 202
until_true 20 has_status later retrying
inside systemctl stop evt-receive.socket evt-receive.service
start_api
until_true 100 has_status later delivered
has_run() { # UNIT, to its end
	[ "$(inside systemctl show -P ExecMainExitTimestampMonotonic "$1")" != 0 ] && is "$(inside systemctl show -P Result "$1")" success
}
until_true 20 has_run evt-retry.service

echo 'systemd: a process for each connection'
cp "$root"/usr/share/doc/evt/examples/systemd/evt-receive-each* "$root/etc/systemd/system"
inside systemctl daemon-reload
inside systemctl start evt-receive-each.socket
for n in 1 2 3; do
	is "$(post "each$n")" 202
done
inside systemctl start evt-retry.service
until_true 20 has_status each3 delivered
is "$(inside systemctl show -P NAccepted evt-receive-each.socket)" 3
inside systemctl stop evt-receive-each.socket

echo 'systemd: the nightly timer forgets, also what it has slept through'
# Claims that the kill has left come due with their lease; they need not be waited for here.
echo '{"payloads": "1s", "events": "30d"}' >"$etc/prune.json"
inside systemctl stop evt-prune.timer
touch -d '3 days ago' "$root/var/lib/systemd/timers/stamp-evt-prune.timer"
inside systemctl start evt-prune.timer
is_expired() {
	history first --format jsonl | grep -q '"payload":"expired"'
}
until_true 30 is_expired
until_true 20 has_run evt-prune.service

echo 'systemd: nothing has failed, and no secret is told'
for unit in evt-receive.service evt-retry.service evt-prune.service evt-status.service; do
	until_true 20 inside sh -c "! systemctl is-failed -q $unit"
done
! inside journalctl --no-pager | grep -E 's3cret|Failed to .*evt|status=31|SIGSYS' || fail 'the log says so'
is "$(inside stat -c '%a %U %G' /var/lib/evt)" '2770 evt evt'
is "$(inside stat -c '%a %U %G' /var/lib/evt/journal.db)" '660 evt evt'

echo 'systemd: exposure under systemd-analyze security, 0 to 10'
for unit in evt-receive.service evt-receive-each@1.service evt-retry.service evt-status.service evt-prune.service; do
	score=$(inside systemd-analyze security --no-pager --threshold=20 "$unit" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p') ||
		fail "$unit cannot be judged: $score"
	echo "  $unit $score"
	[ "${score%.*}" -lt 2 ] || fail "$unit scores $score"
done
echo 'systemd: good'
