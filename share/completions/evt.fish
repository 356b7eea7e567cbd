# SPDX-License-Identifier: MIT
# Completion of the evt commands for fish.

function __evt_names
	set -l dir $HOME/.config/evt
	set -q XDG_CONFIG_HOME; and set dir $XDG_CONFIG_HOME/evt
	set -q EVT_CONFIG; and set dir $EVT_CONFIG
	for file in $dir/$argv[1]/*.json
		basename $file .json
	end
end

complete -c evt-deliver -s d -l destination -d 'destination' -x -a '(__evt_names destinations)'
complete -c evt-deliver -s p -l print -d 'print each outcome'
complete -c evt-deliver -l start -d 'commit the starts and pass the lines on'
complete -c evt-deliver -l record -d 'read outcome lines and record them'
complete -c evt-deliver -s c -l config -d 'configuration folder' -r
complete -c evt-deliver -s j -l journal -d 'journal' -r
complete -c evt-deliver -s v -l verbose -d 'say more'
complete -c evt-deliver -s q -l quiet -d 'errors only'
complete -c evt-deliver -s h -l help -d 'usage'
complete -c evt-deliver -s V -l version -d 'version'
complete -c evt-prune -l payloads -d 'age of payloads that go' -x
complete -c evt-prune -l events -d 'age of events that go' -x
complete -c evt-prune -l subject -d 'erase what there is of a source record' -x
complete -c evt-prune -l source -d 'the source that it is a record of' -x -a '(__evt_names sources)'
complete -c evt-prune -s n -l dry-run -d 'change nothing'
complete -c evt-prune -s c -l config -d 'configuration folder' -r
complete -c evt-prune -s j -l journal -d 'journal' -r
complete -c evt-prune -s v -l verbose -d 'say more'
complete -c evt-prune -s q -l quiet -d 'errors only'
complete -c evt-prune -s h -l help -d 'usage'
complete -c evt-prune -s V -l version -d 'version'
complete -c evt-receive -s l -l listen -d 'address to listen at' -x
complete -c evt-receive -s s -l source -d 'source' -x -a '(__evt_names sources)'
complete -c evt-receive -s u -l user -d 'become this user' -x
complete -c evt-receive -s i -l idle -d 'end when idle for so long' -x
complete -c evt-receive -s c -l config -d 'configuration folder' -r
complete -c evt-receive -s j -l journal -d 'journal' -r
complete -c evt-receive -s v -l verbose -d 'say more'
complete -c evt-receive -s q -l quiet -d 'errors only'
complete -c evt-receive -s h -l help -d 'usage'
complete -c evt-receive -s V -l version -d 'version'
complete -c evt-retry -s f -l follow -d 'stay'
complete -c evt-retry -s n -l dry-run -d 'change nothing'
complete -c evt-retry -l failed -d 'failed deliveries'
complete -c evt-retry -l delivered -d 'delivered ones, again'
complete -c evt-retry -l give-up -d 'end them as failed, with a reason' -x
complete -c evt-retry -l since -d 'received then or later' -x
complete -c evt-retry -l until -d 'received before' -x
complete -c evt-retry -l type -d 'type, a glob' -x
complete -c evt-retry -l source -d 'source' -x -a '(__evt_names sources)'
complete -c evt-retry -s d -l destination -d 'destination' -x -a '(__evt_names destinations)'
complete -c evt-retry -l subject -d 'source record' -x
complete -c evt-retry -l error -d 'text in the error' -x
complete -c evt-retry -l limit -d 'rows at most' -x
complete -c evt-retry -s c -l config -d 'configuration folder' -r
complete -c evt-retry -s j -l journal -d 'journal' -r
complete -c evt-retry -s v -l verbose -d 'say more'
complete -c evt-retry -s q -l quiet -d 'errors only'
complete -c evt-retry -s h -l help -d 'usage'
complete -c evt-retry -s V -l version -d 'version'
complete -c evt-status -l summary -d 'the whole at a glance'
complete -c evt-status -l verify -d 'read all of the journal, for damage'
complete -c evt-status -l check -d 'check'
complete -c evt-status -s f -l follow -d 'stay'
complete -c evt-status -l http -d 'serve a page'
complete -c evt-status -s l -l listen -d 'address to listen at' -x
complete -c evt-status -l auth -d 'file of user:password' -r
complete -c evt-status -l host -d 'a name of this server' -x
complete -c evt-status -l any-address -d 'not loopback alone'
complete -c evt-status -l format -d 'format' -x -a 'table tsv json jsonl html prometheus event'
complete -c evt-status -l after -d 'place of the next page' -x
complete -c evt-status -l raw -d 'payload as received'
complete -c evt-status -l utc -d 'times in UTC'
complete -c evt-status -l status -d 'statuses' -x -a 'received processing delivered retrying failed skipped'
complete -c evt-status -l since -d 'received then or later' -x
complete -c evt-status -l until -d 'received before' -x
complete -c evt-status -l type -d 'type, a glob' -x
complete -c evt-status -l source -d 'source' -x -a '(__evt_names sources)'
complete -c evt-status -s d -l destination -d 'destination' -x -a '(__evt_names destinations)'
complete -c evt-status -l subject -d 'source record' -x
complete -c evt-status -l error -d 'text in the error' -x
complete -c evt-status -l limit -d 'rows at most' -x
complete -c evt-status -s c -l config -d 'configuration folder' -r
complete -c evt-status -s j -l journal -d 'journal' -r
complete -c evt-status -s v -l verbose -d 'say more'
complete -c evt-status -s q -l quiet -d 'errors only'
complete -c evt-status -s h -l help -d 'usage'
complete -c evt-status -s V -l version -d 'version'
complete -c evt-transform -s m -l map -d 'map' -x -a '(__evt_names maps)'
complete -c evt-transform -s n -l no-journal -d 'touch no journal'
complete -c evt-transform -l check -d 'check'
complete -c evt-transform -l diff -d 'compare with what was sent'
complete -c evt-transform -l format -d 'format' -x -a 'text json'
complete -c evt-transform -l explain -d 'where values come from'
complete -c evt-transform -s c -l config -d 'configuration folder' -r
complete -c evt-transform -s j -l journal -d 'journal' -r
complete -c evt-transform -s v -l verbose -d 'say more'
complete -c evt-transform -s q -l quiet -d 'errors only'
complete -c evt-transform -s h -l help -d 'usage'
complete -c evt-transform -s V -l version -d 'version'
