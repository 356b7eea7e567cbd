#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the senders' own libraries sign, evt-receive takes; with one byte changed it does not. The libraries come from npm, where that is.

load ../lib

PACKAGES=(standardwebhooks svix stripe @octokit/webhooks-methods twilio @hubspot/api-client)

# Into a folder under $BUILD, once; its place is $MODULES.
install_libraries() {
	local dir=$BUILD/npm-senders package
	if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
		skip 'no node or npm here'
	fi
	MODULES=$dir/node_modules
	for package in "${PACKAGES[@]}"; do
		[ -d "$MODULES/$package" ] && continue
		mkdir -p "$dir"
		(cd "$dir" && timeout 240 npm install --silent --no-audit --no-fund --no-save --no-package-lock --ignore-scripts \
			--fetch-retries=1 --fetch-timeout=20000 "${PACKAGES[@]}" >"$BATS_TEST_TMPDIR/npm.log" 2>&1 3>&-) ||
			skip "npm has no registry to install from: $(head -n 1 "$BATS_TEST_TMPDIR/npm.log")"
		break
	done
}

# source_of NAME SCHEME SECRET-FILE [MEMBERS]
source_of() {
	write_source "$1" <<<"{\"verify\": {\"scheme\": \"$2\", \"secret_file\": \"$3\"}, \"type\": \"const:t\", \"destinations\": {}${4:+, $4}}"
}

@test "requests that the senders' own libraries have signed are taken, and refused when a byte is changed" {
	install_libraries
	local public=https://hooks.example.com/in name
	write_secret whsec.secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
	write_secret plain.secret "It's a Secret to Everybody"
	write_secret twilio.secret 12345
	source_of standardwebhooks standard-webhooks whsec.secret
	source_of svix standard-webhooks whsec.secret
	source_of stripe stripe whsec.secret
	source_of octokit github plain.secret
	source_of hubspot hubspot-v3 plain.secret "\"public_url\": \"$public/hubspot\""
	for name in twilio-form twilio-json; do
		source_of "$name" twilio twilio.secret "\"public_url\": \"$public/$name\", \"form\": \"object\""
	done
	start_receiver
	node "$EVT_ROOT/tests/tools/senders.mjs" "$MODULES" "$RECEIVE_URL" "$public" >"$BATS_TEST_TMPDIR/statuses"
	cat "$BATS_TEST_TMPDIR/statuses"
	[ "$(awk '{ print $2, $3 }' "$BATS_TEST_TMPDIR/statuses" | sort | uniq -c | tr -s ' ')" = ' 7 202 401' ]
	[ "$(query 'select count(*) from history')" = 7 ]
}
