package smpp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"tocsin/component/gateway"
)

// Route is the configuration of a route: a [[sms.route]] table of kind smpp. Defaults for zero values are given below.
type Route struct {
	Name        string        `toml:"name"`
	Address     string        `toml:"address"` // host:port
	TLS         bool          `toml:"tls"`
	CA          []byte        // content of ca_file, PEM; none: the system's CAs
	ServerName  string        `toml:"server_name"`  // in the certificate; "": the host of Address
	User        string        `toml:"user"`         // system_id
	Secret      string        `toml:"secret"`       // content of secret_file
	SystemType  string        `toml:"system_type"`  // as the SMSC requires
	ServiceType string        `toml:"service_type"` // as the SMSC requires
	Bind        string        `toml:"bind"`         // transceiver (the default) | pair: a transmitter and a receiver
	From        string        `toml:"from"`         // sender of submissions without one
	Window      int           `toml:"window"`       // outstanding submissions; 10
	Enquire     time.Duration `toml:"enquire"`      // idle time before an enquire_link; 30s
	Answer      time.Duration `toml:"answer"`       // timeout of a response; 10s
	Long        string        `toml:"long"`         // udh (the default) | sar | payload
	Alphabet    string        `toml:"alphabet"`     // meaning of data_coding 0: gsm7 (the default) | latin1 | ascii
	IDs         string        `toml:"ids"`          // same (the default) | hex-dec
}

var routeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// complete sets defaults and validates the route.
func (r *Route) complete() (faults gateway.Faults) {
	fault := func(key, format string, args ...any) {
		faults = append(faults, gateway.Fault{Key: key, Text: fmt.Sprintf(format, args...)})
	}
	word := func(key string, value *string, words ...string) {
		if *value == "" {
			*value = words[0]
		}
		if !slices.Contains(words, *value) {
			fault(key, "invalid value %q (must be %s)", *value, strings.Join(words, ", "))
		}
	}
	span := func(key string, value *time.Duration, usual time.Duration) {
		if *value == 0 {
			*value = usual
		}
		if *value < 0 {
			fault(key, "%s is less than 0s", *value)
		}
	}
	octets := func(key, value string, most int) { // does not show values, which may be secret
		if len(value) > most || strings.Contains(value, "\x00") {
			fault(key, "more than %d octets", most)
		}
	}
	if !routeName.MatchString(r.Name) {
		fault("name", "invalid name %q (a-z, 0-9 and hyphens, at most 32)", r.Name)
	}
	if host, port, err := net.SplitHostPort(r.Address); err != nil || host == "" || port == "" {
		fault("address", "invalid address %q (example: smpp.example.org:2775)", r.Address)
	}
	octets("user", r.User, 15)     // SMPP 3.4 §5.2.1 and following
	octets("secret", r.Secret, 64) // §5.2.2 allows 8; SMSCs accept more
	octets("system_type", r.SystemType, 12)
	octets("service_type", r.ServiceType, 5)
	octets("from", r.From, 20)
	word("bind", &r.Bind, "transceiver", "pair")
	word("long", &r.Long, byUDH, bySAR, byPayload)
	word("alphabet", &r.Alphabet, gsm7, latin1, ascii)
	word("ids", &r.IDs, idsSame, idsHexDec)
	span("enquire", &r.Enquire, 30*time.Second)
	span("answer", &r.Answer, 10*time.Second)
	if r.Window == 0 {
		r.Window = 10
	}
	if r.Window < 0 || r.Window > 1000 {
		fault("window", "%d is not from 1 to 1000", r.Window)
	}
	if len(r.CA) > 0 && !x509.NewCertPool().AppendCertsFromPEM(r.CA) {
		fault("ca_file", "no certificates in it")
	}
	return faults
}

// tls returns the TLS configuration of a route, or nil.
func (r *Route) tls() *tls.Config {
	if !r.TLS {
		return nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.ServerName}
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(r.Address)
	}
	if len(r.CA) > 0 {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(r.CA)
	}
	return c
}
