package config

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

func env(assignments ...string) func(string) string {
	return func(key string) string {
		for _, a := range assignments {
			if name, value, _ := strings.Cut(a, "="); name == key {
				return value
			}
		}
		return ""
	}
}

// with returns a valid file with the given lines beginning at line 6.
func with(lines ...string) string {
	return "[component]\njid = 'tocsin.example.org'\nsecret = 'hunter2'\n[tap]\ndomains = ['example.org']\n" + strings.Join(lines, "\n") + "\n"
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		doc  string
		want string // one fault a line
	}{
		// Durations, sizes, numbers, booleans.
		{with("[track]", `unread_after = "10x"`), `config.toml:7: track.unread_after: "10x" is no duration (say "10m")`},
		{with("[track]", `unread_after = 10`), `config.toml:7: track.unread_after: 10 is no duration (say "10m")`},
		{with("[track]", `unread_after = "-1s"`), `config.toml:7: track.unread_after: "-1s" is too little (at least "0s")`},
		{with("[escalate]", `expires = "0s"`), `config.toml:7: escalate.expires: "0s" is too little (at least "1s")`},
		{with("[storage]", `flush = "1m"`), `config.toml:7: storage.flush: "1m" is too much (at most "1s")`},
		{with("max_stanza = '512KB'"), `config.toml:6: tap.max_stanza: "512KB" is no size (say "512KiB")`},
		{with("max_stanza = 524288"), `config.toml:6: tap.max_stanza: 524288 is no size (say "512KiB")`},
		{with("max_stanza = '1KiB'"), `config.toml:6: tap.max_stanza: "1KiB" is too little (at least "4KiB")`},
		{with("[track]", "fire_rate = 0"), `config.toml:7: track.fire_rate: 0 is too little (at least 1)`},
		{with("[track]", "fire_rate = 1.5"), `config.toml:7: track.fire_rate: 1.5 is no whole number (say 1000)`},
		{with("[escalate]", "per_sender_per_hour = -1"), `config.toml:7: escalate.per_sender_per_hour: -1 is too little (at least 0)`},
		{with("[escalate]", "text_limit = 99999999999"), `config.toml:7: escalate.text_limit: 99999999999 is too much (at most 10000)`},
		{with("[track]", `reply_reads = "yes"`), `config.toml:7: track.reply_reads: "yes" is neither true nor false`},
		{with("[track]", "min_after = '2h'", "max_after = '1h'"), `config.toml:7: track.min_after: is more than track.max_after`},

		// Words.
		{with("[track]", "senders = 'everybody'"), `config.toml:7: track.senders: "everybody" is not known (all, opted-in or hinted)`},
		{with("[escalate]", "mode = 'Ask'"), `config.toml:7: escalate.mode: "Ask" is not known (ask, auto or never)`},
		{with("[numbers]", "sources = ['directory', 'ldap']"), `config.toml:7: numbers.sources: "ldap" is not known (directory or vcard)`},
		{with("[log]", "level = true"), `config.toml:7: log.level: true is no text (put it into quotes)`},

		// Unknown keys and tables.
		{with("[track]", "unread_afer = '1m'"), `config.toml:7: track.unread_afer: unknown key (did you mean unread_after?)`},
		{with("unread_after = '1m'"), `config.toml:6: tap.unread_after: unknown key (did you mean track.unread_after?)`},
		{with("[escalate]", "expire = '1h'"), `config.toml:7: escalate.expire: unknown key (did you mean expires?)`},
		{with("colour = 'red'"), `config.toml:6: tap.colour: unknown key`},
		{with("[trak]", "senders = 'all'"), `config.toml:6: trak: unknown table (did you mean track?)`},
		{with("[[escalate.steps]]"), `config.toml:6: escalate.steps: unknown table (did you mean step?)`},
		{with("[sms]", "gateway = 'x'"), `config.toml:7: sms.gateway: unknown key`},
		{with(`"odd\nkey" = 1`), `config.toml:6: tap."odd\nkey": unknown key`},
		{with("[track.priority]", "name = 'high'"), `config.toml:6: track.priority: a table is no list of tables (write [[track.priority]])`},
		{with("[[log]]"), `config.toml:6: log: a list is no table (write [log])`},
		{with("ignore = 'example.com'"), `config.toml:6: tap.ignore: "example.com" is no list (put it into [ ])`},

		// Addresses.
		{strings.Replace(with(), "tocsin.example.org", "sms@tocsin.example.org", 1), `config.toml:2: component.jid: "sms@tocsin.example.org" is no domain (say "example.org")`},
		{strings.Replace(with(), "'example.org'", "\n'example.org',\n'exa mple.org'", 1), `config.toml:7: tap.domains: "exa mple.org" is no domain (say "example.org")`},
		{strings.Replace(with(), "'example.org'", "'example.org', 'EXAMPLE.org'", 1), `config.toml:5: tap.domains: "example.org" stands here twice`},
		{strings.Replace(with(), "'example.org'", "'tocsin.example.org'", 1), `config.toml:5: tap.domains: "tocsin.example.org" is the component's own domain`},
		{with("[component.x]"), `config.toml:6: component.x: unknown table`},
		{component("admins = ['example.org']"), `config.toml:2: component.admins: "example.org" is no JID of a user (say "alice@example.org")`},
		{component("admins = ['a@example.org/x']"), `config.toml:2: component.admins: "a@example.org/x" names a resource (say "a@example.org")`},
		{component("admins = ['sms@tocsin.example.org']"), `config.toml:2: component.admins: "sms@tocsin.example.org" is the component's contact`},
		{component("contact = 's ms'"), `config.toml:2: component.contact: "s ms" is no part of a JID before the @ (say "sms")`},
		{component("contact = ''"), `config.toml:2: component.contact: "" is no part of a JID before the @ (say "sms")`},
		{component("name = ''"), `config.toml:2: component.name: is empty`},
		{with("ignore = ['*']"), `config.toml:6: tap.ignore: "*" is no pattern (say "example.org", "*@example.org" or "alice@example.org")`},
		{with("ignore = ['a*@example.org']"), `config.toml:6: tap.ignore: "a*@example.org" is no pattern (say "example.org", "*@example.org" or "alice@example.org")`},
		{component("server = '127.0.0.1'"), `config.toml:2: component.server: "127.0.0.1" is no host and port (say "127.0.0.1:5347")`},
		{component("server = '127.0.0.1:70000'"), `config.toml:2: component.server: "70000" is no port (1 to 65535)`},
		{component("server = ':5347'"), `config.toml:2: component.server: ":5347" names no host (say "127.0.0.1:5347")`},
		{component("server = 'unix:'"), `config.toml:2: component.server: "unix:" names no socket (say "unix:/run/prosody/component.sock")`},
		{with("[metrics]", "listen = '9476'"), `config.toml:7: metrics.listen: "9476" is no host and port (say "127.0.0.1:9476")`},

		// Databases.
		{with("[storage]", "dsn = 'mysql://root:hunter2@db/x'"), `config.toml:7: storage.dsn: "mysql" is no kind of database (say "sqlite:tocsin.db" or "postgres://user:pass@host/db")`},
		{with("[storage]", "dsn = 'host=db password=hunter2'"), `config.toml:7: storage.dsn: is no DSN (say "sqlite:tocsin.db" or "postgres://user:pass@host/db")`},
		{with("[storage]", "dsn = 'sqlite:'"), `config.toml:7: storage.dsn: "sqlite:" names no file (say "sqlite:tocsin.db" or "postgres://user:pass@host/db")`},
		{with("[storage]", "dsn = 'postgres://me:hunter2@db:0/x'"), `config.toml:7: storage.dsn: "0" is no port (1 to 65535)`},
		{with("[storage]", "dsn = 5"), `config.toml:7: storage.dsn: is no text (put it into quotes)`},

		// Quiet hours, templates, regions, URLs.
		{with("[escalate]", "quiet_hours = '22:00-07:00'"), `config.toml:7: escalate.quiet_hours: "22:00-07:00" names no time zone (say "22:00-07:00 Europe/Berlin")`},
		{with("[escalate]", "quiet_hours = '22:00-07:00 Europe/Bärlin'"), `config.toml:7: escalate.quiet_hours: "Europe/Bärlin" is no time zone (say "Europe/Berlin")`},
		{with("[escalate]", "quiet_hours = '25:00-07:00 Europe/Berlin'"), `config.toml:7: escalate.quiet_hours: "25:00-07:00" is no span of hours (say "22:00-07:00")`},
		{with("[escalate]", "template.en = '{{.Text'"), `config.toml:7: escalate.template.en: is no template: unclosed action (there are .Sender, .Domain and .Text)`},
		{with("[escalate]", "template.en = '{{.Body}}'"), `config.toml:7: escalate.template.en: is no template: <.Body>: can't evaluate field Body (there are .Sender, .Domain and .Text)`},
		{with("[escalate]", "template.e = 'x'"), `config.toml:7: escalate.template.e: "e" is no language (say "en")`},
		{with("[escalate]", "template = 'x'"), `config.toml:7: escalate.template: "x" is no table (write template.en = "…")`},
		{with("[numbers]", "region = 'China'"), `config.toml:7: numbers.region: "China" is no region (say "CN")`},
		{with("[[escalate.step]]", "do = 'webhook'", "url = 'ftp://example.org'"), `config.toml:8: escalate.step.url: is no URL (say "https://hooks.example.org/tocsin")`},

		// What needs something else.
		{with("[numbers]", "verify = true"), `config.toml:7: numbers.verify: needs an [sms] table`},
		{with("[escalate]", "mode = 'auto'"), `config.toml:7: escalate.mode: "auto" needs an [sms] table`},
		{with("[[escalate.step]]", "do = 'sms'"), `config.toml:7: escalate.step.do: "sms" needs an [sms] table`},
		{with("[[escalate.step]]", "after = '1m'"), `config.toml:6: escalate.step.do: is missing (status, remind, prompt, sms or webhook)`},
		{with("[[escalate.step]]", "do = 'webhook'"), `config.toml:6: escalate.step.url: is missing (say "https://hooks.example.org/tocsin")`},
		{with("[[escalate.step]]", "do = 'prompt'", "url = 'https://example.org'"), `config.toml:8: escalate.step.url: is for do = "webhook" only`},
		{with("[[escalate.step]]", "do = 'prompt'", "secret = 'hunter2'"), `config.toml:8: escalate.step.secret: is for do = "webhook" only`},
		{with("[[escalate.step]]", "do = 'status'", "after = '2m'", "[[escalate.step]]", "do = 'prompt'", "after = '1m'"),
			`config.toml:11: escalate.step.after: "1m0s" comes before the step above it ("2m0s"): both count from the timeout`},
		{with(strings.Repeat("[[escalate.step]]\ndo = 'status'\n", 6)), `config.toml:16: escalate.step: is one step too many (at most 5)`},
		{with("[[track.priority]]", "unread_after = '1m'"), `config.toml:6: track.priority.name: is missing (low, normal, high or urgent)`},
		{with("[[track.priority]]", "name = 'high'", "[[track.priority]]", "name = 'high'", "senders = ['example.org']"),
			`config.toml:9: track.priority.name: "high" never matches: line 6 takes everybody's high`},

		// What is missing.
		{"", "config.toml: component.jid: is missing (say \"tocsin.example.org\")\n" +
			"config.toml: component.secret: is missing (or give secret_file, or TOCSIN_COMPONENT_SECRET)\n" +
			"config.toml: tap.domains: is missing (say [\"example.org\"])"},
		{"\n[component]\nsecret = 'x'\n[tap]\ndomains = []\n", "config.toml:2: component.jid: is missing (say \"tocsin.example.org\")\n" +
			"config.toml:5: tap.domains: is missing (say [\"example.org\"])"},

		// Secrets stay secret.
		{"[component]\njid = 'tocsin.example.org'\nsecret = 12345\n[tap]\ndomains = ['example.org']", `config.toml:3: component.secret: is no text (put it into quotes)`},
		{"[component]\nsecret = hunter2\n", `config.toml:2: component.secret: is no TOML (put the value into quotes)`},
		{"[component]\nsecret = 'a'\nsecret_file = 'b'\njid = 'tocsin.example.org'\n[tap]\ndomains = ['example.org']", `config.toml:3: component.secret_file: stands beside secret: give one of them`},
		{"[component]\nsecret_file = '/nonexistent/secret'\njid = 'tocsin.example.org'\n[tap]\ndomains = ['example.org']", `config.toml:2: component.secret_file: "/nonexistent/secret" can't be read: no such file or directory`},

		// No TOML at all.
		{with("[track", "x = 1"), `config.toml:6: tap: expected '.' or ']' to end table name, but got '\n' instead`},
		{with("[tap]"), `config.toml:6: Key 'tap' has already been defined`},
	} {
		_, err := parse("config.toml", test.doc, env())
		if err == nil {
			t.Errorf("no fault, want %s", test.want)
			continue
		}
		if diff := cmp.Diff(test.want, err.Error()); diff != "" {
			t.Errorf("%s\n(-want +got):\n%s", test.doc, diff)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a secret was told: %v", err)
		}
	}
}

// component returns a valid file with the line as its second, in [component].
func component(line string) string { return strings.Replace(with(), "\n", "\n"+line+"\n", 1) }

func TestAllFaultsAtOnce(t *testing.T) {
	doc := `# a comment with [brackets] and "quotes
[component]
jid = "not a domain"
text = """
[tap] = in a string
\""" unread_after = """
[tap]
domains = [
  "example.org", # ]
  "bad domain",
]
[[escalate.step]]
do = 'prompt'
on = "later"
[[escalate.step]]
do = { nothing = [1, 2] }
[[ "escalate" . 'step' ]] # the last of them
prio = 1
[track]
senders."x y".z = 1
`
	_, err := parse("dir/config.toml", doc, env("TOCSIN_STORAGE_DSN=postgres//oops"))
	want := `TOCSIN_STORAGE_DSN: is no DSN (say "sqlite:tocsin.db" or "postgres://user:pass@host/db")
dir/config.toml:2: component.secret: is missing (or give secret_file, or TOCSIN_COMPONENT_SECRET)
dir/config.toml:3: component.jid: "not a domain" is no domain (say "example.org")
dir/config.toml:4: component.text: unknown key (did you mean escalate.text?)
dir/config.toml:10: tap.domains: "bad domain" is no domain (say "example.org")
dir/config.toml:14: escalate.step.on: "later" is not known (undelivered or unread)
dir/config.toml:16: escalate.step.do: a table is no text (put it into quotes)
dir/config.toml:17: escalate.step.do: is missing (status, remind, prompt, sms or webhook)
dir/config.toml:18: escalate.step.prio: unknown key (did you mean priority?)
dir/config.toml:20: track.senders: a table is no text (put it into quotes)`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadFindsSecrets(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "secret", "from file\n")
	file := write(t, dir, "config.toml", "[component]\njid = 'tocsin.example.org'\nsecret_file = 'secret'\n[tap]\ndomains = ['example.org']\n"+
		"[[escalate.step]]\ndo = 'webhook'\nurl = 'https://example.org'\nsecret_file = 'secret'")
	for _, test := range []struct {
		env            []string
		secret, dsn    string
		webhook, shown string
	}{
		{nil, "from file", "sqlite:" + dir + "/tocsin.db", "from file", "sqlite:" + dir + "/tocsin.db"},
		{[]string{"TOCSIN_COMPONENT_SECRET=from env", "TOCSIN_STORAGE_DSN=postgres://me:pass@db/x"},
			"from env", "postgres://me:pass@db/x", "from file", "postgres://me:xxxxx@db/x"},
	} {
		c, err := Load(file, env(test.env...))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{string(c.Component.Secret), string(c.Storage.DSN), string(c.Escalate.Steps[0].Secret), c.Storage.DSN.String()}
		if diff := cmp.Diff([]string{test.secret, test.dsn, test.webhook, test.shown}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := Load("/nonexistent/config.toml", env())
	if want := "/nonexistent/config.toml: can't be read: no such file or directory"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestNormalises(t *testing.T) {
	c, err := parse("config.toml", strings.NewReplacer("'tocsin.example.org'", "'Tocsin.Example.ORG'\nadmins = ['Admin@Example.org']").Replace(
		with("ignore = ['Conference.example.org', '*@IRC.example.org', 'Bot@example.org']")), env())
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %s %s", c.Component.JID, c.Component.Admins, c.Component.ContactJID(), c.Tap.Ignore)
	want := "tocsin.example.org [admin@example.org] sms@tocsin.example.org [conference.example.org *@irc.example.org bot@example.org]"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

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
		t.Errorf("a secret was told: %s", log.String())
	}
}

func TestWhere(t *testing.T) {
	c, err := parse("config.toml", with("[storage]", "", "dsn = 'sqlite::memory:'"), env())
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"storage.dsn":      "config.toml:8: storage.dsn",
		"storage.flush":    "config.toml:6: storage.flush",
		"component.secret": "config.toml:3: component.secret",
		"metrics.listen":   "config.toml: metrics.listen",
	} {
		if got := c.Where(key); got != want {
			t.Errorf("Where(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestPolicy(t *testing.T) {
	c, err := parse("config.toml", with("[track]", "senders = 'opted-in'", "reply_reads = false",
		"[[track.priority]]", "name = 'urgent'", "unread_after = '1m'", "bypass_quiet_hours = true", "senders = ['*@ops.example.org']",
		"[escalate]", "mode = 'auto'", "quiet_hours = '22:00-07:00 Europe/Berlin'", "per_recipient_per_day = 0", "reveal = 'all'",
		"[[escalate.step]]", "do = 'status'",
		"[[escalate.step]]", "do = 'sms'", "after = '5m'", "on = 'unread'", "priority = 'high'",
		"[[escalate.step]]", "do = 'webhook'", "after = '1h'", "url = 'https://example.org/'", "secret = 'key'", "[sms]"), env())
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := track.Policy{
		Senders: track.SendersOptedIn, UndeliveredAfter: 2 * time.Minute, UnreadAfter: 10 * time.Minute, MinAfter: 10 * time.Second, MaxAfter: 72 * time.Hour,
		Priorities: []track.PriorityRule{{Name: track.Urgent, UnreadAfter: time.Minute, BypassQuiet: true, Senders: []track.Pattern{"*@ops.example.org"}}},
		Mode:       track.Ask, // "auto" as long as there is no way to send SMS
		Fallback:   track.FallbackOptedIn, Expires: time.Hour, Disclose: track.DiscloseConsented, Reveal: track.RevealAll,
		Quiet: track.Quiet{From: 22 * 60, To: 7 * 60, Zone: berlin},
		Steps: []track.Step{
			{Do: track.DoStatus},
			{After: 5 * time.Minute, Do: track.DoPrompt, On: track.StateTimeoutUnread, From: track.High},
			{After: time.Hour, Do: track.DoWebhook, URL: "https://example.org/", Key: "key"},
		},
		PerConversationDay: 4, PerSenderHour: 30,
	}
	zones := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, c.Policy(), zones); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	notes := []string{
		`config.toml:15: escalate.mode: "auto" acts as "ask": there is no way to send SMS by the component yet`,
		`config.toml:22: escalate.step.do: "sms" acts as "prompt": there is no way to send SMS by the component yet`,
	}
	if diff := cmp.Diff(notes, c.Notes()); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(with("[[escalate.step]]", "do = 'prompt'"))
	f.Add("a.\"b\\u00e9\".c = [1, [2, {x = '''y''''', z.w = 1979-05-27 07:32:00}], \"\"\"\\\n\"\"\"\"\"]\n[[x]]\n[x.y]\n[[x]]\n[[x.z]]\nq=1")
	f.Add("\ufeff[track]\r\nunread_after = 'x'\r\n")
	if data, err := os.ReadFile(example); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if strings.Contains(doc, "range") || strings.Contains(doc, "secret_file") {
			t.Skip("may run long, or read files")
		}
		_, err := parse("config.toml", doc, env())
		if err == nil {
			return
		}
		for _, fault := range err.(Faults) {
			missing := strings.HasPrefix(fault.Text, "is missing") && fault.Line == 0
			if !missing && (fault.Line < 1 || fault.Line > 1+strings.Count(doc, "\n")) {
				t.Errorf("line %d is not in the file: %v", fault.Line, fault)
			}
			if strings.Contains(fault.Error(), "\n") {
				t.Errorf("more than one line: %q", fault.Error())
			}
		}
	})
}
