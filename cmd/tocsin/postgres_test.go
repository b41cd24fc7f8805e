package main

import (
	"strings"
	"testing"

	"tocsin/internal/lab"
)

// On PostgreSQL only migrate (and run) create the schema; all other commands report that it is missing.
func TestCommandsOnPostgres(t *testing.T) {
	dsn := lab.Postgres(t)
	config := configured(t, "127.0.0.1:1", "", "[storage]\ndsn = '"+dsn+"'")
	hint := `.*config.toml:10: storage.dsn: .*run "tocsin migrate"`
	for _, args := range [][]string{{"status"}, {"numbers", "list"}} {
		code, out := tocsin(t, append(args, "-config", config)...)
		lines(t, out, "tocsin: "+hint)
		if code != failed {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	code, out := tocsin(t, "check", "-offline", "-config", config)
	lines(t, out, configOK, `FAIL  database  `+hint)
	if code != failed {
		t.Errorf("check: exit code %d", code)
	}
	code, out = tocsin(t, "migrate", "-status", "-config", config)
	if code != done || !strings.HasPrefix(out, "0001  pending") {
		t.Errorf("migrate -status: exit code %d: %s", code, out)
	}

	code, out = tocsin(t, "migrate", "-config", config)
	if code != done || !strings.HasPrefix(out, "0001  applied") || strings.Contains(out, "pending") {
		t.Errorf("migrate: exit code %d: %s", code, out)
	}
	must(t, "numbers", "set", "bob@example.org", "+8613800138000", "-config", config)
	if out := must(t, "numbers", "list", "-config", config); !strings.HasPrefix(out, "bob@example.org  +8613800138000") {
		t.Errorf("numbers list: %s", out)
	}
	code, out = tocsin(t, "check", "-offline", "-config", config)
	lines(t, out, configOK, `ok    database  postgres://.*, 0 messages pending`)
	if code != done {
		t.Errorf("check: exit code %d", code)
	}
}

func TestCopyToPostgres(t *testing.T) {
	dsn := lab.Postgres(t)
	small := configured(t, "127.0.0.1:1", "", "")
	must(t, "numbers", "set", "bob@example.org", "+8613800138000", "-private", "-config", small)
	before := must(t, "numbers", "export", "-config", small)
	must(t, "storage", "copy", "-from", "sqlite:"+strings.TrimSuffix(small, "config.toml")+"tocsin.db", "-to", dsn)
	large := configured(t, "127.0.0.1:1", "", "[storage]\ndsn = '"+dsn+"'")
	if after := must(t, "numbers", "export", "-config", large); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// must runs a command that must succeed, and returns its output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out := tocsin(t, args...)
	if code != done {
		t.Fatalf("%v: exit code %d: %s", args, code, out)
	}
	return out
}
