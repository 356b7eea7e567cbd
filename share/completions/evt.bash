# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of the evt commands for bash.

# The names of the files NAME.json in a folder of the configuration.
_evt_names() {
	local dir=${EVT_CONFIG:-${XDG_CONFIG_HOME:-$HOME/.config}/evt} file
	for file in "$dir/$1"/*.json; do
		[ -e "$file" ] || continue
		file=${file##*/}
		printf '%s\n' "${file%.json}"
	done
}

_evt() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
	case $before in
	-d | --destination) words=$(_evt_names destinations) ;;
	-s | --source) words=$(_evt_names sources) ;;
	-m | --map) words=$(_evt_names maps) ;;
	--status) words="received processing delivered retrying failed skipped" ;;
	--format)
		case ${1##*/} in
		evt-transform) words="text json" ;;
		*) words="table tsv json jsonl html prometheus event" ;;
		esac
		;;
	-c | --config | -j | --journal | --auth)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	*)
		case ${1##*/} in
		evt-deliver) words="-d --destination -p --print --start --record -c --config -j --journal -v --verbose -q --quiet -h --help -V --version" ;;
		evt-prune) words="--payloads --events --subject --source -n --dry-run -c --config -j --journal -v --verbose -q --quiet -h --help -V --version" ;;
		evt-receive) words="-l --listen -s --source -u --user -i --idle -c --config -j --journal -v --verbose -q --quiet -h --help -V --version" ;;
		evt-retry) words="-f --follow -n --dry-run --failed --delivered --give-up --since --until --type --source -d --destination --subject --error --limit -c --config -j --journal -v --verbose -q --quiet -h --help -V --version" ;;
		evt-status) words="--summary --check --verify -f --follow --http -l --listen --auth --host --any-address --format --after --raw --utc --status --since --until --type --source -d --destination --subject --error --limit -c --config -j --journal -v --verbose -q --quiet -h --help -V --version" ;;
		evt-transform) words="-m --map -n --no-journal --check --diff --format --explain -c --config -j --journal -v --verbose -q --quiet -h --help -V --version" ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _evt evt-deliver evt-prune evt-receive evt-retry evt-status evt-transform
