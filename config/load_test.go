package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// with returns a valid file with the given lines from line 6 on.
func with(lines ...string) string {
	return "[component]\njid = 'tocsin.example.org'\nsecret = 'hunter2'\n[tap]\ndomains = ['example.org']\n" + strings.Join(lines, "\n") + "\n"
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		doc  string
		want string // one fault per line
	}{
		// Durations, sizes, numbers, booleans.
		{with("[track]", `unread_after = "10x"`), `config.toml:7: track.unread_after: invalid duration "10x" (example: 10m)`},
		{with("[track]", `unread_after = 10`), `config.toml:7: track.unread_after: invalid duration 10 (example: "10m")`},
		{with("[track]", `unread_after = "-1s"`), `config.toml:7: track.unread_after: "-1s" is less than the minimum of 0s`},
		{with("[escalate]", `expires = "0s"`), `config.toml:7: escalate.expires: "0s" is less than the minimum of 1s`},
		{with("[storage]", `flush = "1m"`), `config.toml:7: storage.flush: "1m" exceeds the maximum of 1s`},
		{with("max_stanza = '512KB'"), `config.toml:6: tap.max_stanza: invalid size "512KB" (example: 512KiB)`},
		{with("max_stanza = 524288"), `config.toml:6: tap.max_stanza: invalid size 524288 (example: "512KiB")`},
		{with("max_stanza = '1KiB'"), `config.toml:6: tap.max_stanza: "1KiB" is less than the minimum of 4KiB`},
		{with("[track]", "fire_rate = 0"), `config.toml:7: track.fire_rate: 0 is less than the minimum of 1`},
		{with("[track]", "fire_rate = 1.5"), `config.toml:7: track.fire_rate: invalid integer 1.5 (example: 1000)`},
		{with("[escalate]", "per_sender_per_hour = -1"), `config.toml:7: escalate.per_sender_per_hour: -1 is less than the minimum of 0`},
		{with("[escalate]", "text_limit = 99999999999"), `config.toml:7: escalate.text_limit: 99999999999 exceeds the maximum of 10000`},
		{with("[track]", `reply_reads = "yes"`), `config.toml:7: track.reply_reads: invalid boolean "yes" (true or false)`},
		{with("[track]", "min_after = '2h'", "max_after = '1h'"), `config.toml:7: track.min_after: exceeds track.max_after`},

		// Words.
		{with("[track]", "senders = 'everybody'"), `config.toml:7: track.senders: invalid value "everybody" (must be all, opted-in or hinted)`},
		{with("[escalate]", "mode = 'Ask'"), `config.toml:7: escalate.mode: invalid value "Ask" (must be ask, auto or never)`},
		{with("[numbers]", "sources = ['directory', 'ldap']"), `config.toml:7: numbers.sources: invalid value "ldap" (must be directory or vcard)`},
		{with("[log]", "level = true"), `config.toml:7: log.level: not a string (put it in quotes)`},

		// Unknown keys and tables.
		{with("[track]", "unread_afer = '1m'"), `config.toml:7: track.unread_afer: unknown key (did you mean unread_after?)`},
		{with("unread_after = '1m'"), `config.toml:6: tap.unread_after: unknown key (did you mean track.unread_after?)`},
		{with("[escalate]", "expire = '1h'"), `config.toml:7: escalate.expire: unknown key (did you mean expires?)`},
		{with("colour = 'red'"), `config.toml:6: tap.colour: unknown key`},
		{with("[trak]", "senders = 'all'"), `config.toml:6: trak: unknown table (did you mean track?)`},
		{with("[[escalate.steps]]"), `config.toml:6: escalate.steps: unknown table (did you mean step?)`},
		{with(smsTable("gateway = 'x'")), "config.toml:15: sms.route.gateway: unknown key"},
		{with("[sms]"), "config.toml:6: sms.countries: required (example: [\"CN\"]; [\"*\"] is all)\nconfig.toml:6: sms.route: required (write [[sms.route]]; docs/SMS.md has examples)"},
		{with(smsTable("prefixes = ['86']")), "config.toml:15: sms.route.prefixes: invalid prefix (example: +86138)"},
		{with(smsTable("from = ['+1']")), "config.toml:15: sms.route.from: invalid sender (a number with its +, a short code, or 1 to 11 letters)"},
		{with(smsTable("answer = 5")), "config.toml:15: sms.route.answer: invalid duration 5 (example: \"10s\")"},
		{with(smsTable("ok = { match = '(' }")), "config.toml:15: sms.route.ok.match: error parsing regexp: missing closing ): `(`"},
		{with(smsTable("options = 'x'")), "config.toml:15: sms.route.options: invalid value (see docs/SMS.md)"},
		{with(smsTable("rate = '2'")), "config.toml:15: sms.route.rate: invalid number \"2\" (example: 0.5)"},
		{with(smsTable("rate = -0.5")), "config.toml:15: sms.route.rate: -0.5 is not between 0 and 1000000"},
		{with(smsTable("rate = nan")), "config.toml:15: sms.route.rate: invalid number NaN (example: 0.5)"},
		{with(smsTable("repeat = 'twice'")), "config.toml:15: sms.route.repeat: invalid value \"twice\" (must be never, key or always)"},
		{with("[sms]", "countries = ['CN']", "segments_per_day = 0", "[[sms.route]]", "name = 's'", "kind = 'smpp'", "address = 'x'", "window = 0"), "config.toml:8: sms.segments_per_day: 0 is less than the minimum of 1\nconfig.toml:12: sms.route.address: invalid address \"x\" (example: smpp.example.org:2775)"},
		{with(`"odd\nkey" = 1`), `config.toml:6: tap."odd\nkey": unknown key`},
		{with("[track.priority]", "name = 'high'"), `config.toml:6: track.priority: not a list of tables (write [[track.priority]])`},
		{with("[[log]]"), `config.toml:6: log: not a table (write [log])`},
		{with("ignore = 'example.com'"), `config.toml:6: tap.ignore: not a list (put it in [ ])`},

		// Addresses.
		{strings.Replace(with(), "tocsin.example.org", "sms@tocsin.example.org", 1), `config.toml:2: component.jid: invalid domain "sms@tocsin.example.org" (example: example.org)`},
		{strings.Replace(with(), "'example.org'", "\n'example.org',\n'exa mple.org'", 1), `config.toml:7: tap.domains: invalid domain "exa mple.org" (example: example.org)`},
		{strings.Replace(with(), "'example.org'", "'example.org', 'EXAMPLE.org'", 1), `config.toml:5: tap.domains: duplicate "example.org"`},
		{strings.Replace(with(), "'example.org'", "'tocsin.example.org'", 1), `config.toml:5: tap.domains: "tocsin.example.org" is the component's own domain`},
		{with("[component.x]"), `config.toml:6: component.x: unknown table`},
		{component("admins = ['example.org']"), `config.toml:2: component.admins: invalid user JID "example.org" (example: alice@example.org)`},
		{component("admins = ['a@example.org/x']"), `config.toml:2: component.admins: JID "a@example.org/x" has a resource (use a@example.org)`},
		{component("admins = ['sms@tocsin.example.org']"), `config.toml:2: component.admins: "sms@tocsin.example.org" is the component's contact`},
		{component("contact = 's ms'"), `config.toml:2: component.contact: invalid localpart "s ms" (example: sms)`},
		{component("contact = ''"), `config.toml:2: component.contact: invalid localpart "" (example: sms)`},
		{component("name = ''"), `config.toml:2: component.name: must not be empty`},
		{with("ignore = ['*']"), `config.toml:6: tap.ignore: invalid pattern "*" (examples: example.org, *@example.org, alice@example.org)`},
		{with("ignore = ['a*@example.org']"), `config.toml:6: tap.ignore: invalid pattern "a*@example.org" (examples: example.org, *@example.org, alice@example.org)`},
		{component("server = '127.0.0.1'"), `config.toml:2: component.server: invalid address "127.0.0.1" (example: 127.0.0.1:5347)`},
		{component("server = '127.0.0.1:70000'"), `config.toml:2: component.server: invalid port "70000" (1 to 65535)`},
		{component("server = ':5347'"), `config.toml:2: component.server: no host in ":5347" (example: 127.0.0.1:5347)`},
		{component("server = 'unix:'"), `config.toml:2: component.server: no socket in "unix:" (example: unix:/run/prosody/component.sock)`},
		{with("[metrics]", "listen = '9476'"), `config.toml:7: metrics.listen: invalid address "9476" (example: 127.0.0.1:9476)`},

		// Databases.
		{with("[storage]", "dsn = 'mysql://root:hunter2@db/x'"), `config.toml:7: storage.dsn: unsupported database "mysql" (example: sqlite:tocsin.db or postgres://user:password@host/database)`},
		{with("[storage]", "dsn = 'host=db password=hunter2'"), `config.toml:7: storage.dsn: invalid DSN (example: sqlite:tocsin.db or postgres://user:password@host/database)`},
		{with("[storage]", "dsn = 'sqlite:'"), `config.toml:7: storage.dsn: no file in "sqlite:" (example: sqlite:tocsin.db or postgres://user:password@host/database)`},
		{with("[storage]", "dsn = 'postgres://me:hunter2@db:0/x'"), `config.toml:7: storage.dsn: invalid port in the URL (1 to 65535): a password has to be percent-encoded: %40 for @, %2F for /, %3A for :, %25 for %`},
		{with("[storage]", "dsn = 5"), `config.toml:7: storage.dsn: not a string (put it in quotes)`},

		// Quiet hours, templates, regions, URLs.
		{with("[escalate]", "quiet_hours = '22:00-07:00'"), `config.toml:7: escalate.quiet_hours: no time zone in "22:00-07:00" (example: 22:00-07:00 Europe/Berlin)`},
		{with("[escalate]", "quiet_hours = '22:00-07:00 Europe/Bärlin'"), `config.toml:7: escalate.quiet_hours: unknown time zone "Europe/Bärlin" (example: Europe/Berlin)`},
		{with("[escalate]", "quiet_hours = '25:00-07:00 Europe/Berlin'"), `config.toml:7: escalate.quiet_hours: invalid hours "25:00-07:00" (example: 22:00-07:00)`},
		{with("[escalate]", "template.en = '{{.Text'"), `config.toml:7: escalate.template.en: invalid template: unclosed action (fields: .Sender, .Domain, .Text)`},
		{with("[escalate]", "template.en = '{{.Body}}'"), `config.toml:7: escalate.template.en: invalid template: <.Body>: can't evaluate field Body (fields: .Sender, .Domain, .Text)`},
		{with("[escalate]", "template.e = 'x'"), `config.toml:7: escalate.template.e: unknown language "e" (example: en)`},
		{with("[escalate]", "template = 'x'"), `config.toml:7: escalate.template: not a table (write template.en = "…")`},
		{with("[numbers]", "region = 'China'"), `config.toml:7: numbers.region: unknown region "China" (example: CN)`},
		{with("[[escalate.step]]", "do = 'webhook'", "url = 'ftp://example.org'"), `config.toml:8: escalate.step.url: invalid URL (example: https://hooks.example.org/tocsin)`},

		// Keys that need others.
		{with("[numbers]", "verify = true"), `config.toml:7: numbers.verify: requires an [sms] table`},
		{with("[escalate]", "mode = 'auto'"), `config.toml:7: escalate.mode: "auto" requires an [sms] table`},
		{with("[[escalate.step]]", "do = 'sms'"), `config.toml:7: escalate.step.do: "sms" requires an [sms] table`},
		{with("[[escalate.step]]", "after = '1m'"), `config.toml:6: escalate.step.do: required (status, remind, prompt, sms or webhook)`},
		{with("[[escalate.step]]", "do = 'webhook'"), `config.toml:6: escalate.step.url: required (example: "https://hooks.example.org/tocsin")`},
		{with("[[escalate.step]]", "do = 'prompt'", "url = 'https://example.org'"), `config.toml:8: escalate.step.url: only valid with do = "webhook"`},
		{with("[[escalate.step]]", "do = 'prompt'", "secret = 'hunter2'"), `config.toml:8: escalate.step.secret: only valid with do = "webhook"`},
		{with("[[escalate.step]]", "do = 'status'", "after = '2m'", "[[escalate.step]]", "do = 'prompt'", "after = '1m'"),
			`config.toml:11: escalate.step.after: "1m0s" is earlier than the step above ("2m0s"): both count from the timeout`},
		{with(strings.Repeat("[[escalate.step]]\ndo = 'status'\n", 6)), `config.toml:16: escalate.step: too many steps (maximum: 5)`},
		{with("[[track.priority]]", "unread_after = '1m'"), `config.toml:6: track.priority.name: required (low, normal, high or urgent)`},
		{with("[[track.priority]]", "name = 'high'", "[[track.priority]]", "name = 'high'", "senders = ['example.org']"),
			`config.toml:9: track.priority.name: "high" never matches: the rule on line 6 applies to every sender`},

		// Missing keys.
		{"", "config.toml: component.jid: required (example: \"tocsin.example.org\")\n" +
			"config.toml: component.secret: required (or secret_file, or TOCSIN_COMPONENT_SECRET)\n" +
			"config.toml: tap.domains: required (example: [\"example.org\"])"},
		{"\n[component]\nsecret = 'x'\n[tap]\ndomains = []\n", "config.toml:2: component.jid: required (example: \"tocsin.example.org\")\n" +
			"config.toml:5: tap.domains: required (example: [\"example.org\"])"},

		// Secrets are not shown.
		{"[component]\njid = 'tocsin.example.org'\nsecret = 12345\n[tap]\ndomains = ['example.org']", `config.toml:3: component.secret: not a string (put it in quotes)`},
		{"[component]\nsecret = hunter2\n", `config.toml:2: component.secret: invalid TOML (put the value in quotes)`},
		{"[component]\nsecret = 'a'\nsecret_file = 'b'\njid = 'tocsin.example.org'\n[tap]\ndomains = ['example.org']", `config.toml:3: component.secret_file: secret and secret_file are mutually exclusive`},
		{"[component]\nsecret_file = '/nonexistent/secret'\njid = 'tocsin.example.org'\n[tap]\ndomains = ['example.org']", `config.toml:2: component.secret_file: "/nonexistent/secret": no such file or directory`},

		// Invalid TOML.
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
			t.Errorf("a secret is shown: %v", err)
		}
	}
}

// component returns a valid file with the line as its second one, in [component].
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
	want := `TOCSIN_STORAGE_DSN: invalid DSN (example: sqlite:tocsin.db or postgres://user:password@host/database)
dir/config.toml:2: component.secret: required (or secret_file, or TOCSIN_COMPONENT_SECRET)
dir/config.toml:3: component.jid: invalid domain "not a domain" (example: example.org)
dir/config.toml:4: component.text: unknown key (did you mean escalate.text?)
dir/config.toml:10: tap.domains: invalid domain "bad domain" (example: example.org)
dir/config.toml:14: escalate.step.on: invalid value "later" (must be undelivered or unread)
dir/config.toml:16: escalate.step.do: not a string (put it in quotes)
dir/config.toml:17: escalate.step.do: required (status, remind, prompt, sms or webhook)
dir/config.toml:18: escalate.step.prio: unknown key (did you mean priority?)
dir/config.toml:20: track.senders: not a string (put it in quotes)`
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
	if want := "/nonexistent/config.toml: no such file or directory"; fmt.Sprint(err) != want {
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

// smsTable is an [sms] table with one route, and more lines for it.
func smsTable(more ...string) string {
	return strings.Join(append([]string{"[sms]", "countries = ['CN']", "[[sms.route]]", "name = 'k'", "kind = 'http'", "provider = 'kannel'",
		"url = 'http://127.0.0.1:13013/'", "user = 'tocsin'", "secret = 'hunter3'"}, more...), "\n")
}

func TestPolicy(t *testing.T) {
	c, err := parse("config.toml", with("[track]", "senders = 'opted-in'", "reply_reads = false",
		"[[track.priority]]", "name = 'urgent'", "unread_after = '1m'", "bypass_quiet_hours = true", "senders = ['*@ops.example.org']",
		"[escalate]", "mode = 'auto'", "quiet_hours = '22:00-07:00 Europe/Berlin'", "per_recipient_per_day = 0", "reveal = 'all'",
		"[[escalate.step]]", "do = 'status'",
		"[[escalate.step]]", "do = 'sms'", "after = '5m'", "on = 'unread'", "priority = 'high'",
		"[[escalate.step]]", "do = 'webhook'", "after = '1h'", "url = 'https://example.org/'", "secret = 'key'", smsTable()), env())
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
		Mode:       track.Auto,
		Fallback:   track.FallbackOptedIn, Expires: time.Hour, Disclose: track.DiscloseConsented, Reveal: track.RevealAll,
		Quiet: track.Quiet{From: 22 * 60, To: 7 * 60, Zone: berlin},
		Steps: []track.Step{
			{Do: track.DoStatus},
			{After: 5 * time.Minute, Do: track.DoSMS, On: track.StateTimeoutUnread, From: track.High},
			{After: time.Hour, Do: track.DoWebhook, URL: "https://example.org/", Key: "key"},
		},
		PerConversationDay: 4, PerSenderHour: 30,
	}
	zones := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	got := c.Policy()
	if diff := cmp.Diff(track.SMSPolicy{
		Who: track.WhoRoster, PerNumberDay: 6, PerSenderDay: 10, SegmentsDay: 500, Replies: track.RepliesForward, ReplyWindow: 24 * time.Hour,
		Code: track.CodePolicy{NumberHour: 3, UserDay: 5, CountryDay: 100},
	}, *got.SMS, cmpopts.IgnoreFields(track.SMSPolicy{}, "Reaches", "Code.Reaches")); diff != "" {
		t.Errorf("[sms] (-want +got):\n%s", diff)
	}
	if !got.SMS.Reaches("+8613800138000") || got.SMS.Reaches("+12025550123") {
		t.Error("another country is allowed")
	}
	got.SMS = nil
	if diff := cmp.Diff(want, got, zones); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Not every gateway lets us choose the sender, or reports the receiver of a reply.
func TestSenders(t *testing.T) {
	c, err := parse("config.toml", with(smsTable("[[sms.route]]", "name = 'x'", "kind = 'xmpp'", "gateway = 'gate.example'",
		"[[sms.route]]", "name = 'p'", "kind = 'http'", "provider = 'playsms'", "url = 'http://127.0.0.1:8080/'", "user = 'tocsin'", "secret = 'hunter3'")), env())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.SMSSettings().Routes.Routes {
		got = append(got, fmt.Sprint(r.Name, " ", r.Fixed, " ", r.Nameless))
	}
	if diff := cmp.Diff([]string{"k false false", "x true false", "p false true"}, got); diff != "" {
		t.Error(diff)
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
			t.Skip("may take long, or read files")
		}
		_, err := parse("config.toml", doc, env())
		if err == nil {
			return
		}
		for _, fault := range err.(Faults) {
			missing := strings.HasPrefix(fault.Text, "required") && fault.Line == 0
			if !missing && (fault.Line < 1 || fault.Line > 1+strings.Count(doc, "\n")) {
				t.Errorf("the file has no line %d: %v", fault.Line, fault)
			}
			if strings.Contains(fault.Error(), "\n") {
				t.Errorf("more than one line: %q", fault.Error())
			}
		}
	})
}
