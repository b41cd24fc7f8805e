#!/bin/sh
# Makes the user and its folders. Starts nothing: a service that runs already is restarted.
# dpkg says "configure" and the version before, rpm how many there are.
set -e
case "$1" in
configure | 1 | 2) ;;
*) exit 0 ;;
esac

if ! getent passwd tocsin >/dev/null; then
	useradd --system --user-group --home-dir /var/lib/tocsin --no-create-home --shell /usr/sbin/nologin tocsin
fi
# "tocsin init -dir /etc/tocsin" gives what it writes to the folder's owner.
if [ ! -d /etc/tocsin ]; then
	install -d -m 750 -o tocsin -g tocsin /etc/tocsin
fi
if [ ! -d /var/lib/tocsin ]; then
	install -d -m 700 -o tocsin -g tocsin /var/lib/tocsin
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart tocsin.service || true
fi
