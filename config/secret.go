package config

import (
	"log/slog"
	"slices"
	"strings"

	"tocsin/storage/dsn"
)

const hidden = "(hidden)"

// Secret is a text that is never printed or logged; string(s) is the text itself.
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

// trimSecret drops what editors and shells put around a secret: a byte order mark, line ends after it. Wherever a secret
// comes from, it is read alike.
func trimSecret(s string) string { return strings.TrimRight(strings.TrimPrefix(s, "\ufeff"), "\r\n") }

// trimDSN drops what they put around a DSN, which begins and ends with no space.
func trimDSN(s string) string { return strings.TrimSpace(trimSecret(s)) }

// DSN names a database: sqlite:PATH or a postgres:// URL. It is printed and logged without its password; string(d) is
// the whole of it.
type DSN string

// String gives the DSN without a password.
func (d DSN) String() string {
	parsed, err := dsn.Parse(string(d))
	if err != nil {
		return hidden
	}
	return parsed.String()
}

// GoString gives the DSN without a password.
func (d DSN) GoString() string { return d.String() }

// MarshalText gives the DSN without a password.
func (d DSN) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// LogValue gives the DSN without a password.
func (d DSN) LogValue() slog.Value { return slog.StringValue(d.String()) }

// SecretFiles returns the files that hold a secret or a password, each once.
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

// String sums the configuration up in a line, without secrets.
func (c Config) String() string {
	return c.Component.JID + " at " + c.Component.Server + " for " + strings.Join(c.Tap.Domains, ", ") + ", " + c.Storage.DSN.String()
}

// GoString is String: %#v shows no secrets either.
func (c Config) GoString() string { return c.String() }

// LogValue gives the same as attributes.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("component", c.Component.JID),
		slog.String("server", c.Component.Server),
		slog.Any("domains", c.Tap.Domains),
		slog.Any("storage", c.Storage.DSN),
	)
}
