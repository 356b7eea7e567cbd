#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# share/install-packages.sh with package managers that only say what they were asked for.

load ../lib

installer=$EVT_ROOT/share/install-packages.sh

# A machine with a shell and this package manager, and nothing else.
machine_with() { # MANAGER USER-ID
	bin=$BATS_TEST_TMPDIR/$1
	mkdir -p "$bin"
	ln -s "$(command -v sh)" "$bin/sh"
	stub "$1" "echo '$1' \"\$@\""
	stub id "echo $2"
}

stub() { # NAME SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}

install_there() {
	run env PATH="$bin" sh "$installer" "$@"
}

@test "where all is there it says nothing and asks for nothing" {
	for group in build demo test; do
		run sh "$installer" "$group"
		[ "$status" -eq 0 ]
		[ "$output" = '' ]
	done
}

@test "as root on Debian: apt-get update first, then what is missing" {
	machine_with apt-get 0
	install_there build demo
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = 'apt-get update -q' ]
	[[ "${lines[3]}" == 'apt-get install -q -y --no-install-recommends '*gcc*libjansson-dev*curl*libmicrohttpd-dev* ]]
}

@test "not as root it uses sudo, and without sudo says what root has to do" {
	machine_with apt-get 1000
	install_there build
	[ "$status" -eq 69 ]
	[[ "$output" == *'apt-get update'*'as root'* ]]
	stub sudo 'echo sudo "$@"'
	install_there build
	[ "$status" -eq 0 ]
	[[ "$output" == *'sudo apt-get install'* ]]
}

@test "Fedora, Alpine and macOS each have their own names" {
	machine_with dnf 0
	install_there build
	[[ "$output" == *'dnf install -y '*sqlite-devel* ]]
	machine_with apk 0
	install_there build
	[[ "$output" == *'apk add '*musl-dev* ]]
	machine_with brew 501
	install_there build test
	[[ "$output" == *'brew install '*nettle*libmicrohttpd*openssl@3* ]]
}

@test "without a package manager it says what is needed" {
	machine_with none 0
	install_there build
	[ "$status" -eq 69 ]
	[[ "$output" == *sqlite3* ]]
}
