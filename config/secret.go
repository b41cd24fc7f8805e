package config

import (
	"log/slog"
	"slices"
	"strings"

	"tocsin/storage/dsn"
)

const hidden = "(hidden)"

// Secret is a text that is never printed or logged; string(s) returns it.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the secret from logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// trimSecret removes what editors and shells add to a secret: a byte order mark, and trailing line ends. It applies to
// secrets from all sources.
func trimSecret(s string) string { return strings.TrimRight(strings.TrimPrefix(s, "\ufeff"), "\r\n") }

// trimDSN does the same for a DSN, which neither begins nor ends with a space.
func trimDSN(s string) string { return strings.TrimSpace(trimSecret(s)) }

// DSN names a database: sqlite:PATH or a postgres:// URL. It is printed and logged without its password; string(d) returns
// all of it.
type DSN string

// String returns the DSN without its password.
func (d DSN) String() string {
	parsed, err := dsn.Parse(string(d))
	if err != nil {
		return hidden
	}
	return parsed.String()
}

// GoString returns the DSN without its password.
func (d DSN) GoString() string { return d.String() }

// MarshalText returns the DSN without its password.
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// LogValue returns the DSN without its password.
func (d DSN) LogValue() slog.Value { return slog.StringValue(d.String()) }

// SecretFiles returns the files that contain a secret or a password, each once.
func (c *Config) SecretFiles() []string {
	var files []string
	add := func(file string) {
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	held := func(table path, given Secret, file string) {
		switch {
		case c.source.env[table.add("secret").String()] != "" || given == "":
		case file != "":
			add(c.source.resolve(file))
		default:
			add(c.source.file)
		}
	}
	held(path{"component"}, c.Component.Secret, c.Component.SecretFile)
	for i, step := range c.Escalate.Steps {
		held(stepPath(i), step.Secret, step.SecretFile)
	}
	if c.SMS != nil {
		for i, r := range c.SMS.Routes {
			held(path{"sms", "route"}.index(i), r.Secret, r.SecretFile)
		}
	}
	if dsn := c.Storage.DSN; dsn.String() != string(dsn) && c.source.env[path{"storage", "dsn"}.String()] == "" {
		add(c.source.file)
	}
	return files
}

// String summarises the configuration in one line, without secrets.
func (c Config) String() string {
	return c.Component.JID + " at " + c.Component.Server + " for " + strings.Join(c.Tap.Domains, ", ") + ", " + c.Storage.DSN.String()
}

// GoString is String, so that %#v shows no secrets either.
func (c Config) GoString() string { return c.String() }

// LogValue returns the same as attributes.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("component", c.Component.JID),
		slog.String("server", c.Component.Server),
		slog.Any("domains", c.Tap.Domains),
		slog.Any("storage", c.Storage.DSN),
	)
}
