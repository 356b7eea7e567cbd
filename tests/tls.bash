# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # variables for the tests
# For tests of evt-deliver with TLS: an authority of one's own, a server that has its certificate, and lines for it. Load it behind lib.bash.

setup() {
	evt_setup
	command -v openssl >/dev/null || skip 'no openssl'
}

# line ID: for the destination crm.
line() {
	printf '{"specversion":"1.0","id":"%s","source":"shop","type":"t","evtdestination":"crm","data":{"a":1}}\n' "$1"
}

history_of() { # ID COLUMNS
	query "select $2 from history where id = '$1'"
}

code_of() {
	query "select code from delivery d join event e on e.seq = d.event where e.id = '$1'"
}

# make_authority: a CA, and what it has signed: server.{crt,key} for localhost, 127.0.0.1 and api.invalid, client.{crt,key}.
make_authority() {
	local name
	cd "$EVT_CONFIG" || return
	(
		umask 077
		openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=evt test CA' -keyout ca.key -out ca.crt
		for name in server client; do
			openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
			openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out $name.crt \
				-extfile <(echo 'subjectAltName=DNS:localhost,DNS:api.invalid,IP:127.0.0.1')
		done
	) 2>/dev/null
	cd - >/dev/null || return
}

tls_port() {
	sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$BATS_TEST_TMPDIR/tls.out" | grep .
}

# start_tls [OPTIONS of openssl s_server]: answers every GET with 200 and a page about the session.
start_tls() {
	rm -f "$BATS_TEST_TMPDIR/tls.out"
	spawn tls openssl s_server -accept 127.0.0.1:0 -key "$EVT_CONFIG/server.key" -cert "$EVT_CONFIG/server.crt" -www "$@" \
		</dev/null >"$BATS_TEST_TMPDIR/tls.out"
	wait_until tls_port
	TLS_PID=$PID
}
