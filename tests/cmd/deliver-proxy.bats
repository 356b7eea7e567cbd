#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# evt-deliver through proxies: a tunnel (CONNECT), SOCKS, one that is spoken to by TLS, and one that refuses.

load ../lib
load ../tls

# start_relay TARGET-PORT [OPTIONS of tests/tools/relay.c]: sets RELAY_PORT; what it was asked for is in relay.log.
start_relay() {
	local port=$BATS_TEST_TMPDIR/relay.port target=$1
	shift
	rm -f "$port"
	spawn relay "$BUILD/tests/relay" -P "$port" -t "$target" -l "$BATS_TEST_TMPDIR/relay.log" "$@" </dev/null >/dev/null
	wait_until test -s "$port" || return
	RELAY_PORT=$(<"$port")
}

relayed() {
	cat "$BATS_TEST_TMPDIR/relay.log"
}

# A name that no resolver knows: whoever connects to it got it from the proxy.
crm() { # MEMBERS
	write_destination crm <<<"{\"url\": \"https://api.invalid/x\", \"method\": \"GET\", \"tls\": {\"ca_file\": \"ca.crt\"}, $1}"
}

@test "https through a proxy's tunnel, with a password: the name is the proxy's to resolve, the certificate the destination's" {
	make_authority
	start_tls
	write_secret proxy.secret 'pa:ss'
	start_relay "$(tls_port)" -a me:pa:ss
	crm "\"proxy\": \"http://127.0.0.1:$RELAY_PORT\", \"proxy_auth\": {\"user\": \"me\", \"password_file\": \"proxy.secret\"}"
	line e1 | evt-deliver
	[ "$(history_of e1 'status, http_status')" = 'delivered|200' ]
	[ "$(relayed)" = 'connect api.invalid:443' ]
	# The proxy's 200 is no answer of the destination's.
	[[ "$(query 'select head from answer')" == 'HTTP/1.0 200 ok'* ]]
	write_destination crm <<<"{\"url\": \"https://api.invalid/x\", \"method\": \"GET\", \"proxy\": \"http://127.0.0.1:$RELAY_PORT\",
		\"proxy_auth\": {\"user\": \"me\", \"password_file\": \"proxy.secret\"}}"
	line e2 | evt-deliver
	[ "$(history_of e2 status)" = retrying ]
	[ "$(code_of e2)" = tls ]
}

@test "a proxy that refuses: told as that, never ambiguous, tried again" {
	make_authority
	start_tls
	write_secret proxy.secret wrong
	start_relay "$(tls_port)" -a me:right
	crm "\"ambiguous\": \"fail\", \"proxy\": \"http://127.0.0.1:$RELAY_PORT\", \"proxy_auth\": {\"user\": \"me\", \"password_file\": \"proxy.secret\"}"
	line e1 | evt-deliver
	[[ "$(history_of e1 'status, error')" == 'retrying|the proxy makes no connection to api.invalid: '*407* ]]
	[ "$(code_of e1)" = proxy ]
	crm "\"ambiguous\": \"fail\", \"proxy\": \"socks5h://127.0.0.1:$RELAY_PORT\", \"proxy_auth\": {\"user\": \"me\", \"password_file\": \"proxy.secret\"}"
	line e2 | evt-deliver
	[[ "$(history_of e2 'status, error')" == 'retrying|the proxy makes no connection to api.invalid: '* ]]
	[ "$(code_of e2)" = proxy ]
	crm '"ambiguous": "fail", "proxy": "http://127.0.0.1:1"'
	line e3 | evt-deliver
	[ "$(history_of e3 status)" = retrying ]
	[ "$(code_of e3)" = connect ]
	[[ "$(cat "$EVT_JOURNAL"*)" != *wrong* ]]
}

@test "SOCKS 5 with a password, SOCKS 4a: the proxy resolves; SOCKS 5 without the h, SOCKS 4: we do" {
	start_destination
	write_secret proxy.secret 'pa:ss'
	start_relay "$DEST_PORT" -a me:pa:ss
	write_destination crm <<<"{\"url\": \"http://api.invalid/x\", \"plain_http\": true, \"proxy\": \"socks5h://127.0.0.1:$RELAY_PORT\",
		\"proxy_auth\": {\"user\": \"me\", \"password_file\": \"proxy.secret\"}}"
	line e1 | evt-deliver
	start_relay "$DEST_PORT"
	write_destination crm <<<"{\"url\": \"http://api.invalid/x\", \"plain_http\": true, \"proxy\": \"socks4a://127.0.0.1:$RELAY_PORT\"}"
	line e2 | evt-deliver
	write_destination crm <<<"{\"url\": \"http://127.0.0.1:80/x\", \"proxy\": \"socks5://127.0.0.1:$RELAY_PORT\"}"
	line e3 | evt-deliver
	write_destination crm <<<"{\"url\": \"http://127.0.0.1:80/x\", \"proxy\": \"socks4://127.0.0.1:$RELAY_PORT\"}"
	line e4 | evt-deliver
	[ "$(query "select count(*) from history where status = 'delivered' and http_status = 201")" -eq 4 ]
	[ "$(relayed)" = $'socks5 api.invalid:80\nsocks4 api.invalid:80\nsocks5 127.0.0.1:80\nsocks4 127.0.0.1:80' ]
	[ "$(requests '.headers["proxy-authorization"]' | sort -u)" = null ]
}

@test "an https proxy: its certificate counts, by authorities of its own" {
	make_authority
	start_tls
	start_relay "$(tls_port)" -k "$EVT_CONFIG/server.key" -c "$EVT_CONFIG/server.crt"
	crm "\"proxy\": \"https://localhost:$RELAY_PORT\", \"proxy_ca_file\": \"ca.crt\""
	line e1 | evt-deliver
	[ "$(history_of e1 'status, http_status')" = 'delivered|200' ]
	[ "$(relayed)" = 'connect api.invalid:443' ]
	crm "\"proxy\": \"https://localhost:$RELAY_PORT\""
	line e2 | evt-deliver
	[ "$(history_of e2 status)" = retrying ]
	[ "$(code_of e2)" = tls ]
	[ "$(relayed | wc -l)" -eq 1 ] # it was told nothing
	crm '"proxy": "http://h", "proxy_ca_file": "ca.crt"'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'/proxy_ca_file: only a "proxy" of https:// shows a certificate'* ]]
	crm '"proxy_auth": {"user": "me", "password_file": "ca.key"}'
	run evt-deliver -d crm </dev/null
	[[ $output == *'/proxy_auth: there is no "proxy"'* ]]
}

@test "the environment's proxy, where the file has none" {
	make_authority
	start_tls
	start_relay "$(tls_port)"
	crm '"timeout": "30s"'
	line e1 | https_proxy=http://127.0.0.1:$RELAY_PORT evt-deliver
	[ "$(history_of e1 status)" = delivered ]
	crm '"private_addresses": false' # it must see the address itself
	line e2 | https_proxy=http://127.0.0.1:$RELAY_PORT evt-deliver
	[ "$(code_of e2)" = dns ]
	[ "$(relayed)" = 'connect api.invalid:443' ]
}
