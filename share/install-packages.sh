#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, through the system's package manager; says nothing when nothing is.
#   sh share/install-packages.sh [build] [demo] [test] [mounts] [lint] [fuzz] [package] [bench]
set -eu

libraries='sqlite3 jansson libcurl nettle hogweed libpcre2-8 zlib'

have() {
	command -v "$1" >/dev/null 2>&1
}

have_all() {
	for command in "$@"; do
		have "$command" || return 1
	done
}

# Is all there that a group needs?
has_group() {
	case $1 in
	build)
		# shellcheck disable=SC2086 # a list of words
		have_all cc make pkg-config && pkg-config --exists $libraries &&
			echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1
		;;
	demo) have_all curl openssl sqlite3 && pkg-config --exists libmicrohttpd libssl ;;
	test) have_all bats curl jq openssl pgrep sqlite3 && pkg-config --exists cmocka libmicrohttpd libssl ;;
	# File systems that the tests mount, where they may.
	mounts) [ "$manager" != apt ] || { have_all sshfs bindfs && [ -x /usr/lib/openssh/sftp-server ]; } ;;
	# Only Debian and its kin have packages of this kind to make.
	package) [ "$manager" != apt ] || have_all dh dpkg-buildpackage lintian faketime ;;
	bench) (PATH=$PATH:/usr/sbin && have_all nginx node npm webhook wrk inetd curl jq sqlite3) ;;
	lint) have_all clang clang-tidy clang-format shellcheck mandoc ;;
	fuzz)
		have_all clang &&
			echo 'int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n) { return b && n ? 0 : 0; }' |
			clang -fsanitize=fuzzer,address,undefined -o /dev/null -x c - >/dev/null 2>&1
		;;
	esac
}

packages() {
	case $1-$2 in
	apt-build) echo gcc libc6-dev make pkg-config ca-certificates libsqlite3-dev libjansson-dev libcurl4-openssl-dev nettle-dev libpcre2-dev zlib1g-dev ;;
	apt-test) echo bats curl jq openssl procps sqlite3 libcmocka-dev libmicrohttpd-dev libssl-dev ;;
	apt-lint) echo clang clang-tidy clang-format shellcheck mandoc ;;
	apt-fuzz) echo clang libclang-rt-dev ;;
	dnf-build) echo gcc make pkgconf-pkg-config sqlite-devel jansson-devel libcurl-devel nettle-devel pcre2-devel zlib-devel ;;
	dnf-test) echo bats curl jq openssl procps-ng sqlite libcmocka-devel libmicrohttpd-devel openssl-devel libasan libubsan ;;
	dnf-lint) echo clang clang-tools-extra ShellCheck mandoc ;;
	dnf-fuzz) echo clang compiler-rt ;;
	apk-build) echo gcc musl-dev make pkgconf sqlite-dev jansson-dev curl-dev nettle-dev pcre2-dev zlib-dev ;;
	apk-test) echo bats curl jq openssl procps sqlite cmocka-dev libmicrohttpd-dev openssl-dev ;;
	apk-lint) echo clang clang-extra-tools shellcheck mandoc ;;
	apk-fuzz) echo clang compiler-rt ;;
	brew-build) echo make pkgconf sqlite jansson curl nettle pcre2 zlib ;;
	brew-test) echo bats-core jq cmocka libmicrohttpd openssl@3 ;;
	brew-lint) echo llvm shellcheck mandoc ;;
	brew-fuzz) echo llvm ;;
	apt-demo) echo curl openssl sqlite3 libmicrohttpd-dev libssl-dev ;;
	apt-mounts) echo sshfs bindfs openssh-sftp-server ;;
	apt-package) echo build-essential debhelper lintian faketime libcmocka-dev ;;
	apt-bench) echo nginx-light nodejs npm webhook wrk openbsd-inetd curl jq sqlite3 libmicrohttpd-dev libssl-dev ;;
	dnf-bench) echo nginx nodejs npm wrk curl jq sqlite libmicrohttpd-devel openssl-devel ;;
	apk-bench) echo nginx nodejs npm curl jq sqlite libmicrohttpd-dev openssl-dev ;;
	brew-bench) echo nginx node wrk jq libmicrohttpd openssl@3 ;;
	dnf-demo) echo curl openssl sqlite libmicrohttpd-devel openssl-devel ;;
	apk-demo) echo curl openssl sqlite libmicrohttpd-dev openssl-dev ;;
	brew-demo) echo libmicrohttpd openssl@3 ;;
	esac
}

manager() {
	for name in apt-get dnf apk brew; do
		if have $name; then
			echo ${name%-get}
			return
		fi
	done
	echo none
}

as_root() {
	echo "install-packages: $*" >&2
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		echo 'install-packages: no sudo: run that line as root, then try again' >&2
		exit 69
	fi
}

manager=$(manager)
wanted=
for group in "$@"; do
	has_group "$group" || wanted="$wanted $(packages "$manager" "$group")"
done
[ -n "$wanted" ] || exit 0

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # $wanted is a list of words
case $manager in
apt)
	as_root apt-get update -q
	as_root apt-get install -q -y --no-install-recommends $wanted
	;;
dnf) as_root dnf install -y $wanted ;;
apk) as_root apk add $wanted ;;
brew) brew install $wanted ;;
none)
	echo "install-packages: no apt-get, dnf, apk or brew here; evt needs: cc make pkg-config $libraries; demo: curl openssl sqlite3; tests: bats jq cmocka" >&2
	exit 69
	;;
esac
