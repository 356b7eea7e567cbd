#!/bin/sh
# SPDX-License-Identifier: MIT
# evt at work on this machine: builds it, posts a few hundred signed webhooks of two sources to a receiver, delivers them to a
# local API that sometimes answers 429, 503 and 422, retries, and shows the history. Leaves nothing running.
#   sh share/demo.sh
set -eu
cd "$(dirname "$0")/.."
sh share/install-packages.sh build demo
BUILD=${BUILD:-build}
BUILD=$(mkdir -p "$BUILD" && cd "$BUILD" && pwd)
echo "building (a minute on a small machine) ..."
make -s -j"$(getconf _NPROCESSORS_ONLN)" all "$BUILD/tests/destination" BUILD="$BUILD"

demo=$BUILD/demo
rm -rf "$demo"
mkdir -p "$demo/config"
export EVT_CONFIG="$demo/config" EVT_JOURNAL="$demo/journal.db" PATH="$BUILD:$PATH"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# ---- what runs in the background, and its end ----

# background COMMAND...: runs it in the place of this shell, its pid in $demo/COMMAND.pid
background() {
	# shellcheck disable=SC2016 # for the inner shell
	exec sh -c 'echo $$ >"$0"; exec "$@"' "$demo/${1##*/}.pid" "$@"
}

end() { # NAME: the process, if it is there
	if [ -f "$demo/$1.pid" ]; then
		kill "$(cat "$demo/$1.pid")" 2>/dev/null || :
		rm -f "$demo/$1.pid"
	fi
}

finish() {
	status=$?
	trap - EXIT
	for name in evt-receive evt-transform evt-deliver destination; do
		end $name
	done
	wait
	if [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; then
		echo "the demo did not come to its end; what was said is in $demo/*.err" >&2
		tail -n 5 "$demo"/*.err >&2
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

until_true() { # COMMAND...: tries ten times a second, for at most 20 seconds
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.1
	done
}

say() {
	if [ -t 1 ]; then
		printf '\n\033[1m%s\033[0m\n' "$*"
	else
		printf '\n%s\n' "$*"
	fi
}

# ---- a destination of its own ----

cat >"$demo/answers.json" <<'END'
[{"body": "taken@example.com", "answers": [{"status": 422, "headers": {"Content-Type": "application/problem+json"},
   "body": {"title": "Unprocessable", "detail": "another contact has the address taken@example.com"}}]},
 {"body": "ch_stubborn", "answers": [{"status": 503, "body": "the ledger is closed for the night"}]},
 {"body": "ch_outage", "answers": [{"status": 503, "body": "try again later"}, {}]},
 {"path": "/contacts", "every": 20, "answers": [{"status": 429, "headers": {"Retry-After": "1"}, "body": {"error": "slow down"}}]}]
END
(background "$BUILD/tests/destination" -P "$demo/port" -l "$demo/requests.jsonl" -r "$demo/answers.json") \
	>/dev/null 2>"$demo/destination.err" &
until_true test -s "$demo/port"
api=http://127.0.0.1:$(cat "$demo/port")

# ---- configuration: the examples, at the address of that destination; one file is left out ----

cp -R share/examples/sources share/examples/destinations share/examples/maps "$EVT_CONFIG"
for file in "$EVT_CONFIG"/destinations/*.json; do
	sed "s,https://[a-z]*\.example\.com,$api," "$file" >"$demo/edited"
	mv "$demo/edited" "$file"
done
rm "$EVT_CONFIG/destinations/archive.json"
hubspot_secret=$(openssl rand -hex 18)
stripe_secret=whsec_$(openssl rand -hex 16)
(
	umask 077
	echo "$hubspot_secret" >"$EVT_CONFIG/hubspot.secret"
	echo "$stripe_secret" >"$EVT_CONFIG/stripe.secret"
	openssl rand -hex 16 >"$EVT_CONFIG/crm.token"
)

# ---- senders ----

# Twelve arrays of twenty contact changes; a few are not as they should be.
hubspot_batch() { # NUMBER
	awk -v batch="$1" 'BEGIN {
		split("ann ben carla dev emma farid grace hugo ines jonas", first)
		split("lee meyer rossi shah turner okafor weber", last)
		split("CRM_UI FORM IMPORT API", origin)
		for (i = 1; i <= 20; i++) {
			n = batch * 20 + i
			type = "contact.propertyChange"
			value = sprintf("\"propertyName\":\"email\",\"propertyValue\":\"%s.%s%d@Example.com \"", first[n % 10 + 1], last[n % 7 + 1], n)
			if (n == 47 || n == 171) value = "\"propertyName\":\"email\",\"propertyValue\":\"taken@example.com\""
			if (n == 88) value = "\"propertyName\":\"email\",\"propertyValue\":\"call her instead\""
			if (n == 134) value = "\"propertyName\":\"email\""
			if (n % 40 == 13) { type = "contact.privacyDeletion"; value = "\"changeFlag\":\"DELETED\"" }
			printf "%s{\"eventId\":%d,\"subscriptionId\":25,\"portalId\":62515,\"occurredAt\":1795415499%03d,", i == 1 ? "[" : ",", 4000000 + n, n
			printf "\"subscriptionType\":\"%s\",\"attemptNumber\":0,\"objectId\":%d,\"changeSource\":\"%s\",%s}", type, 500 + n, origin[n % 4 + 1], value
		}
		print "]"
	}'
}

post_hubspot() { # BODY
	time=$(date +%s)000
	signature=$(printf 'POST%s%s%s' https://hooks.example.com/hubspot "$1" "$time" |
		openssl dgst -sha256 -hmac "$hubspot_secret" -binary | openssl base64 -A)
	post hubspot "$1" -H "X-HubSpot-Signature-v3: $signature" -H "X-HubSpot-Request-Timestamp: $time"
}

stripe_event() { # NUMBER TYPE OBJECT
	printf '{"id":"evt_1QX%05d","object":"event","api_version":"2026-06-30","created":1795415499,"livemode":false,"type":"%s","data":{"object":%s}}' "$@"
}

charge() { # NUMBER ID
	printf '{"id":"%s","object":"charge","amount":%d,"currency":"eur","exchange_rate":1.10,"billing_details":{"email":"payer%d@example.com"}}' \
		"$2" $(($1 * 37 + 499)) "$1"
}

post_stripe() { # BODY
	time=$(date +%s)
	signature=$(printf '%s.%s' "$time" "$1" | openssl dgst -sha256 -hmac "$stripe_secret" -r | cut -d ' ' -f 1)
	post stripe "$1" -H "Stripe-Signature: t=$time,v1=$signature"
}

post() { # SOURCE BODY CURL-OPTIONS
	source=$1 body=$2
	shift 2
	curl -sS -o "$demo/answer" -w '%{http_code}\n' -H 'Content-Type: application/json' --data-binary "$body" "$@" \
		"$receiver/$source" >>"$demo/$source.answers"
}

start_receiver() { # reads its address from what it says on standard error
	until_true grep -q 'listening on' "$demo/evt-receive.err"
	receiver=http://$(sed -n 's/^evt-receive: listening on //p' "$demo/evt-receive.err" | tail -n 1)
}

# ---- 1: live ----

say '1. Live: evt-receive -l 127.0.0.1:0 | evt-transform | evt-deliver'
{
	(background evt-receive -l 127.0.0.1:0) 2>"$demo/evt-receive.err" |
		(background evt-transform) 2>"$demo/evt-transform.err" |
		(background evt-deliver) 2>"$demo/evt-deliver.err"
} </dev/null &
pipeline=$!
start_receiver
echo "   240 contact changes of hubspot, in 12 signed posts; 60 signed posts of stripe"
n=0
while [ $n -lt 12 ]; do
	post_hubspot "$(hubspot_batch $n)"
	n=$((n + 1))
done
n=0
while [ $n -lt 60 ]; do
	n=$((n + 1))
	case $n in
	17) post_stripe "$(stripe_event $n payout.paid '{"id":"po_17","object":"payout","amount":812345,"currency":"eur"}')" ;;
	23 | 41) post_stripe "$(stripe_event $n charge.succeeded "$(charge $n ch_outage$n)")" ;;
	33) post_stripe "$(stripe_event $n charge.succeeded "$(charge $n ch_stubborn)")" ;;
	52) post_stripe "$(stripe_event $n customer.created '{"id":"cus_52","object":"customer"}')" ;;
	*) post_stripe "$(stripe_event $n charge.succeeded "$(charge $n ch_1QX$n)")" ;;
	esac
done
post_stripe "$(stripe_event 60 charge.succeeded "$(charge 60 ch_1QX60)")" # once more, as senders do
curl -sS -o "$demo/answer" -w '%{http_code}\n' --data-binary '{"forged":true}' "$receiver/stripe" >>"$demo/stripe.answers"
echo "   answers of evt-receive (202 taken, 200 had it already, 401 not signed as it should be):"
sort "$demo"/*.answers | uniq -c | sed 's/^/   /'
none_left() { # nothing on its way to a destination that has a file
	! evt-status --status processing && ! evt-status --status received --destination crm,ledger
}
until_true none_left || :
end evt-receive
wait $pipeline || :

# ---- 2: something goes wrong between two stages ----

say '2. A stage dies with an event in hand: its claim holds it until the lease ends, then evt-retry brings it back'
rm -f "$demo/evt-receive.err"
(background evt-receive -l 127.0.0.1:0) </dev/null >/dev/null 2>"$demo/evt-receive.err" &
start_receiver
post_stripe "$(stripe_event 61 customer.subscription.deleted '{"id":"sub_61","object":"subscription"}')"
end evt-receive
evt-retry -d alerts >"$demo/lost-lines.jsonl"

# ---- 3: the retries that cron would run each minute ----

say '3. From cron: evt-retry | evt-transform | evt-deliver'
round=0
while [ $round -lt 5 ]; do
	round=$((round + 1))
	evt-retry | evt-transform | evt-deliver || :
	sleep 1
done 2>"$demo/retry.err"
sort -u "$demo/retry.err"

# ---- 4: what has become of them ----

say '$ evt-status --summary'
evt-status --summary
say '$ evt-status --status failed'
evt-status --status failed
say '$ evt-status --status received,processing,retrying'
evt-status --status received,processing,retrying
say '$ evt-status --status skipped --limit 3'
evt-status --status skipped --limit 3
say '$ evt-status evt_1QX00023'
evt-status evt_1QX00023
say '$ evt-status --check'
verdict=0
evt-status --check || verdict=$?
echo "(exit status $verdict: 0 is fine, 1 a warning, 2 critical. What waits for the missing file becomes critical after 15 minutes.)"

cat <<END

Nothing is left running. The journal is $EVT_JOURNAL,
what reached the destination is in $demo/requests.jsonl. To look around:

  export PATH=$BUILD:\$PATH EVT_CONFIG=$EVT_CONFIG EVT_JOURNAL=$EVT_JOURNAL
  evt-status --error taken                  what the destination said no to
  evt-retry --failed --dry-run              what a second try would send
  evt-prune --payloads 0s --dry-run         what there is to forget
  sqlite3 -readonly \$EVT_JOURNAL 'select destination, status, count(*) from history group by 1, 2'
  man man/evt.7                             how it all fits together
END
