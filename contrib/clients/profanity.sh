#!/bin/sh
# Starts profanity 0.13 as Alice in a tmux session named "profanity": profanity.sh HOST:PORT [LANG]
# The server is `go run ./internal/clients`. Drive it with tmux send-keys, look at it with tmux capture-pane; see README.md here.
set -eu
address=$1 lang=${2:-C.UTF-8}
home=${PROFANITY_HOME:-$(mktemp -d /tmp/tocsin-profanity-XXXXXX)}
mkdir -p "$home/.config/profanity" "$home/.local/share/profanity"
cat >"$home/.local/share/profanity/accounts" <<INI
[alice]
enabled=true
jid=alice@example.org
resource=profanity
server=${address%:*}
port=${address#*:}
tls.policy=disable
password=alice's password
INI
cat >"$home/.config/profanity/profrc" <<INI
[connection]
account=alice
[ui]
splash=false
tips.startup=false
titlebar.position=1
[logging]
chlog=false
[chatstates]
enabled=false
INI
tmux -L tocsin new-session -d -s profanity -x 100 -y 30 "env -i HOME=$home PATH=$PATH TERM=screen-256color LANG=$lang profanity"
