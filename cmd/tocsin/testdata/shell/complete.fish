# Prints what fish offers for each line.
source ./_tocsin
for line in $argv
	echo (complete -C $line | string replace -r '\t.*' '')
end
