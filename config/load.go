package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
)

const (
	maxFile   = 256 << 10 // bytes of a configuration
	maxSecret = 4 << 10   // bytes of a secret_file
)

// Load reads a file. getenv returns TOCSIN_COMPONENT_SECRET and TOCSIN_STORAGE_DSN, which override the file. Relative paths
// in the file are relative to its directory. The error, if any, is a Faults with everything that is wrong.
func Load(file string, getenv func(string) string) (*Config, error) {
	data, err := readFile(file, maxFile)
	if err != nil {
		return nil, Faults{{File: file, Text: err.Error()}}
	}
	return parse(file, string(data), getenv)
}

func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		var data []byte
		data, err = io.ReadAll(io.LimitReader(f, limit+1))
		if err == nil && int64(len(data)) > limit {
			return nil, fmt.Errorf("larger than %s", Size(limit))
		}
		if err == nil && (bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))) {
			return nil, errors.New("encoded as UTF-16 (save it as UTF-8)")
		}
		if err == nil {
			return data, nil
		}
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err // the fault has the file's name already
	}
	return nil, err
}

func parse(file, doc string, getenv func(string) string) (*Config, error) {
	doc = strings.TrimPrefix(doc, "\ufeff")
	var table map[string]any
	if _, err := toml.Decode(doc, &table); err != nil {
		return nil, Faults{syntaxFault(file, doc, err)}
	}
	d := decoder{source: source{file: file, lines: keyLines(doc), env: map[string]string{}}, bad: map[string]bool{}}
	c := Default()
	d.table(table, reflect.ValueOf(c).Elem(), nil)
	d.secrets(c, getenv)
	d.check(c)
	if len(d.faults) > 0 {
		d.faults.sort()
		return nil, d.faults
	}
	c.source = d.source
	return c, nil
}

func syntaxFault(file, doc string, err error) Fault {
	f := Fault{File: file, Line: 1, Text: strings.TrimPrefix(err.Error(), "toml: ")}
	if pe := (toml.ParseError{}); errors.As(err, &pe) {
		at := min(max(pe.Position.Start, 0), len(doc)) // Position.Line is one too many for an error at the end of a line
		f.Line = 1 + strings.Count(doc[:at], "\n")
		f.Key, f.Text = pe.LastKey, strings.TrimSuffix(pe.Message, ".")
		if strings.HasSuffix(f.Key, "secret") || strings.HasSuffix(f.Key, "dsn") {
			f.Text = "invalid TOML (put the value in quotes)" // the message might quote it
		}
	}
	f.Text = strings.ReplaceAll(f.Text, "\n", " ")
	return f
}

// Environment variables that override the file.
const (
	secretVariable = "TOCSIN_COMPONENT_SECRET"
	dsnVariable    = "TOCSIN_STORAGE_DSN"
)

// secrets reads the values that may come from elsewhere than the file.
func (d *decoder) secrets(c *Config, getenv func(string) string) {
	d.secret(path{"component"}, &c.Component.Secret, c.Component.SecretFile)
	if secret := trimSecret(getenv(secretVariable)); secret != "" {
		c.Component.Secret = Secret(secret)
		d.origin(path{"component", "secret"}, secretVariable)
	}
	for i := range c.Escalate.Steps {
		step := &c.Escalate.Steps[i]
		d.secret(stepPath(i), &step.Secret, step.SecretFile)
	}
	if c.SMS != nil {
		for i := range c.SMS.Routes {
			r := &c.SMS.Routes[i]
			d.secret(path{"sms", "route"}.index(i), &r.Secret, r.SecretFile)
		}
	}
	if s := trimDSN(getenv(dsnVariable)); s != "" {
		at := path{"storage", "dsn"}
		d.origin(at, dsnVariable)
		dsn, err := ParseDSN(s)
		if err != nil {
			d.fault(at, "%v", err)
		}
		c.Storage.DSN = dsn
		return
	}
	if name, ok := strings.CutPrefix(string(c.Storage.DSN), "sqlite:"); ok && !strings.HasPrefix(name, ":memory:") && !strings.HasPrefix(name, "file:") {
		c.Storage.DSN = DSN("sqlite:" + d.resolve(name))
	}
}

// secret reads the secret of a table from its secret_file, if it has one.
func (d *decoder) secret(table path, secret *Secret, name string) {
	*secret = Secret(trimSecret(string(*secret)))
	if name == "" {
		return
	}
	at := table.add("secret_file")
	if *secret != "" {
		d.fault(at, "secret and secret_file are mutually exclusive")
		return
	}
	data, err := readFile(d.resolve(name), maxSecret)
	if err != nil {
		d.fault(at, "%q: %v", name, err)
		return
	}
	*secret = Secret(trimSecret(string(data)))
	if *secret == "" {
		d.fault(at, "%q is empty", name)
	}
	d.lines[table.add("secret").String()] = d.line(at)
}

// resolve resolves a path in the file relative to the file's directory.
func (s source) resolve(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(s.file), name)
}

// Where returns where the value of a key like "component.secret" comes from, for messages that ask to change it:
// "config.toml:4: component.secret", or the name of an environment variable. For a key that is not in the file it gives the
// line of its table, if there is one.
func (c *Config) Where(key string) string {
	return c.source.where(strings.Split(key, "."))
}

func (s source) where(p path) string {
	if name := s.env[p.String()]; name != "" {
		return name
	}
	return strings.TrimSuffix(Fault{File: s.file, Line: s.line(p), Key: p.key()}.Error(), ": ")
}
