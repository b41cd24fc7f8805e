# Prints what bash offers for each line.
source ./_tocsin
compopt() { :; } # there is no line editor
for line; do
	read -ra COMP_WORDS <<<"$line"
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
	_tocsin
	echo "${COMPREPLY[*]}"
done
