#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Journals that are damaged, not ours, not for us or not there: each command says what is wrong and what to do, and leaves the file as
# it is. And the recipes of evt-journal(5) for backup, restore and rescue, taken from the page and run.

load ../lib

setup() {
	evt_setup
	write_source shop <<<'{"verify": {"scheme": "none"}, "id": "/id", "type": "const:t", "destinations": {"api": ["*"]}}'
	mkdir "$BATS_TEST_TMPDIR/state"
	# A record of the source; and an event, of which evt-transform has something to write.
	LINE='{"specversion":"1.0","id":"new","source":"shop","type":"t","evtdestination":"api","data":{"id":"new"}}'
	write_map refuses <<<'{"fields": [{"to": "/n", "from": "/missing", "required": true}]}'
	write_destination api <<<'{"url": "http://127.0.0.1:1/", "map": "refuses"}'
	export EVT_JOURNAL=$BATS_TEST_TMPDIR/state/journal.db BACKUP=$BATS_TEST_TMPDIR/backup.db
}

take() { # FIRST LAST
	seq -f '{"id":"e%g","text":"0123456789012345678901234567890123456789"}' "$1" "$2" | evt-receive -q -s shop >/dev/null
}

# With all in the database and nothing in the WAL.
make_journal() {
	take 1 200
	evt-prune -q >/dev/null
	rm "$EVT_JOURNAL-wal" "$EVT_JOURNAL-shm"
}

# all_say CODE TEXT [COMMANDS]: each command ends with CODE and a message that has TEXT, and the journal's bytes stay as they are.
all_say() {
	local code=$1 text=$2 command before
	shift 2
	before=$(sha256sum <"$EVT_JOURNAL")
	for command in "${@:-receive -s shop}" transform deliver retry status prune; do
		[ $# -eq 0 ] || [[ $* == *$command* ]] || continue
		# shellcheck disable=SC2086 # options
		run ${AS-} "$BUILD"/evt-$command <<<"$LINE"
		if [ "$status" -ne "$code" ] || [[ $output != *"evt-${command%% *}: journal "*"$text"* ]]; then
			echo "evt-$command: exit $status: $output"
			return 1
		fi
	done
	[ "$(sha256sum <"$EVT_JOURNAL")" = "$before" ]
}

overwrite() { # PAGE BYTES
	printf '%s' "$2" | dd of="$EVT_JOURNAL" bs=4096 seek="$1" conv=notrunc status=none
}

@test "truncated: damaged, exit 65" {
	make_journal
	truncate -s 5000 "$EVT_JOURNAL"
	all_say 65 'damaged; keep the file and see "DAMAGE" in evt-journal(5)'
}

@test "pages overwritten: damaged, exit 65" {
	make_journal
	local page pages
	pages=$(query 'PRAGMA page_count')
	for ((page = 1; page < pages; page++)); do
		overwrite "$page" 'these bytes are of another file, which a disk has put here'
	done
	all_say 65 'damaged; keep the file and see "DAMAGE" in evt-journal(5)'
}

@test "bits flipped in the header, and text: no database, exit 65" {
	make_journal
	overwrite 0 'SQMite format 3'
	all_say 65 'see "DAMAGE" in evt-journal(5)'
	echo 'Dear diary' >"$EVT_JOURNAL"
	all_say 65 'see "DAMAGE" in evt-journal(5)'
}

place_of() { # TEXT: the offset of its last occurrence in the journal
	grep -abo -- "$1" "$EVT_JOURNAL" | tail -n 1 | cut -d: -f1
}

@test "a damaged page, and one flipped bit in a payload, are found by the check the manual names" {
	make_journal
	[ "$(recipe Check)" = 'evt-status --verify' ]
	[ "$(evt-status --verify)" = 'the database is sound, and 200 payloads are as they were received' ]
	local at
	at=$(place_of '"id":"e150"')
	printf '\x62' | dd of="$EVT_JOURNAL" bs=1 seek=$((at + 2)) conv=notrunc status=none # i -> b
	[ "$(query 'pragma integrity_check')" = ok ]
	run evt-status --verify
	[ "$status" -eq 65 ]
	[[ $output == *'shop e150: its payload is not as it was received'* ]]
	[[ $output == *'1 findings in the journal: keep the file and see "DAMAGE" in evt-journal(5)'* ]]
	overwrite $((at / 4096)) zeros
	run evt-status --verify
	[ "$status" -eq 65 ]
	[[ $output == *'see "DAMAGE" in evt-journal(5)'* ]]
}

@test "another program's database, and a newer journal: refused, exit 65" {
	sqlite3 "$EVT_JOURNAL" 'create table t (x)'
	all_say 65 'not a journal of evt: name another file'
	rm "$EVT_JOURNAL"
	make_journal
	sqlite3 "$EVT_JOURNAL" 'pragma user_version = 999'
	all_say 65 'upgrade evt'
}

@test "a folder, or a device, for a journal: refused, exit 65, and nothing is made beside it" {
	local command
	for command in 'receive -s shop' transform deliver retry status prune; do
		# shellcheck disable=SC2086 # options
		EVT_JOURNAL=${EVT_JOURNAL%/*} run evt-$command <<<"$LINE"
		[ "$command: $status" = "$command: 65" ]
		[[ $output == *"it is a folder: name a file in it (-j, EVT_JOURNAL)"* ]]
		# shellcheck disable=SC2086 # options
		EVT_JOURNAL=/dev/full run evt-$command <<<"$LINE"
		[ "$command: $status" = "$command: 65" ]
		[[ $output == *"journal /dev/full: it is no regular file: name another (-j, EVT_JOURNAL)"* ]]
	done
	[ -z "$(ls "${EVT_JOURNAL%/*}")" ]
	[ ! -e "${EVT_JOURNAL%/*}-lock" ] && [ ! -e /dev/full-lock ]
}

@test "missing: exit 66 for those that read; with a WAL that holds events, it is not made anew" {
	for command in status prune retry; do
		run evt-$command
		[ "$command: $status" = "$command: 66" ]
		[[ $output == *"journal $EVT_JOURNAL: No such file or directory: -j or EVT_JOURNAL name another"* ]]
	done
	take 1 3
	[ -s "$EVT_JOURNAL-wal" ]
	cp "$EVT_JOURNAL" "$BATS_TEST_TMPDIR/kept.db"
	: >"$EVT_JOURNAL"
	all_say 65 'holds events: put it back'
	rm "$EVT_JOURNAL"
	run evt-receive -s shop <<<'{"id":"new"}'
	[ "$status" -eq 65 ]
	[[ $output == *'holds events: put it back'* ]]
	[ ! -e "$EVT_JOURNAL" ]
	cp "$BATS_TEST_TMPDIR/kept.db" "$EVT_JOURNAL"
	[ "$(query 'select count(*) from history')" = 3 ]
}

as_nobody() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
	command -v setpriv >/dev/null || skip 'no setpriv'
	AS='setpriv --reuid 65534 --regid 65534 --clear-groups'
	$AS test -r "$EVT_CONFIG" || chmod -R a+rX "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	$AS test -x "$BUILD/evt-status" || skip 'nobody cannot read the build'
}

@test "another user's journal: exit 74 with the owner's name" {
	make_journal
	as_nobody
	chmod 600 "$EVT_JOURNAL"
	all_say 74 'it belongs to root (user 0), mode 0600: run as its owner'
}

@test "a journal that is read-only: it can be read, and who would write is told" {
	make_journal
	as_nobody
	chmod 644 "$EVT_JOURNAL"
	all_say 74 'may not write it; it belongs to root' 'receive -s shop' transform deliver retry prune
}

@test "what root makes beside a journal belongs to the journal's owner" {
	make_journal
	as_nobody
	rm "$EVT_JOURNAL-lock"
	chown -R 65534:65534 "${EVT_JOURNAL%/*}"
	chmod 700 "${EVT_JOURNAL%/*}"
	evt-prune -q >/dev/null
	$AS "$BUILD/evt-prune" -q >/dev/null
}

@test "no inodes, a network file system, and errors of the disk: exit 74" {
	[ -e "$BUILD/tests/fault.so" ] || skip "no fault.so here (sanitizers, or not Linux)"
	# A broken disk, as fault.so plays it. No journal yet, then one.
	AS="env LD_PRELOAD=$BUILD/tests/fault.so"
	EVT_FAULT='open */journal.db 1+ ENOSPC' run $AS evt-receive -s shop <<<'{"id":"a"}'
	[ "$status" -eq 74 ]
	[[ $output == *'no room for a new file: see df -h, and df -i for inodes'* ]]
	EVT_FAULT='open */journal.db-lock 1+ ENOSPC' run $AS evt-receive -s shop <<<'{"id":"a"}'
	[ "$status" -eq 74 ]
	[[ $output == *'no room for a new file: see df -h, and df -i for inodes'* ]]
	EVT_FAULT='open */journal.db-wal 1+ ENOSPC' run $AS evt-receive -s shop <<<'{"id":"a"}'
	[ "$status" -eq 74 ]
	[[ $output == *'(No space left on device)'*'df -i'* ]]
	rm -f "$EVT_JOURNAL"*
	make_journal
	export EVT_FAULT='statfs * 1+ nfs'
	all_say 74 'network file system (NFS): keep it on a local disk'
	EVT_NETWORK_FS=allow run $AS evt-retry
	[ "$status" -eq 0 ]
	[[ $output == *'evt-retry: journal '*'it lies on a network file system (NFS): if another host opens it too, it will be damaged'* ]]
	export EVT_FAULT='read */journal.db 1+ EIO'
	all_say 74 "disk I/O error (Input/output error): nothing of this was journaled; see what the system's log says"
	EVT_FAULT='open */journal.db 1+ EMFILE'
	all_say 74 'Too many open files'
}

# in_memory OPTIONS: a file system of its own at $MOUNTED, with EVT_JOURNAL in it.
in_memory() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to mount'
	MOUNTED=$BATS_TEST_TMPDIR/mounted
	mkdir "$MOUNTED"
	if ! mount -t tmpfs -o "$1" none "$MOUNTED"; then
		MOUNTED=
		skip 'cannot mount here'
	fi
	EVT_JOURNAL=$MOUNTED/journal.db
}

@test "a full inode table: exit 74, whichever file it is that cannot be made; with room again, all is well" {
	local inodes command
	in_memory nr_inodes=2
	for inodes in 2 3 4; do # a folder and the database; its lock; its WAL
		mount -o "remount,nr_inodes=$inodes" "$MOUNTED"
		for command in 'receive -s shop' transform deliver retry prune; do
			# shellcheck disable=SC2086 # options
			run evt-$command <<<"$LINE"
			[ "$inodes $command: $status" = "$inodes $command: 74" ]
			[[ $output == *'no room for a new file: see df -h, and df -i for inodes'* ]] ||
				[[ $output == *'(no inode is left): SQLite must be able to make files beside it'*'see df -i'* ]]
		done
	done
	mount -o remount,nr_inodes=20 "$MOUNTED"
	take 1 3
	[ "$(query 'select count(*) from history; pragma integrity_check' | paste -sd' ')" = '3 ok' ]
}

@test "a file system that is mounted read-only: exit 74 and said" {
	make_journal
	local made=$EVT_JOURNAL
	in_memory size=16m
	cp "$made" "$EVT_JOURNAL"
	mount -o remount,ro "$MOUNTED"
	all_say 74 'Read-only file system'
}

# mounted TYPE COMMAND...: mounts a file system of FUSE at $BATS_TEST_TMPDIR/mounted, and points EVT_JOURNAL there. TYPE is what it says it is.
mounted() {
	local type=$1
	shift
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to mount'
	[ -w /dev/fuse ] || skip 'no /dev/fuse'
	command -v "$1" >/dev/null || skip "no $1"
	MOUNTED=$BATS_TEST_TMPDIR/mounted
	mkdir "$MOUNTED" "$BATS_TEST_TMPDIR/beneath"
	"$@" "$MOUNTED" 3>&- || skip "$1 cannot mount here"
	wait_until grep -q " $MOUNTED .* - $type " /proc/self/mountinfo
	EVT_JOURNAL=$MOUNTED/journal.db
}

teardown() {
	[ -z "${MOUNTED-}" ] || umount "$MOUNTED"
	evt_teardown
}

@test "a folder of another host (sshfs): refused, with nothing made in it, or warned of" {
	[ -x /usr/lib/openssh/sftp-server ] || skip 'no sftp-server'
	printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >"$BATS_TEST_TMPDIR/ssh"
	chmod +x "$BATS_TEST_TMPDIR/ssh"
	mounted fuse.sshfs sshfs -o "ssh_command=$BATS_TEST_TMPDIR/ssh" "host:$BATS_TEST_TMPDIR/beneath"
	run evt-receive -s shop <<<'{"id":"a"}'
	[ "$status" -eq 74 ]
	[[ $output == *'it lies on a network file system (sshfs): keep it on a local disk, or see EVT_NETWORK_FS in evt(7)'* ]]
	[ -z "$(ls "$MOUNTED")" ]
	export EVT_NETWORK_FS=allow
	run evt-receive -s shop <<<'{"id":"a"}'
	[[ $output == *'it lies on a network file system (sshfs): if another host opens it too, it will be damaged'* ]]
	[ -e "$EVT_JOURNAL" ]
}

@test "FUSE over a local disk (bindfs) is a local disk; FUSE of somebody's own is warned of" {
	mounted fuse.bindfs bindfs -o subtype=bindfs "$BATS_TEST_TMPDIR/beneath"
	run evt-receive -s shop <<<'{"id":"a"}'
	[ "$status" -eq 0 ]
	[[ $output != *'it lies on'* ]]
	umount "$MOUNTED"
	bindfs -o subtype=somebodys "$BATS_TEST_TMPDIR/beneath" "$MOUNTED" 3>&-
	run evt-receive -s shop <<<'{"id":"b"}'
	[ "$status" -eq 0 ]
	[[ $output == *'it lies on a file system that evt does not know (fuse.somebodys): if another host opens it too'* ]]
	[ "$(query 'select count(*) from history')" -eq 2 ]
}

# ---- the recipes of evt-journal(5) ----

# recipe SUBSECTION: the commands under it.
recipe() {
	awk -v title=".Ss $1" '/^\.S[sh]/ { on = $0 == title } /^\.Ed/ { inside = 0 } on && inside
		on && /^\.Bd -literal/ { inside = 1 }' "$EVT_ROOT/man/evt-journal.5"
}

run_recipe() {
	local text
	text=$(recipe "$1")
	[ -n "$text" ]
	bash -eu -c "$text" 3>&-
}

# A journal from a copy is in every way as one that evt has made.
is_as_made() {
	[ "$(stat -c %a "$EVT_JOURNAL")" = 600 ]
	[ "$(query 'pragma integrity_check')" = ok ]
	[ "$(query 'pragma journal_mode')" = wal ]
	[ "$(query 'pragma auto_vacuum')" = 2 ]
}

@test "backup while events come in, more are taken, restore: the journal of that instant, and evt goes on with it" {
	start_destination
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"record\": \"/id\"}"
	take 1 100
	deliver_due
	start_receiver
	seq 101 400 | xargs -P 4 -I N curl -s -o /dev/null -d '{"id":"eN"}' "$RECEIVE_URL/shop" &
	local poster=$!
	wait_until has_status e110 received
	run_recipe Backup
	wait "$poster"
	stop "$RECEIVE_PID"
	[ "$(query 'select count(*) from history')" = 400 ]
	[ "$(stat -c %a "$BACKUP")" = 600 ]
	run_recipe Restore
	local kept
	kept=$(query 'select count(*) from history')
	[ "$kept" -ge 110 ]
	[ "$kept" -le 400 ]
	[ "$(query "select count(*) from history where status = 'delivered'")" = 100 ]
	take 1 400
	[ "$(query 'select count(*), count(distinct id) from history')" = '400|400' ]
	deliver_due
	deliver_due
	is_as_made
	[ "$(query "select count(*) from history where status = 'delivered'")" = 400 ]
	[ "$(wc -l <"$DEST_LOG")" -eq 400 ]
}

# The other host has a folder, a configuration and a journal of its own; the old one stays, stopped.
move_to() {
	mkdir "$1"
	cp -R "$EVT_CONFIG" "$1/config"
	cp "$BACKUP" "$1/copy.db"
	export EVT_CONFIG=$1/config EVT_JOURNAL=$1/journal.db BACKUP=$1/copy.db
}

@test "moving to another host: backup, copy, restore; nothing is lost, nothing is sent twice" {
	start_destination
	write_destination api <<<"{\"url\": \"$DEST_URL/\", \"record\": \"/id\"}"
	take 1 50
	deliver_due
	take 51 80
	evt-retry >/dev/null # claimed when evt stopped
	take 81 100
	run_recipe Backup
	move_to "$BATS_TEST_TMPDIR/host"
	run_recipe Restore
	deliver_due
	[ "$(query "select status, count(*) from history group by 1 order by 1" | paste -sd' ')" = 'delivered|70 processing|30' ]
	end_leases # as time does
	deliver_due
	[ "$(query "select count(*) from history where status = 'delivered'")" = 100 ]
	[ "$(wc -l <"$DEST_LOG")" -eq 100 ]
	take 1 100
	[ "$(query 'select count(*) from history')" = 100 ]
	is_as_made
}

@test "a backup with .backup is as good" {
	take 1 50
	sqlite3 -readonly "$EVT_JOURNAL" ".backup '$BATS_TEST_TMPDIR/copy.db'"
	rm "$EVT_JOURNAL"*
	install -m 600 "$BATS_TEST_TMPDIR/copy.db" "$EVT_JOURNAL"
	take 40 60
	is_as_made
	[ "$(query 'select count(*) from history')" = 60 ]
}

has_followed() { # ID: the replica holds it
	rm -f "$BACKUP"*
	run_recipe Litestream | tail -n 1
	[ "$(sqlite3 -readonly "$BACKUP" "select count(*) from history where id = '$1'")" = 1 ]
}

@test "Litestream: a copy that follows while events come in, restored; evt-prune says what stands in its way" {
	command -v litestream >/dev/null || skip 'no litestream (npm has it: @flydotio/litestream)'
	export REPLICA=$BATS_TEST_TMPDIR/replica
	local replicate restore
	{ read -r replicate && read -r restore; } <<<"$(recipe Litestream)"
	[[ $replicate == *replicate* && $restore == *restore* ]]
	recipe() { echo "$restore"; }
	take 1 50
	spawn litestream bash -c "exec $replicate" </dev/null >/dev/null
	local litestream=$PID
	start_receiver
	seq 51 300 | xargs -P 4 -I N curl -s -o /dev/null -d '{"id":"eN"}' "$RECEIVE_URL/shop"
	[ "$(post shop '{"id":"last"}')" = 202 ]
	stop "$RECEIVE_PID"
	wait_until has_followed last
	run evt-prune --payloads 0s
	[ "$status" -eq 75 ]
	[[ $output == *'not yet erased'* ]]
	stop "$litestream"
	evt-prune -q --payloads 0s
	evt-status --verify
	rm "$EVT_JOURNAL"*
	install -m 600 "$BACKUP" "$EVT_JOURNAL"
	take 1 310
	is_as_made
	[ "$(query 'select count(*), count(distinct id) from history')" = '311|311' ]
}

@test "rescue: what can be read of a damaged journal goes on in a new one" {
	make_journal
	local at
	at=$(place_of '"id":"e150"')
	overwrite $((at / 4096)) 'these bytes are of another file, which a disk has put here'
	[ "$(run_recipe 'Save what can be read' | tail -n 1)" = ok ]
	run_recipe Restore
	[ "$(query 'select count(*) from history')" = 200 ]
	take 150 250
	is_as_made
	[ "$(query 'select count(*) from history')" = 250 ]
}
