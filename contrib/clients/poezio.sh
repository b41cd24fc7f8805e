#!/bin/sh
# Starts poezio 0.14 as Alice in a tmux session named "poezio": poezio.sh HOST:PORT [LANG]
# The server is `go run ./internal/clients`. Drive it with tmux send-keys, look at it with tmux capture-pane; see README.md here.
set -eu
address=$1 lang=${2:-C.UTF-8}
home=${POEZIO_HOME:-$(mktemp -d /tmp/tocsin-poezio-XXXXXX)}
mkdir -p "$home/.config/poezio"
cat >"$home/.config/poezio/poezio.cfg" <<INI
[Poezio]
jid = alice@example.org/poezio
password = alice's password
custom_host = ${address%:*}
custom_port = ${address#*:}
force_encryption = false
enable_vertical_tab_list = false
enable_user_mood = false
send_chat_states = false
autocolor_tab_names = true
[rooms]
INI
run="env -i HOME=$home PATH=$PATH TERM=screen-256color LANG=$lang poezio"
if [ "$(id -u)" = 0 ]; then # it refuses to run as root
	chown -R nobody "$home"
	run="setpriv --reuid=65534 --regid=65534 --clear-groups $run"
fi
tmux -L tocsin new-session -d -s poezio -x 100 -y 30 "$run"
