// Package systemd embeds the service's unit, for "tocsin init -unit" and for packages.
package systemd

import _ "embed"

// Unit is tocsin.service, for the program in /usr/local/bin and the configuration in /etc/tocsin.
//
//go:embed tocsin.service
var Unit string
