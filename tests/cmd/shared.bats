#!/usr/bin/env bats
# What share/ holds for other programs: completions for shells, a dashboard for Grafana.
# SPDX-License-Identifier: MIT

load ../lib

commands="evt-deliver evt-prune evt-receive evt-retry evt-status evt-transform"

# options_of COMMAND: every option that --help names.
options_of() {
	"$1" --help | grep -oE -e '(^|[] ,[|(])--?[a-zA-Z][a-z-]*' | grep -oE -e '--?[a-zA-Z][a-z-]*' |
		grep -xE -e '-[a-zA-Z]|--[a-z-]+' | sort -u
}

@test "the completion for bash offers every option of every command, and no other" {
	# shellcheck source=/dev/null
	source "$EVT_ROOT/share/completions/evt.bash"
	for command in $commands; do
		COMP_WORDS=("$command" -) COMP_CWORD=1
		_evt "$command"
		diff <(options_of "$command") <(printf '%s\n' "${COMPREPLY[@]}" | sort -u)
	done
	write_destination crm <<<'{}'
	COMP_WORDS=(evt-retry -d c) COMP_CWORD=2
	_evt evt-retry
	[ "${COMPREPLY[*]}" = crm ]
	COMP_WORDS=(evt-status --status fa) COMP_CWORD=2
	_evt evt-status
	[ "${COMPREPLY[*]}" = failed ]
}

@test "the completions for zsh and fish name every option of every command" {
	for command in $commands; do
		sed -n "/^$command)/,/;;/p" "$EVT_ROOT/share/completions/_evt" >"$BATS_TEST_TMPDIR/zsh"
		grep "^complete -c $command " "$EVT_ROOT/share/completions/evt.fish" >"$BATS_TEST_TMPDIR/fish"
		for option in $(options_of "$command"); do
			grep -qF -- "'${option}[" "$BATS_TEST_TMPDIR/zsh" || { echo "zsh: $command $option"; return 1; }
			case $option in
			--*) grep -q -- " -l ${option#--} " "$BATS_TEST_TMPDIR/fish" ;;
			*) grep -q -- " -s ${option#-} " "$BATS_TEST_TMPDIR/fish" ;;
			esac || { echo "fish: $command $option"; return 1; }
		done
	done
}

# What is typed, and what stands there after a TAB.
typed=("evt-deliver --pri" "evt-prune --dry" "evt-receive --lis" "evt-retry -d c" "evt-status --status fai" "evt-transform --expl")
completed=("evt-deliver --print" "evt-prune --dry-run" "evt-receive --listen" "evt-retry -d crm" "evt-status --status failed" "evt-transform --explain")

@test "zsh completes options, statuses and names" {
	command -v zsh >/dev/null || skip "zsh is not installed"
	write_destination crm <<<'{}'
	local i
	for i in "${!typed[@]}"; do
		run timeout 20 zsh -f "$EVT_ROOT/tests/tools/complete.zsh" "$EVT_ROOT/share/completions" "${typed[i]}"
		echo "${typed[i]}: $output"
		[ "$status" -eq 0 ]
		[ "$output" = "${completed[i]}" ]
	done
}

@test "fish completes options, statuses and names" {
	command -v fish >/dev/null || skip "fish is not installed"
	write_destination crm <<<'{}'
	local i
	for i in "${!typed[@]}"; do
		run timeout 20 fish -N -c "source $EVT_ROOT/share/completions/evt.fish; complete -C '${typed[i]}'"
		echo "${typed[i]}: $output"
		[ "$status" -eq 0 ]
		[ "${output%%$'\t'*}" = "${completed[i]##* }" ]
	done
}

@test "the dashboard is JSON, and each of its queries runs on a journal" {
	write_destination crm <<<'{"url": "http://127.0.0.1:9/"}'
	printf '{"specversion":"1.0","id":"a","source":"s","type":"t","evtdestination":"crm","evterror":"bad","data":1}\n' | evt-deliver
	jq -r '.panels[].targets[].rawQueryText' "$EVT_ROOT/share/dashboard/evt.json" >"$BATS_TEST_TMPDIR/queries"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/queries")" -ge 5 ]
	local query_text now
	now=$(date +%s)
	while read -r query_text; do
		query_text=${query_text//\$__from/$(((now - 3600) * 1000))}
		[ -n "$(query "${query_text//\$__to/$(((now + 3600) * 1000))}")" ] || { echo "$query_text"; return 1; }
	done <"$BATS_TEST_TMPDIR/queries"
	jq -e '[.panels[].targets[] | .rawQueryText == .queryText] | all' "$EVT_ROOT/share/dashboard/evt.json"
}
