#!/bin/sh
# dpkg says "purge" when configuration, database and user are to go, too; rpm never does, and keeps them.
set -e
case "$1" in
remove | purge | 0)
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload || true
	fi
	;;
esac
if [ "$1" = purge ]; then
	rm -rf /etc/tocsin /var/lib/tocsin
	if getent passwd tocsin >/dev/null; then
		userdel tocsin
	fi
fi
