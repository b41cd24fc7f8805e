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

// Route is one route as a configuration has it: the keys of a [[sms.route]] table of kind smpp. Zero values have the
// defaults given.
type Route struct {
	Name        string        `toml:"name"`
	Address     string        `toml:"address"` // host:port
	TLS         bool          `toml:"tls"`
	CA          []byte        // what is in ca_file, PEM; none: the system's
	ServerName  string        `toml:"server_name"`  // in the certificate; "": the host of Address
	User        string        `toml:"user"`         // system_id
	Secret      string        `toml:"secret"`       // what is in secret_file
	SystemType  string        `toml:"system_type"`  // as the SMSC wants it
	ServiceType string        `toml:"service_type"` // as the SMSC wants it
	Bind        string        `toml:"bind"`         // transceiver (the default) | pair: a transmitter and a receiver
	From        string        `toml:"from"`         // sender of what has none
	Window      int           `toml:"window"`       // submissions without an answer: 10
	Enquire     time.Duration `toml:"enquire"`      // after how long a silence the SMSC is asked: 30s
	Answer      time.Duration `toml:"answer"`       // how long an answer may take: 10s
	Long        string        `toml:"long"`         // udh (the default) | sar | payload
	Alphabet    string        `toml:"alphabet"`     // what data_coding 0 means: gsm7 (the default) | latin1 | ascii
	IDs         string        `toml:"ids"`          // same (the default) | hex-dec
}

var routeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// complete puts in the defaults, and finds what is wrong.
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
	octets := func(key, value string, most int) { // without showing what may be a secret
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
	octets("secret", r.Secret, 64) // 8 by §5.2.2; SMSCs take more
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

// tls is the configuration of a route's TLS, nil for one without.
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
