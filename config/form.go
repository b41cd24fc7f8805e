package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/language"

	"tocsin/address"
	"tocsin/component/sms"
	"tocsin/storage/dsn"
	"tocsin/track"
)

// Size is a number of bytes.
type Size int64

// String returns the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.bytes && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

var sizeUnits = []struct {
	name  string
	bytes Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func parseSize(s string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
		if err != nil {
			break
		}
		return Size(n) * u.bytes, nil
	}
	return 0, fmt.Errorf(`invalid size %q (example: 512KiB)`, s)
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf(`invalid duration %q (example: 10m)`, s)
	}
	return d, nil
}

// forms are the parsers of texts that the tag "is" can name. Their results are converted to the field's type.
var forms = map[string]func(string) (any, error){
	"domain":     func(s string) (any, error) { return ParseDomain(s) },
	"user":       func(s string) (any, error) { return ParseUser(s) },
	"localpart":  func(s string) (any, error) { return parseLocalpart(s) },
	"pattern":    func(s string) (any, error) { return parsePattern(s) },
	"server":     func(s string) (any, error) { return parseServer(s) },
	"listen":     func(s string) (any, error) { return parseListen(s) },
	"dsn":        func(s string) (any, error) { return ParseDSN(s) },
	"url":        func(s string) (any, error) { return parseURL(s) },
	"template":   func(s string) (any, error) { return parseTemplate(s) },
	"quiet":      func(s string) (any, error) { return parseQuiet(s) },
	"region":     func(s string) (any, error) { return parseRegion(s) },
	"country":    func(s string) (any, error) { return parseCountry(s) },
	"sms sender": func(s string) (any, error) { return parseSMSSender(s) },
	"prefix":     func(s string) (any, error) { return parsePrefix(s) },
	"text":       func(s string) (any, error) { return nonEmpty(s) },
	"path":       func(s string) (any, error) { return nonEmpty(s) },
}

func nonEmpty(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", errors.New("must not be empty")
	}
	return s, nil
}

// ParseDomain parses a domain and normalises it.
func ParseDomain(s string) (string, error) {
	domain, err := address.Domain(s)
	if err != nil {
		return "", fmt.Errorf(`invalid domain %q (example: example.org)`, s)
	}
	return domain, nil
}

// ParseUser parses the bare JID of a user and normalises it.
func ParseUser(s string) (string, error) {
	j, err := address.Parse(s)
	switch {
	case err != nil || j.Localpart() == "":
		return "", fmt.Errorf(`invalid user JID %q (example: alice@example.org)`, s)
	case j.Resourcepart() != "":
		return "", fmt.Errorf(`JID %q has a resource (use %s)`, s, j.Bare())
	}
	return j.String(), nil
}

func parseLocalpart(s string) (string, error) {
	local, err := address.Local(s)
	if err != nil {
		return "", fmt.Errorf(`invalid localpart %q (example: sms)`, s)
	}
	return local, nil
}

func parsePattern(s string) (track.Pattern, error) {
	fault := fmt.Errorf(`invalid pattern %q (examples: example.org, *@example.org, alice@example.org)`, s)
	local, domain, isUser := strings.Cut(s, "@")
	if !isUser {
		local, domain = "*", s
	}
	domain, err := ParseDomain(domain)
	if err != nil {
		return "", fault
	}
	switch {
	case !isUser:
		return track.Pattern(domain), nil
	case local == "*":
		return track.Pattern("*@" + domain), nil
	case strings.Contains(local, "*"):
		return "", fault
	}
	user, err := ParseUser(local + "@" + domain)
	if err != nil {
		return "", fault
	}
	return track.Pattern(user), nil
}

func parseServer(s string) (string, error) {
	if file, ok := strings.CutPrefix(s, "unix:"); ok {
		if file == "" {
			return "", fmt.Errorf(`no socket in %q (example: unix:/run/prosody/component.sock)`, s)
		}
		return s, nil
	}
	host, err := parseHostPort(s, "127.0.0.1:5347")
	if err != nil {
		return "", err
	}
	if host == "" {
		return "", fmt.Errorf(`no host in %q (example: 127.0.0.1:5347)`, s)
	}
	return s, nil
}

func parseListen(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	_, err := parseHostPort(s, "127.0.0.1:9476")
	return s, err
}

func parseHostPort(s, example string) (host string, err error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf(`invalid address %q (example: %s)`, s, example)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("invalid port %q (1 to 65535)", port)
	}
	return host, nil
}

// ParseDSN parses the name of a database. Its errors contain no part of a password.
func ParseDSN(s string) (DSN, error) {
	s = trimDSN(s)
	if _, err := dsn.Parse(s); err != nil {
		return "", err
	}
	return DSN(s), nil
}

func parseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("invalid URL (example: https://hooks.example.org/tocsin)")
	}
	return s, nil
}

func parseTemplate(s string) (*template.Template, error) {
	t, err := template.New("").Parse(s)
	if err == nil {
		err = t.Execute(io.Discard, sms.Fill{Sender: "alice@example.org", Domain: "example.org", Text: "Hello"})
	}
	if err != nil {
		_, text, _ := strings.Cut(strings.TrimPrefix(err.Error(), "template: :"), ": ")
		text = strings.TrimSuffix(strings.TrimPrefix(text, `executing "" at `), " in type sms.Fill")
		return nil, fmt.Errorf("invalid template: %s (fields: .Sender, .Domain, .Text)", text)
	}
	return t, nil
}

// parseQuiet parses quiet hours with their time zone: "22:00-07:00 Europe/Berlin". An empty text is the zero Quiet: never.
func parseQuiet(s string) (track.Quiet, error) {
	q, err := track.ParseQuiet(s, nil)
	if err == nil && q.Zone == nil && q != (track.Quiet{}) {
		return track.Quiet{}, fmt.Errorf(`no time zone in %q (example: 22:00-07:00 Europe/Berlin)`, s)
	}
	return q, err
}

func parseRegion(s string) (string, error) {
	if phonenumbers.GetCountryCodeForRegion(s) == 0 {
		return "", fmt.Errorf(`unknown region %q (example: CN)`, s)
	}
	return s, nil
}

func checkLanguage(s string) error {
	if _, err := language.Parse(s); err != nil {
		return fmt.Errorf(`unknown language %q (example: en)`, s)
	}
	return nil
}
