#!/bin/sh
# Starts Gajim 1.7 as Alice on a screen of its own, without any wizard: gajim.sh HOST:PORT [LANG]
# The server is `go run ./internal/clients`. Needs: gajim xvfb openbox dbus-x11 sqlite3 xdotool; see README.md here.
# Gajim refuses to run as root: start this as another user, or it becomes "nobody" by setpriv.
set -eu
address=$1 lang=${2:-C.UTF-8}
display=${DISPLAY_NUMBER:-91}
home=${GAJIM_HOME:-$(mktemp -d /tmp/tocsin-gajim-XXXXXX)}
account='{"name": "alice", "hostname": "example.org", "account_label": "alice@example.org", "active": true, "autoconnect": true,
 "password": "'"alice's password"'", "savepass": true, "resource": "gajim", "use_custom_host": true,
 "custom_host": "'"${address%:*}"'", "custom_port": '"${address#*:}"', "custom_type": "PLAIN", "use_plain_connection": true,
 "confirm_unencrypted_connection": false, "sync_with_global_status": false, "last_status": "online"}'
app='{"use_keyring": false, "check_for_update": false, "show_notifications": false, "sounds_on": false, "trayicon": "never",
 "action_on_close_warning": false, "plugins_update_check": false, "dark_theme": 0, "is_window_visible": true}'
mkdir -p "$home/.config/gajim"
quote() { printf %s "$1" | tr -d '\n' | sed "s/'/''/g"; }
sqlite3 "$home/.config/gajim/settings.sqlite" <<SQL
CREATE TABLE settings (name TEXT UNIQUE, settings TEXT);
CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT);
INSERT INTO settings VALUES ('app', '$(quote "$app")'), ('soundevents', '{}'), ('status_presets', '{}'), ('proxies', '{}'), ('plugins', '{}'),
 ('workspaces', '{"0f3a1c52-6f4e-4a59-9a0e-2f6f6f1f0001": {"name": "Workspace", "color": "#3584e4", "chats": []}}');
INSERT INTO account_settings VALUES ('alice', '$(quote "{\"account\": $account, \"contact\": {}, \"group_chat\": {}}")');
PRAGMA user_version = 5;
SQL
run="env -i HOME=$home PATH=$PATH LANG=$lang LANGUAGE= NO_AT_BRIDGE=1 DISPLAY=:$display GDK_BACKEND=x11 GTK_THEME=Adwaita"
if [ "$(id -u)" = 0 ]; then
	chown -R nobody "$home"
	run="setpriv --reuid=65534 --regid=65534 --clear-groups $run"
fi
Xvfb ":$display" -screen 0 1180x1000x24 -nolisten tcp &
screen=$!
trap 'kill $screen' EXIT
sleep 1
$run openbox &
$run dbus-run-session -- gajim -v
