# SPDX-License-Identifier: MIT
# What stands on an interactive zsh's command line after a TAB.
#   zsh -f complete.zsh FOLDER-OF-COMPLETIONS LINE
zmodload zsh/zpty || exit 69
zpty shell zsh -f -i
zpty -w shell "PROMPT='>'; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; echo re''ady"
zpty -r shell seen '*ready*' || exit 74
# to the line's beginning, and it is printed instead of run
zpty -w shell "$2"$'\t\C-a'"echo 'got '"
zpty -r shell seen '*got evt*'$'\n''*' || exit 74
zpty -d shell
print -r -- ${${(M)${(f)${seen//$'\r'/}}:#*got evt*}[-1]##*got }
