#!/bin/sh
# SPDX-License-Identifier: MIT
# An event as a message of Kafka, through kcat(1), with the subject as its key and the idempotency key as a header:
#
#   export KAFKA_BROKERS=kafka-1:9092,kafka-2:9092 KAFKA_TOPIC=orders
#   evt-retry -d kafka | evt-transform | evt-deliver --start | each.sh kcat.sh | evt-deliver --record
#
# kcat ends with 0 when the broker has acknowledged the message; a second time is told by the header evt-key. With
# "order": "subject" the messages of a subject come into their partition in order.
set -eu
file=$(mktemp)
trap 'rm -f "$file"' EXIT
cat >"$file" # of a file kcat makes one message, whatever stands in it
set -- -H "evt-key=$EVT_KEY" -H "evt-id=$EVT_ID" -H "evt-type=$EVT_TYPE" "$file"
[ -z "$EVT_SUBJECT" ] || set -- -k "$EVT_SUBJECT" "$@"
# shellcheck disable=SC2086 # KCAT_OPTIONS are words
"${KCAT:-kcat}" -P -b "$KAFKA_BROKERS" -t "$KAFKA_TOPIC" -X acks=all -X message.timeout.ms=20000 ${KCAT_OPTIONS:-} "$@" </dev/null
