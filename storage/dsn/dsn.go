// Package dsn parses a DSN: "sqlite:PATH" or a PostgreSQL URL. It opens no connections, so that checking a configuration
// finds the same errors as connecting. Its errors never contain any part of a password.
package dsn

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lib/pq"
)

const (
	examples    = `(example: sqlite:tocsin.db or postgres://user:password@host/database)`
	escapes     = `a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`
	defaultPort = 5432
)

// Memory is the Path of an SQLite database without a file.
const Memory = ":memory:"

// DSN names a database: of SQLite if Path is not empty.
type DSN struct {
	Path string // of the file, or Memory

	keywords map[string]string // of libpq, decoded
	redacted string
	name     string
}

// Parse parses "sqlite:PATH", or "postgres://…" like libpq
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).
func Parse(text string) (DSN, error) {
	scheme, rest, found := strings.Cut(text, ":")
	switch {
	case found && scheme == "sqlite":
		if rest == "" {
			return DSN{}, errors.New("no file in \"sqlite:\" " + examples)
		}
		return DSN{Path: rest, redacted: text, name: text}, nil
	case found && (scheme == "postgres" || scheme == "postgresql"):
		rest, found = strings.CutPrefix(rest, "//")
		if !found {
			return DSN{}, errors.New("invalid URL " + examples)
		}
		return parsePostgres(scheme+"://", rest)
	case found && strings.HasPrefix(rest, "//") && slices.Contains(others, scheme):
		return DSN{}, fmt.Errorf("unsupported database %q %s", scheme, examples)
	}
	return DSN{}, errors.New("invalid DSN " + examples)
}

// others are schemes of unsupported databases. Anything else before the colon may be part of a password.
var others = []string{"mysql", "mariadb", "sqlserver", "mongodb", "oracle", "cockroach", "file", "http", "https"}

// String returns the DSN without a password.
func (d DSN) String() string { return d.redacted }

// Name is the database's name in errors: its file, or its hosts and name on PostgreSQL.
func (d DSN) Name() string { return d.name }

// Conninfo returns the DSN of a PostgreSQL as libpq's keywords and values, with defaults for missing ones.
func (d DSN) Conninfo(defaults ...map[string]string) string {
	all := map[string]string{}
	for _, values := range append(defaults, d.keywords) {
		for key, value := range values {
			all[key] = value
		}
	}
	var b strings.Builder
	for key, value := range all {
		fmt.Fprintf(&b, "%s='%s' ", key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
	}
	return b.String()
}

// parsePostgres parses what follows "postgres://". url.Parse can't: it supports one host, no socket folders, and ends at a
// "#", which libpq takes literally.
func parsePostgres(scheme, text string) (DSN, error) {
	d := DSN{keywords: map[string]string{}, redacted: scheme}
	credentials, location, found := text, "", false
	if end := strings.IndexAny(text, "@/"); end >= 0 && text[end] == '@' {
		credentials, location, found = text[:end], text[end+1:], true
	} else {
		credentials, location = "", text
	}
	if strings.Contains(location, "@") { // the rest must not be shown: it may be part of a password
		return DSN{}, errors.New("invalid URL: more than one @, or a / before it: " + escapes)
	}
	if found {
		user, password, has := strings.Cut(credentials, ":")
		if err := d.set("user", "user", user); err != nil {
			return DSN{}, err
		}
		d.redacted += user
		if has {
			if err := d.set("password", "password", password); err != nil {
				return DSN{}, err
			}
			d.redacted += ":" + mask
		}
		d.redacted += "@"
	}
	location, query, _ := strings.Cut(location, "?")
	hosts, database, _ := strings.Cut(location, "/")
	if err := d.hosts(hosts); err != nil {
		return DSN{}, err
	}
	if err := d.set("dbname", "database", database); err != nil {
		return DSN{}, err
	}
	d.redacted += location
	if err := d.parameters(query); err != nil {
		return DSN{}, err
	}
	c, err := pq.NewConfig(d.Conninfo())
	if err != nil {
		return DSN{}, errors.New(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "pq: "))
	}
	d.name = address(c.Host, c.Port)
	for _, other := range c.Multi {
		d.name += "," + address(other.Host, other.Port)
	}
	d.name += "/" + c.Database
	return d, nil
}

func address(host string, port uint16) string {
	if port == defaultPort {
		return host
	}
	return fmt.Sprintf("%s:%d", host, port)
}

// mask replaces a password.
const mask = "xxxxx"

// set decodes the value of a keyword, called name in errors. An empty one counts as missing.
func (d *DSN) set(key, name, value string) error {
	decoded, err := url.PathUnescape(value) // a plus is a plus
	if err != nil || strings.Contains(decoded, "\x00") {
		return fmt.Errorf("invalid percent-encoding in the URL's %s: %s", name, escapes)
	}
	if decoded != "" {
		d.keywords[key] = decoded
	}
	return nil
}

// hosts parses host[:port][,host[:port]]….
func (d *DSN) hosts(text string) error {
	if text == "" {
		return nil
	}
	var hosts, ports []string
	for _, one := range strings.Split(text, ",") {
		host, port, bracketed := strings.Cut(one, "]")
		if bracketed && strings.HasPrefix(host, "[") && (port == "" || port[0] == ':') { // IPv6
			host, port = host[1:], strings.TrimPrefix(port, ":")
		} else {
			host, port, _ = strings.Cut(one, ":")
		}
		if host == "" {
			host = "localhost"
		}
		if port == "" {
			port = strconv.Itoa(defaultPort)
		}
		// This may be a password whose @ is missing: it is not shown.
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errors.New("invalid port in the URL (1 to 65535): " + escapes)
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	d.keywords["port"] = strings.Join(ports, ",")
	return d.set("host", "host", strings.Join(hosts, ","))
}

// parameters parses key=value[&key=value]….
func (d *DSN) parameters(query string) error {
	if query == "" {
		return nil
	}
	shown := make([]string, 0, 4)
	for _, pair := range strings.Split(query, "&") {
		key, value, found := strings.Cut(pair, "=")
		if !found || !isKeyword(key) {
			return errors.New("invalid parameter in the URL (example: ?sslmode=require&connect_timeout=5)")
		}
		if key == "ssl" && value == "true" { // JDBC's
			key, value, pair = "sslmode", "require", "sslmode=require"
		}
		if err := d.set(key, key, value); err != nil {
			return err
		}
		if strings.Contains(key, "password") || key == "passfile" {
			pair = key + "=" + mask
		}
		shown = append(shown, pair)
	}
	d.redacted += "?" + strings.Join(shown, "&")
	return nil
}

func isKeyword(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == ""
}
