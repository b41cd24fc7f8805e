#!/bin/sh
# Stops the service before its program goes. dpkg says "remove" or "upgrade", rpm how many remain.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
if command -v systemctl >/dev/null; then
	if [ -d /run/systemd/system ]; then
		systemctl stop tocsin.service || true
	fi
	systemctl --quiet disable tocsin.service || true
fi
