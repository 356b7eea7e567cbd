#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# evt-deliver: the way to a destination: TLS both ways, HTTP/2, proxies, and addresses that must not be connected to.

load ../lib
load ../tls

crm() { # [MEMBERS]
	write_destination crm <<<"{\"url\": \"https://127.0.0.1:$(tls_port)/\", \"method\": \"GET\"${1:+, $1}}"
}

@test "a certificate of the file's own authority is trusted, of another not" {
	make_authority
	start_tls
	crm '"tls": {"ca_file": "ca.crt"}'
	line e1 | evt-deliver
	[ "$(history_of e1 'status, http_status')" = 'delivered|200' ]
	crm
	line e2 | evt-deliver
	[[ "$(history_of e2 'status, error')" == 'retrying|no secure connection to '*certificate* ]]
	[ "$(code_of e2)" = tls ]
}

@test "one process, two destinations at one address: each by its own file" {
	make_authority
	start_tls
	crm '"tls": {"ca_file": "ca.crt"}'
	write_destination plain <<<"{\"url\": \"https://127.0.0.1:$(tls_port)/\", \"method\": \"GET\"}"
	{
		line e1
		line e2 | sed s/crm/plain/
		line e3
	} | evt-deliver
	[ "$(history_of e1 status)$(history_of e2 status)$(history_of e3 status)" = deliveredretryingdelivered ]
}

@test "a client certificate proves who we are, where it is asked for" {
	make_authority
	start_tls -Verify 1 -verify_return_error -CAfile "$EVT_CONFIG/ca.crt"
	crm '"tls": {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}'
	line e1 | evt-deliver
	[ "$(history_of e1 'status, http_status')" = 'delivered|200' ]
	query "select cast(body as text) from answer" | grep -Eq "CN ?= ?client"
	crm '"tls": {"ca_file": "ca.crt"}'
	line e2 | evt-deliver
	[ "$(history_of e2 status)" = retrying ]
	[ "$(query "select count(*) from answer")" -eq 1 ]
}

@test "a client's key within reach of others is refused, as is half a pair" {
	make_authority
	chmod 644 "$EVT_CONFIG/client.key"
	write_destination crm <<<'{"url": "https://h/", "tls": {"cert_file": "client.crt", "key_file": "client.key"}}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'/tls/key_file: client.key: others can reach it'* ]]
	write_destination crm <<<'{"url": "https://h/", "tls": {"cert_file": "client.crt"}}'
	run evt-deliver -d crm </dev/null
	[[ $output == *'/tls: "cert_file" and "key_file" belong together'* ]]
	write_destination crm <<<'{"url": "https://h/", "tls": {"ca_file": "none.crt"}}'
	run evt-deliver -d crm </dev/null
	[[ $output == *'/tls/ca_file: none.crt: No such file'* ]]
}

@test "TLS 1.1 is not spoken; with a minimum of 1.3, nor is 1.2" {
	make_authority
	start_tls -tls1_1 -cipher DEFAULT@SECLEVEL=0
	crm '"tls": {"ca_file": "ca.crt"}'
	line e1 | evt-deliver
	[ "$(history_of e1 status)" = retrying ]
	[ "$(code_of e1)" = tls ]
	stop "$TLS_PID"
	start_tls -tls1_2
	crm '"tls": {"ca_file": "ca.crt"}'
	line e2 | evt-deliver
	[ "$(history_of e2 status)" = delivered ]
	crm '"tls": {"ca_file": "ca.crt", "minimum": "1.3"}'
	line e3 | evt-deliver
	[ "$(code_of e3)" = tls ]
}

nginx_answers() {
	curl -sk -o "$BATS_TEST_TMPDIR/probe" "https://127.0.0.1:$1/"
}

@test "HTTP/2 is spoken where it is offered" {
	command -v nginx >/dev/null || PATH=$PATH:/usr/sbin
	command -v nginx >/dev/null || skip 'no nginx'
	nginx -V 2>&1 | grep -q http_v2 || skip 'nginx without HTTP/2'
	make_authority
	local port
	port=$(shuf -i 20000-30000 -n 1)
	cat >"$BATS_TEST_TMPDIR/nginx.conf" <<-END
		daemon off; pid $BATS_TEST_TMPDIR/nginx.pid; error_log stderr; worker_processes 1; master_process off;
		events {}
		http {
			access_log off; client_body_temp_path $BATS_TEST_TMPDIR; proxy_temp_path $BATS_TEST_TMPDIR;
			fastcgi_temp_path $BATS_TEST_TMPDIR; uwsgi_temp_path $BATS_TEST_TMPDIR; scgi_temp_path $BATS_TEST_TMPDIR;
			server {
				listen 127.0.0.1:$port ssl http2;
				ssl_certificate $EVT_CONFIG/server.crt; ssl_certificate_key $EVT_CONFIG/server.key;
				location / { default_type application/json; return 200 '{"id":"\$server_protocol"}'; }
			}
		}
	END
	spawn nginx nginx -e stderr -c "$BATS_TEST_TMPDIR/nginx.conf" </dev/null >/dev/null
	wait_until nginx_answers "$port"
	write_destination crm <<<"{\"url\": \"https://127.0.0.1:$port/\", \"record\": \"/id\", \"tls\": {\"ca_file\": \"ca.crt\"}}"
	for i in 1 2 3 4 5; do line "e$i"; done | evt-deliver
	[ "$(query 'select distinct status, destination_record from history')" = 'delivered|HTTP/2.0' ]
}

@test "private addresses are refused where the file says so, by number, by name, and for tokens too" {
	start_destination
	write_secret client.secret s3cret
	local url
	for url in "$DEST_URL" "http://localhost:$DEST_PORT" "http://[::ffff:127.0.0.1]:$DEST_PORT"; do
		write_destination crm <<<"{\"url\": \"$url/\", \"private_addresses\": false, \"plain_http\": true}"
		line "$url" | evt-deliver
		[[ "$(history_of "$url" 'status, attempts, error')" == 'retrying|1|not sent: the address of '*' is private'* ]]
		[ "$(code_of "$url")" = private ]
	done
	write_destination crm <<<"{\"url\": \"https://example.com/\", \"private_addresses\": false, \"auth\": {\"scheme\": \"oauth2\",
		\"token_url\": \"$DEST_URL/token\", \"client_id\": \"me\", \"client_secret_file\": \"client.secret\"}}"
	line e2 | evt-deliver
	[[ "$(history_of e2 'status, error')" == 'retrying|no access token from '*'its address is private' ]]
	[ -z "$(requests)" ]
}

@test "private addresses are refused over a connection that another destination has opened" {
	start_destination
	write_destination open <<<"{\"url\": \"$DEST_URL/open\"}"
	write_destination crm <<<"{\"url\": \"$DEST_URL/crm\", \"private_addresses\": false}"
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 8<>"$BATS_TEST_TMPDIR/in"
	spawn deliver evt-deliver <"$BATS_TEST_TMPDIR/in" 8>&-
	line e1 | sed s/crm/open/ >&8
	wait_until has_status e1 delivered
	line e2 >&8
	wait_until has_status e2 retrying
	exec 8>&-
	[ "$(requests .path)" = '"/open"' ]
}

@test "a proxy of the file's own, with its password; \"\" is none, whatever the environment says" {
	start_destination
	write_secret proxy.secret 'pa:ss'
	write_destination crm <<<"{\"url\": \"http://api.invalid/x\", \"plain_http\": true, \"proxy\": \"$DEST_URL\",
		\"proxy_auth\": {\"user\": \"me\", \"password_file\": \"proxy.secret\"}}"
	line e1 | evt-deliver
	[ "$(history_of e1 status)" = delivered ]
	[[ "$(requests .path)" == *'api.invalid/x"' ]]
	[ "$(requests '.headers["proxy-authorization"]')" = "\"Basic $(printf me:pa:ss | base64)\"" ]
	write_destination crm <<<"{\"url\": \"$DEST_URL/direct\", \"proxy\": \"\"}"
	line e2 | http_proxy=http://127.0.0.1:1 evt-deliver
	[ "$(history_of e2 status)" = delivered ]
	write_destination crm <<<'{"url": "https://h/", "proxy": "ftp://h"}'
	run evt-deliver -d crm </dev/null
	[ "$status" -eq 78 ]
	[[ $output == *'/proxy: expected an address'* ]]
	write_destination crm <<<'{"url": "https://h/", "proxy": "http://u:p@h"}'
	run evt-deliver -d crm </dev/null
	[[ $output == *'/proxy: a name and password do not belong'* ]]
	write_destination crm <<<'{"url": "https://h/", "proxy": "http://h", "private_addresses": false}'
	run evt-deliver -d crm </dev/null
	[[ $output == *'/private_addresses: the proxy alone sees'* ]]
}
