# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What every benchmark script sources, after it has gone to its folder or the root: `. tests/bench/lib.sh`. Besides what it
# tells a reader in its own words, a benchmark prints three kinds of lines, from which tests/bench/run.sh makes docs/BENCHMARKS.md:
#
#   RESULT NAME MEDIAN LEAST MOST UNIT GOAL WORDS...    one figure over its rounds. UNIT is one word: x (a ratio), events/s, ms, KiB, events.
#                                                       GOAL is >=N, <=N, =N, or - where the figure only informs.
#   SKIPPED NAME WORDS...                               what was not measured, and why
#   PEER NAME VERSION...                                what was measured beside evt
#
# NAME is one word, such as receive-c64-node. A program in C prints the same lines itself. With BENCH_QUICK=1 in the environment a
# benchmark takes its small sizes: it shows that it works, in at most 20 seconds, and its figures are worth nothing.

result() { # NAME UNIT GOAL WORDS VALUE...: the values of the rounds, in any order
	result_name=$1 result_unit=$2 result_goal=$3 result_words=$4
	shift 4
	printf '%s\n' "$@" | LC_ALL=C sort -g | LC_ALL=C awk -v name="$result_name" -v unit="$result_unit" -v goal="$result_goal" -v words="$result_words" '
		function short(v) { return v >= 1000 ? sprintf("%.0f", v) : sprintf("%.4g", v) }
		{ v[NR] = $1 }
		END {
			median = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
			print "RESULT", name, short(median), short(v[1]), short(v[NR]), unit, goal, words
		}'
}

median() { # VALUE...
	printf '%s\n' "$@" | LC_ALL=C sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

skipped() { # NAME WORDS...
	echo "SKIPPED $*"
}

peer() { # NAME VERSION...
	echo "PEER $*"
}

size() { # FULL QUICK: the one that fits this run
	if [ "${BENCH_QUICK:-}" ]; then echo "$2"; else echo "$1"; fi
}

wait_for() { # COMMAND...: at most 60 s
	wait_tries=0
	until "$@" >/dev/null 2>&1; do
		wait_tries=$((wait_tries + 1))
		[ $wait_tries -lt 3000 ] || { echo "${0##*/}: gave up waiting until: $*" >&2; exit 1; }
		sleep 0.02
	done
}

# node_package NAME: makes an npm package loadable, in a folder under $BUILD, and names its version. Fails where Node, npm or the package
# cannot be had: then the comparison is skipped, and said to be.
node_package() {
	command -v node >/dev/null && command -v npm >/dev/null || return 1
	node_folder=$(cd "${BUILD:-build}" && pwd)/bench-node
	export NODE_PATH="$node_folder/node_modules"
	if ! [ -d "$NODE_PATH/$1" ]; then
		mkdir -p "$node_folder" && npm install --silent --no-audit --no-fund --prefix "$node_folder" "$1" >"$node_folder/npm.log" 2>&1 || return 1
	fi
	peer "$1" "$(node -p "require('$NODE_PATH/$1/package.json').version")"
}

# serve_records FOLDER: a destination that answers every request at once with a record, by nginx. Sets $server and $port.
serve_records() {
	port=$((20000 + $$ % 20000))
	cat >"$1/nginx.conf" <<-EOF
		daemon off; master_process off; pid $1/nginx.pid; error_log $1/nginx.err;
		events { worker_connections 1024; }
		http {
			access_log off; keepalive_requests 100000000; client_body_temp_path $1/body;
			proxy_temp_path $1/p; fastcgi_temp_path $1/f; uwsgi_temp_path $1/u; scgi_temp_path $1/s;
			server { listen 127.0.0.1:$port; location / { return 200 "{\"id\":\"rec_1\"}"; } }
		}
	EOF
	nginx -c "$1/nginx.conf" 2>/dev/null &
	# shellcheck disable=SC2034 # the caller stops it
	server=$!
}
