#!/bin/bash
# Starts Dino 0.4 on a screen of its own, with all that it wants of the world: dino.sh [FLAGS of internal/clients]
# Dino has no setting for a server's address, and wants TLS with a certificate that the system trusts. So Prosody with Tocsin,
# a name server and a certificate of its own live in a network namespace, and Dino with them. Orders for the other side of the
# conversation are read from standard input, as by `go run ./internal/clients`.
# Sign in as alice@example.org with the password "alice's password". Needs root, and: dino-im xvfb openbox dbus-x11 dnsmasq-base
# socat iproute2 openssl; xdotool and imagemagick to look at it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${1:-}" != --inside ]; then
	dir=$(mktemp -d /tmp/tocsin-dino-XXXXXX)
	trap 'rm -rf "$dir"' EXIT
	(cd "$root" && go build -o "$dir/clients" ./internal/clients)
	unshare --net --mount --pid --fork --kill-child --mount-proc "$0" --inside "$dir" "$@"
	exit
fi
dir=$2 display=${DISPLAY_NUMBER:-93}
shift 2
cd "$dir"
chmod 755 .
ip link set lo up
ip addr add 192.0.2.1/32 dev lo # with loopback addresses alone, names are not looked up
openssl req -x509 -newkey rsa:2048 -nodes -days 7 -subj /CN=example.org -addext subjectAltName=DNS:example.org \
	-addext basicConstraints=critical,CA:TRUE -keyout key.pem -out cert.pem 2>/dev/null
cat /etc/ssl/certs/ca-certificates.crt cert.pem >trusted.pem
mount --bind trusted.pem /etc/ssl/certs/ca-certificates.crt
echo nameserver 127.0.0.1 >resolv.conf
mount --bind resolv.conf "$(readlink -f /etc/resolv.conf)"
dnsmasq -k --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces --address=/example.org/127.0.0.1 \
	--srv-host=_xmpps-client._tcp.example.org,example.org,5223,1,1 &
exec 3<&0
(cd "$root" && exec "$dir/clients" "$@") <&3 | tee clients.out &
until grep -qs 'clients connect' clients.out; do sleep 1; done
port=$(grep -om1 '127.0.0.1:[0-9]*' clients.out)
socat OPENSSL-LISTEN:5223,reuseaddr,fork,bind=127.0.0.1,cert=cert.pem,key=key.pem,verify=0 "TCP:$port" &
Xvfb ":$display" -screen 0 1180x900x24 -nolisten tcp &
sleep 1
mkdir home
chown nobody home
run="setpriv --reuid=65534 --regid=65534 --clear-groups env -i HOME=$dir/home PATH=$PATH LANG=C.UTF-8 NO_AT_BRIDGE=1 DISPLAY=:$display GTK_THEME=Adwaita"
$run openbox &
$run dbus-run-session -- dino-im
