# Prints the last word of each line as zsh completes it. Only its line editor completes, and that needs a terminal.
zmodload zsh/zpty
zpty terminal zsh -f -i
zpty -w terminal 'PS1=; stty -echo; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D
show() { print -r -- "<$BUFFER>"; BUFFER=; }; zle -N show; bindkey "^X" show; bindkey "^I" complete-word; print REA""DY'
zpty -r -m terminal shown '*READY*' || exit 1
for line; do
	zpty -w -n terminal "$line"$'\t\030'
	zpty -r -m terminal shown '*<*>*' || exit 1
	words=(${=${${shown##*<}%%>*}})
	print -r -- $words[-1]
done
zpty -d terminal
