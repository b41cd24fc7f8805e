// Package systemd holds the unit of the service, for "tocsin init -unit" and whoever packages Tocsin.
package systemd

import _ "embed"

// Unit is tocsin.service, for the program in /usr/local/bin and the configuration in /etc/tocsin.
//
//go:embed tocsin.service
var Unit string
