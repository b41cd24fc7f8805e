package config

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigIsPrintedWithoutSecrets(t *testing.T) {
	c, err := parse("config.toml", with("[storage]", "dsn = 'postgres://me:hunter2@db/x?password=hunter2'",
		"[[escalate.step]]", "do = 'webhook'", "url = 'https://example.org'", "secret = 'hunter2'"), env())
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("config", "config", c, "storage", c.Storage, "step", c.Escalate.Steps, "secret", c.Component.Secret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		log.WriteString(fmt.Sprintf(format+format+format+format, c, *c, c.Component, c.Storage))
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("a secret is shown: %s", log.String())
	}
}

// What editors and shells add to a secret or a DSN is ignored, whatever its source.
func TestSecretsAreTrimmedAlike(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "secret", "\ufeffhunter2\r\n")
	head := "[component]\njid = 'tocsin.example.org'\n%s\n[tap]\ndomains = ['example.org']\n[storage]\n%s"
	for name, test := range map[string]struct {
		secret, dsn string
		env         []string
	}{
		"from files":             {`secret_file = "secret"`, `dsn = " sqlite:/x.db\n"`, nil},
		"from strings":           {`secret = "hunter2\r\n"`, `dsn = """sqlite:/x.db\n"""`, nil},
		"from the environment":   {"", "", []string{"TOCSIN_COMPONENT_SECRET=hunter2\n", "TOCSIN_STORAGE_DSN=sqlite:/x.db\r\n"}},
		"empty ones don't count": {`secret = "hunter2"`, `dsn = "sqlite:/x.db"`, []string{"TOCSIN_COMPONENT_SECRET=\n", "TOCSIN_STORAGE_DSN= \n"}},
	} {
		c, err := Load(write(t, dir, "config.toml", fmt.Sprintf(head, test.secret, test.dsn)), env(test.env...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([]string{"hunter2", "sqlite:/x.db"}, []string{string(c.Component.Secret), string(c.Storage.DSN)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}

	write(t, dir, "secret", "\xff\xfeh\x00u\x00")
	file := write(t, dir, "config.toml", fmt.Sprintf(head, "secret_file = 'secret'", ""))
	if _, err := Load(file, env()); fmt.Sprint(err) != file+`:3: component.secret_file: "secret": encoded as UTF-16 (save it as UTF-8)` {
		t.Errorf("PowerShell's file: %v", err)
	}
}

// Errors name the source of a value that does not come from the file.
func TestWhereSecretsComeFrom(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "config.toml", with("[storage]", "dsn = 'sqlite:x.db'"))
	c, err := Load(file, env("TOCSIN_STORAGE_DSN=postgres://db/x", "TOCSIN_COMPONENT_SECRET=swordfish"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Where("storage.dsn") + " " + c.Where("component.secret"); got != "TOCSIN_STORAGE_DSN TOCSIN_COMPONENT_SECRET" {
		t.Errorf("from the environment: %s", got)
	}
	_, notes, err := c.Reload(env("TOCSIN_STORAGE_DSN=postgres://db/y"))
	want := []string{file + ":3: component.secret: takes effect after a restart", "TOCSIN_STORAGE_DSN: takes effect after a restart"}
	if diff := cmp.Diff(want, notes); diff != "" || err != nil {
		t.Errorf("reloaded: %v (-want +got):\n%s", err, diff)
	}

	write(t, dir, "secret", "swordfish")
	replaced := strings.Replace(with(), "secret = 'hunter2'", "secret_file = 'secret'", 1)
	c, err = Load(write(t, dir, "config.toml", replaced), env())
	if err != nil || c.Where("component.secret") != file+":3: component.secret" {
		t.Errorf("from a file: %v, %v", c, err)
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, dir, "secret", "hunter2")
	for name, test := range map[string]struct {
		doc  string
		env  []string
		want []string
	}{
		"in the file":           {with(), nil, []string{dir + "/config.toml"}},
		"in another":            {strings.Replace(with(), "secret = 'hunter2'", "secret_file = 'secret'", 1), nil, []string{secret}},
		"in the environment":    {with("[storage]", "dsn = 'postgres://db/x'"), []string{"TOCSIN_COMPONENT_SECRET=hunter2"}, nil},
		"of a database":         {with("[storage]", "dsn = 'postgres://u:p@db/x'"), []string{"TOCSIN_COMPONENT_SECRET=hunter2"}, []string{dir + "/config.toml"}},
		"of a webhook":          {with("[[escalate.step]]", "do = 'webhook'", "url = 'https://example.org'", "secret_file = 'secret'"), nil, []string{dir + "/config.toml", secret}},
		"all in an environment": {with("[storage]", "dsn = 'postgres://u:p@db/x'"), []string{"TOCSIN_COMPONENT_SECRET=x", "TOCSIN_STORAGE_DSN=sqlite:x"}, nil},
	} {
		c, err := Load(write(t, dir, "config.toml", test.doc), env(test.env...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, c.SecretFiles()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Wherever a secret is in a file, valid or not, no error shows a part of it.
func FuzzNoSecretIsShown(f *testing.F) {
	for _, password := range []string{"hunter2hunter2", "a/b@c?d=e&f", "%zz%00x", "12/34@5678", "it's \"quoted\" here", "[[x]]y=1", "line\nbreak\n"} {
		for _, doc := range []string{
			"[component]\nsecret = '\x00'", "[component]\nsecret = \x00", "[component]\nsecret \x00", "component.secret = '\x00' 5", "[component]\nsecret = ['\x00']",
			"[component]\nsecret = \"\x00", "[component]\nsecret = 'x'\nsecret = \"\x00\"", "[component.secret]\nx = '\x00'", "[component]\n\"secret\" = {x='\x00'}",
			"[storage]\ndsn = 'postgres://u:\x00@db/x'", "[storage]\ndsn = postgres://u:\x00@db/x", "[storage]\ndsn = ['postgres://u:\x00@db/x']", "storage = 'postgres://u:\x00@db/x'",
			"[[escalate.step]]\ndo = 'webhook'\nurl = 'https://u:\x00@[::1'", "[[escalate.step]]\ndo = 'webhook'\nurl = https://u:\x00@x", "[[escalate.step]]\ndo = 'prompt'\nsecret = '\x00'",
		} {
			f.Add(doc, password)
		}
	}
	f.Fuzz(func(t *testing.T, doc, password string) {
		before, after, found := strings.Cut(doc, "\x00")
		if !found || strings.Contains(before, "_file") || !strings.ContainsAny(before, "'\"=") {
			return
		}
		keys := regexp.MustCompile(`(secret|dsn|url|storage)"?( = | = \S*$|.*$)`)
		if last := before[strings.LastIndexByte(before, '\n')+1:]; !keys.MatchString(last) {
			return // the inserted text is no longer a secret
		}
		_, err := parse("config.toml", before+password+after, env())
		said := fmt.Sprint(err)
		const letters = 5 // in a row
		for i := range max(0, len(password)-letters+1) {
			if part := password[i : i+letters]; strings.Contains(said, part) && !strings.Contains(fmt.Sprint(parse("config.toml", before+after, env()))+before+after, part) {
				t.Fatalf("%q in %q: %q is shown: %s", password, doc, part, said)
			}
		}
	})
}
