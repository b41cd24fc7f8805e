package dsn

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"
)

func TestParse(t *testing.T) {
	t.Setenv("PGHOST", "")
	for _, test := range []struct{ text, shown, name string }{
		{"sqlite:tocsin.db", "sqlite:tocsin.db", "sqlite:tocsin.db"},
		{"sqlite::memory:", "sqlite::memory:", "sqlite::memory:"},
		{"postgres://me:hunter2@db/x", "postgres://me:xxxxx@db/x", "db/x"},
		{"postgresql://me@db:5433/x?sslmode=disable", "postgresql://me@db:5433/x?sslmode=disable", "db:5433/x"},
		{"postgres:///x?password=hunter2&sslpassword=hunter2&host=db", "postgres:///x?password=xxxxx&sslpassword=xxxxx&host=db", "db/x"},
		{"postgres://u:p@127.0.0.1:1,127.0.0.1:2/x", "postgres://u:xxxxx@127.0.0.1:1,127.0.0.1:2/x", "127.0.0.1:1,127.0.0.1:2/x"},
		{"postgres://one,two:5433/x?target_session_attrs=read-write", "postgres://one,two:5433/x?target_session_attrs=read-write", "one,two:5433/x"},
		{"postgres://%2Fvar%2Frun%2Fpostgresql/x", "postgres://%2Fvar%2Frun%2Fpostgresql/x", "/var/run/postgresql/x"},
		{"postgres://[::1]:5433/x", "postgres://[::1]:5433/x", "::1:5433/x"},
		{"postgres://tocsin:4711#geheim@127.0.0.1:5432/x", "postgres://tocsin:xxxxx@127.0.0.1:5432/x", "127.0.0.1/x"},
		{"postgres://tocsin:my:pass?12#@127.0.0.1/x", "postgres://tocsin:xxxxx@127.0.0.1/x", "127.0.0.1/x"},
		{"postgres://db/x?sslrootcert=system", "postgres://db/x?sslrootcert=system", "db/x"},
		{"postgres://db/x?ssl=true", "postgres://db/x?sslmode=require", "db/x"},
	} {
		got, err := Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if diff := cmp.Diff([]string{test.shown, test.name}, []string{got.String(), got.Name()}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
	}
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                                            `invalid DSN (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"hunter2":                                     `invalid DSN (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"hunter2:x":                                   `invalid DSN (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"host=db password=hunter2":                    `invalid DSN (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"mysql://root:hunter2@db/x":                   `unsupported database "mysql" (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"sqlite:":                                     `no file in "sqlite:" (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"postgres:db/x":                               `invalid URL (example: sqlite:tocsin.db or postgres://user:password@host/database)`,
		"postgres://me:hunter2@db:0/x":                `invalid port in the URL (1 to 65535): a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`,
		"postgres://me:hunter2":                       `invalid port in the URL (1 to 65535): a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`,
		"postgres://me:hunter2@2@db/x":                `invalid URL: more than one @, or a / before it: a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`,
		"postgres://me:12/hunter2@db/x":               `invalid URL: more than one @, or a / before it: a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`,
		"postgres://me:hunter%2@db/x":                 `invalid percent-encoding in the URL's password: a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`,
		"postgres://db/x?hunter2":                     `invalid parameter in the URL (example: ?sslmode=require&connect_timeout=5)`,
		"postgres://db/x?sslmode=on":                  `wrong value for "sslmode": "on" is not supported; supported values are disable, allow, prefer, require, verify-full, or verify-ca`,
		"postgres://db/x?connect_timeout=":            ``,
		"postgres://db/x?target_session_attrs=master": `wrong value for "target_session_attrs": "master" is not supported; supported values are any, read-write, read-only, primary, standby, or prefer-standby`,
		"postgres://db/x?sslrootcert=system&sslmode=require": `weak sslmode "require" may not be used with sslrootcert=system (use "verify-full")`,
		"postgres://one,two/x?port=1,2,3":                    `could not match 3 port numbers to 2 hosts`,
	} {
		_, err := Parse(text)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", text, got, want)
		}
	}
}

// libpq's own parser accepts the same DSNs, with the same meaning.
func TestAsPsqlReads(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("psql is missing: run .ci/install")
	}
	for text, user := range map[string]string{
		"postgres://u:4711#x@127.0.0.1:1/d":            "u",
		"postgres://u%40v:p?q:r@127.0.0.1:1/d":         "u@v",
		"postgres://u@127.0.0.1:1,127.0.0.1:1/d":       "u",
		"postgres://u:p+q@%2Fnonexistent/d":            "u",
		"postgres://127.0.0.1:1/d?user=a%20b&ssl=true": "a b",
	} {
		out, _ := exec.Command(psql, "-w", text).CombinedOutput()
		if !strings.Contains(string(out), "onnection ") { // it tried to connect
			t.Errorf("psql %s: %s", text, out)
		}
		d, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		c, err := pq.NewConfig(d.Conninfo(map[string]string{"user": "default", "application_name": `it's a \`}))
		if err != nil || c.User != user || c.ApplicationName != `it's a \` || c.Database != "d" {
			t.Errorf("%s: %q %q %q, %v", text, c.User, c.Database, c.ApplicationName, err)
		}
	}
}

// Whatever the password is and wherever the URL is malformed, no error shows a part of it.
func FuzzNoPasswordIsShown(f *testing.F) {
	for _, password := range []string{"hunter2hunter2", "4711#geheim", "a/b@c?d=e&f", "%zz%00", "12/34@56", "p:1234:x", "x,y:9z", "[::1]:]", "p\nq\rs", "?sslmode=geheim"} {
		for _, shape := range []string{"postgres://u:\x00@db/x", "postgres://u:\x00", "\x00", "\x00:x", "postgres:\x00", "postgres://u:\x00@[::1/x?y", "postgres://db/x?password=\x00&a"} {
			f.Add(shape, password)
		}
	}
	f.Fuzz(func(t *testing.T, shape, password string) {
		before, after, found := strings.Cut(shape, "\x00")
		if !found || strings.HasPrefix(before, "sqlite:") {
			return
		}
		said := ""
		for _, cut := range []string{password, percent(password)} {
			switch d, err := Parse(before + cut + after); {
			case err != nil:
				said += err.Error() + "\n"
			case before == "postgres://u:" && strings.HasPrefix(after, "@"), strings.HasSuffix(before, "?password="):
				said += d.String() + "\n" + d.Name() + "\n"
			}
		}
		if !strings.Contains(after, "@") && strings.Contains(password, "?") {
			return // a parameter, not a password
		}
		const letters = 5 // in a row
		for i := range max(0, len(password)-letters+1) {
			if part := password[i : i+letters]; strings.Contains(said, part) && !strings.Contains(before+" "+after+examples+escapes+mask, part) {
				t.Fatalf("%q in %q: %q is shown: %s", password, shape, part, said)
			}
		}
	})
}

// percent encodes every byte.
func percent(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
