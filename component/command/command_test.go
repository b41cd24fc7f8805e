package command

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

var start = time.Date(2026, 11, 24, 2, 12, 0, 0, time.UTC)

const alice, bob, admin = "alice@example.org/phone", "bob@example.org/desk", "admin@example.net/x"

// world is everything that commands read and change, in memory.
type world struct {
	numbers  map[string]track.Number
	releases []track.Release
	prefs    map[string]track.Prefs
	contacts map[[2]string]track.Contact
	messages []Watched
	paused   bool
	reload   error
	broken   error

	did []string // what was ordered, in order
}

func newWorld() *world {
	return &world{numbers: map[string]track.Number{}, prefs: map[string]track.Prefs{}, contacts: map[[2]string]track.Contact{}}
}

func (w *world) log(format string, args ...any) { w.did = append(w.did, fmt.Sprintf(format, args...)) }

func (w *world) Number(_ context.Context, user string) (track.Number, bool, error) {
	n, ok := w.numbers[user]
	return n, ok, w.broken
}

func (w *world) SetNumbers(_ context.Context, list ...track.Number) error {
	for _, n := range list {
		w.numbers[n.JID] = n
	}
	return nil
}

func (w *world) RemoveNumber(_ context.Context, user string) (bool, error) {
	_, ok := w.numbers[user]
	delete(w.numbers, user)
	return ok, nil
}

func (w *world) Releases(_ context.Context, owner string, limit int) ([]track.Release, error) {
	return w.releases[:min(limit, len(w.releases))], nil
}

func (w *world) Of(user string) track.Prefs {
	p := w.prefs[user]
	p.JID = user
	return p
}

func (w *world) Set(_ context.Context, p track.Prefs) error {
	w.prefs[p.JID] = p
	return nil
}

func (w *world) ContactsOf(owner string) (list []track.Contact) {
	for _, c := range w.contacts {
		if c.Owner == owner {
			list = append(list, c)
		}
	}
	return list
}

func (w *world) SetContact(_ context.Context, c track.Contact) error {
	w.contacts[[2]string{c.Owner, c.Contact}] = c
	return nil
}

func (w *world) hidden() (list []string) {
	for _, key := range slices.SortedFunc(maps.Keys(w.contacts), func(a, b [2]string) int { return strings.Compare(a[1], b[1]) }) {
		if w.contacts[key].Hidden {
			list = append(list, key[1])
		}
	}
	return list
}

func (w *world) Watching(_ context.Context, sender string, limit int) (list []Watched, err error) {
	for _, m := range w.messages {
		if m.Sender == sender && !m.Status.Settled() && len(list) < limit {
			list = append(list, m)
		}
	}
	return list, nil
}

func (w *world) Find(_ context.Context, sender, id, with string) (list []track.Message, err error) {
	for _, m := range w.messages {
		if m.Sender == sender && m.ID == id && (with == "" || with == m.Recipient) {
			list = append(list, m.Message)
		}
	}
	return list, nil
}

func (w *world) Escalate(_ context.Context, k track.Key) error {
	w.log("escalate %s to %s", k.ID, k.Recipient)
	return nil
}

func (w *world) Cancel(_ context.Context, k track.Key) error {
	w.log("cancel %s to %s", k.ID, k.Recipient)
	return nil
}

func (w *world) Summary(context.Context) (track.Summary, error) {
	return track.Summary{Pending: 5, Overdue: 4, OpenPrompts: 3, Outbox: 2, OldestDue: track.At(start)}, nil
}

func (w *world) Paused() bool { return w.paused }

func (w *world) Pause(_ context.Context, paused bool) error {
	w.paused = paused
	return nil
}

func (w *world) Reload(context.Context) error {
	w.log("reload")
	return w.reload
}

func (w *world) deps() Deps {
	return Deps{
		Directory: w, Settings: w, Watch: w, Admin: w,
		Forget:  func(_ context.Context, user string) error { w.log("forget %s", user); return w.broken },
		Devices: func(string) []track.Device { return []track.Device{{JID: bob}} },
	}
}

func options() Options {
	return Options{
		JID: jid.MustParse("tocsin.example.org"), Domains: []string{"example.org"}, Admins: []string{"admin@example.net"},
		Language: "en", Region: "CN", SelfService: true,
		Policy: track.Policy{MinAfter: 10 * time.Second, MaxAfter: 72 * time.Hour, Mode: track.Ask, Fallback: track.FallbackOptedIn},
	}
}

// client runs commands as a client does: through XML, in both directions.
type client struct {
	t    *testing.T
	c    *Commands
	now  time.Time
	lang string
}

func newClient(t *testing.T, w *world, change ...func(*Options)) *client {
	o := options()
	for _, f := range change {
		f(&o)
	}
	return &client{t: t, c: New(w.deps(), o, adhoc.Options{}), now: start}
}

// send sends the inside of a <command/> and returns the answer.
func (c *client) send(from, attrs, inside string) (*payload, *adhoc.Error) {
	c.t.Helper()
	var in payload
	text := "<command xmlns='http://jabber.org/protocol/commands' " + attrs + ">" + inside + "</command>"
	if err := xml.Unmarshal([]byte(text), &in); err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	out, refused := c.c.Command(context.Background(), c.now, jid.MustParse(from), c.lang, in)
	if refused != nil {
		return nil, refused
	}
	wire, err := xml.Marshal(out)
	if err != nil {
		c.t.Fatal(err)
	}
	var back payload
	if err := xml.Unmarshal(wire, &back); err != nil {
		c.t.Fatalf("%s: %v", wire, err)
	}
	return &back, nil
}

// begin executes a command.
func (c *client) begin(from, name string) *payload {
	c.t.Helper()
	out, err := c.send(from, "node='"+Node(name)+"' action='execute'", "")
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return out
}

// complete fills in the form of a command: fields are name=value; a name twice has two values.
func (c *client) complete(from, name string, fields ...string) *payload {
	c.t.Helper()
	out := c.begin(from, name)
	out, err := c.send(from, "node='"+Node(name)+"' action='complete' sessionid='"+out.SessionID+"'", submit(fields...))
	if err != nil {
		c.t.Fatalf("%s %q: %v", name, fields, err)
	}
	if out.Status != adhoc.Completed {
		c.t.Fatalf("%s %q is %s", name, fields, out.Status)
	}
	return out
}

func submit(fields ...string) string {
	var b strings.Builder
	b.WriteString("<x xmlns='jabber:x:data' type='submit'>")
	for i := 0; i < len(fields); i++ {
		name, value, _ := strings.Cut(fields[i], "=")
		b.WriteString("<field var='" + name + "'><value>" + value + "</value>")
		for i+1 < len(fields) && strings.HasPrefix(fields[i+1], name+"=") {
			i++
			b.WriteString("<value>" + strings.TrimPrefix(fields[i], name+"=") + "</value>")
		}
		b.WriteString("</field>")
	}
	return b.String() + "</x>"
}

// note returns the severity and the text of the one note of an answer.
func note(p *payload) string {
	if len(p.Notes) != 1 {
		return fmt.Sprintf("%d notes", len(p.Notes))
	}
	return string(p.Notes[0].Type) + ": " + p.Notes[0].Text
}

// lines returns what stands in a form, a line for each field that is seen.
func lines(f *forms.Form) (list []string) {
	for _, field := range f.Fields {
		switch value := strings.Join(field.Values, " "); field.Type {
		case "hidden":
		case "fixed":
			list = append(list, value)
		default:
			list = append(list, field.Var+"="+value)
		}
	}
	return list
}

func bound(user, number string, source track.NumberSource, consent bool) track.Number {
	return track.Number{JID: user, E164: number, Source: source, Consent: consent, At: track.At(start)}
}

func TestNumber(t *testing.T) {
	own := func(consent bool) map[string]track.Number {
		return map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromUser, consent)}
	}
	none := map[string]track.Number{}
	admins := map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromAdmin, true)}
	both := func(*Options) {}
	closed := func(o *Options) { o.SelfService = false }
	for name, tc := range map[string]struct {
		before map[string]track.Number
		option func(*Options)
		fields []string
		note   string
		after  map[string]track.Number
		hidden []string
	}{
		"bind":                       {none, both, []string{"number=138 0013 8000", "consent=1"}, "info: Your number is +8613800138000. Senders whose messages you have not read may see it.", own(true), nil},
		"bind, no consent":           {none, both, []string{"number=+8613800138000", "consent=false"}, "info: Your number is +8613800138000. You have not agreed that senders see it.", own(false), nil},
		"consent is not presumed":    {none, both, []string{"number=+8613800138000"}, "info: Your number is +8613800138000. You have not agreed that senders see it.", own(false), nil},
		"agree later":                {own(false), both, []string{"consent=true"}, "info: Your number is +8613800138000. Senders whose messages you have not read may see it.", own(true), nil},
		"disagree later":             {own(true), both, []string{"consent=0"}, "info: Your number is +8613800138000. You have not agreed that senders see it.", own(false), nil},
		"disagree with an admin":     {admins, both, []string{"consent=0"}, "info: Your number is +8613800138000. You have not agreed that senders see it.", map[string]track.Number{"bob@example.org": bound("bob@example.org", "+8613800138000", track.FromAdmin, false)}, nil},
		"same number":                {admins, both, []string{"number=13800138000", "consent=1"}, "info: Saved.", admins, nil},
		"other number keeps consent": {map[string]track.Number{"bob@example.org": bound("bob@example.org", "+4915112345678", track.FromAdmin, true)}, both, []string{"number=13800138000"}, "info: Your number is +8613800138000. Senders whose messages you have not read may see it.", own(true), nil},
		"nothing given":              {own(true), both, nil, "info: Saved.", own(true), nil},
		"unknown fields":             {own(true), both, []string{"colour=red"}, "info: Saved.", own(true), nil},
		"remove":                     {own(true), both, []string{"number=13800138000", "consent=1", "remove=1"}, "info: Your number is removed.", none, nil},
		"remove none":                {none, both, []string{"remove=true"}, "info: No number is bound to you.", none, nil},
		"cleared":                    {own(true), both, []string{"number="}, "info: Your number is removed.", none, nil},
		"consent to no number":       {none, both, []string{"number=", "consent=1"}, "error: Bind a number first.", none, nil},
		"fixed line":                 {own(true), both, []string{"number=021 6234 5678"}, `error: "021 6234 5678" is a fixed line, which takes no SMS. Say a mobile number with its country code, such as "+86 138 0013 8000".`, own(true), nil},
		"a bad number hides nobody":  {none, both, []string{"number=110", "hide_from=alice@example.org"}, `error: "110" is a short number. Say a mobile number with its country code, such as "+86 138 0013 8000".`, none, nil},
		"neither yes nor no":         {none, both, []string{"number=13800138000", "consent=maybe"}, `error: "Senders whose messages I have not read may see it" is neither yes nor no.`, none, nil},
		"a code":                     {own(true), both, []string{"code=1234"}, "error: No code is expected.", own(true), nil},
		"hide":                       {own(true), both, []string{"hide_from=Alice@example.org/phone", "hide_from=example.net"}, "info: Saved.", own(true), []string{"alice@example.org", "example.net"}},
		"hide in one value":          {own(true), both, []string{"hide_from= alice@example.org \n\n carol@example.org\n"}, "info: Saved.", own(true), []string{"alice@example.org", "carol@example.org"}},
		"hide from everybody":        {own(true), both, []string{"hide_from=everybody"}, "info: Saved.", own(true), []string{""}},
		"hide from a bad address":    {own(true), both, []string{"hide_from=a b@example.org"}, `error: "a b@example.org" is no address of a person. Say "bob@example.org".`, own(true), nil},

		"no self-service":          {none, closed, []string{"number=13800138000", "consent=1"}, "error: Numbers are kept by your admin here: ask them to change yours.", none, nil},
		"no self-service, remove":  {admins, closed, []string{"remove=1"}, "error: Numbers are kept by your admin here: ask them to change yours.", admins, nil},
		"no self-service, consent": {admins, closed, []string{"consent=0"}, "error: Numbers are kept by your admin here: ask them to change yours.", admins, nil},
		"no self-service, hide":    {admins, closed, []string{"hide_from=*"}, "info: Saved.", admins, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.numbers = maps.Clone(tc.before)
			c := newClient(t, w, tc.option)
			if diff := cmp.Diff(tc.note, note(c.complete(bob, "number", tc.fields...))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.after, w.numbers); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.hidden, w.hidden()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumberForm(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	out := c.begin(bob, "number")
	if diff := cmp.Diff([]string{"No number is bound to you.", "number=", "consent=false", "hide_from=", "Nobody has been shown your number."}, lines(out.Form)); diff != "" {
		t.Error(diff)
	}
	if out.Form.Kind() != "urn:tocsin:escalation:0#number" || out.Form.Type != "form" || out.Actions == nil || out.Actions.Complete == nil {
		t.Errorf("%+v", out)
	}

	w.numbers["bob@example.org"] = bound("bob@example.org", "+8613800138000", track.FromAdmin, true)
	w.releases = []track.Release{{Owner: "bob@example.org", To: "alice@example.org", Number: "+8613800138000", ID: "m1", At: track.At(start.Add(-time.Hour))}}
	w.contacts[[2]string{"bob@example.org", ""}] = track.Contact{Owner: "bob@example.org", Hidden: true}
	w.contacts[[2]string{"bob@example.org", "eve@example.org"}] = track.Contact{Owner: "bob@example.org", Contact: "eve@example.org", Hidden: true, Muted: true}
	w.contacts[[2]string{"bob@example.org", "dave@example.org"}] = track.Contact{Owner: "bob@example.org", Contact: "dave@example.org", Muted: true}
	w.prefs["bob@example.org"] = track.Prefs{Zone: "Asia/Shanghai"}
	want := []string{"Your number is +8613800138000, bound by an admin; senders may see it.", "number=+8613800138000", "consent=true",
		"hide_from=eve@example.org everybody", "remove=false", "Who was shown your number:", "alice@example.org, at 09:12, for the message m1"}
	if diff := cmp.Diff(want, lines(c.begin(bob, "number").Form)); diff != "" {
		t.Error(diff)
	}

	// Nobody, or white space as Converse submits it, hides the number from nobody; what else is set about them stays.
	c.complete(bob, "number", "hide_from=nobody")
	if got := w.hidden(); got != nil || !w.contacts[[2]string{"bob@example.org", "eve@example.org"}].Muted {
		t.Errorf("hidden from %q, %v", got, w.contacts)
	}
	c.complete(bob, "number", "hide_from=eve@example.org")
	c.complete(bob, "number", "hide_from=   ")
	if got := w.hidden(); got != nil {
		t.Errorf("hidden from %q", got)
	}

	closed := newClient(t, w, func(o *Options) { o.SelfService = false })
	want = []string{"Your number is +8613800138000, bound by an admin; senders may see it.", "hide_from=",
		"Who was shown your number:", "alice@example.org, at 09:12, for the message m1"}
	if diff := cmp.Diff(want, lines(closed.begin(bob, "number").Form)); diff != "" {
		t.Error(diff)
	}
}

func TestPreferences(t *testing.T) {
	for name, tc := range map[string]struct {
		before track.Prefs
		fields []string
		note   string
		after  track.Prefs
	}{
		"all": {track.Prefs{}, []string{"mode=never", "undelivered_after=90s", "unread_after=1h", "quiet_hours=22:00-07:00", "time_zone=Europe/Berlin", "language=zh", "text=notice", "fallback=1", "watch_me=0"}, "info: Saved.",
			track.Prefs{Mode: track.Never, UndeliveredAfter: 90 * time.Second, UnreadAfter: time.Hour, Quiet: "22:00-07:00", Zone: "Europe/Berlin", Language: "zh", Text: "notice", Fallback: track.On, Watch: track.Off}},
		"one leaves the others":            {track.Prefs{Mode: track.Never, Zone: "Europe/Berlin"}, []string{"unread_after=20m"}, "info: Saved.", track.Prefs{Mode: track.Never, Zone: "Europe/Berlin", UnreadAfter: 20 * time.Minute}},
		"back to what is usual":            {track.Prefs{Mode: track.Never, UnreadAfter: time.Hour, Quiet: "22:00-07:00", Zone: "Europe/Berlin", Language: "en", Text: "notice"}, []string{"mode=default", "unread_after=default", "quiet_hours=Default", "time_zone=default", "language=default", "text=default"}, "info: Saved.", track.Prefs{}},
		"cleared":                          {track.Prefs{UnreadAfter: time.Hour, Quiet: "22:00-07:00", Zone: "Europe/Berlin"}, []string{"unread_after=", "quiet_hours=", "time_zone="}, "info: Saved.", track.Prefs{}},
		"untouched boxes":                  {track.Prefs{}, []string{"fallback=0", "watch_me=true"}, "info: Nothing was changed.", track.Prefs{}},
		"boxes":                            {track.Prefs{Fallback: track.On, Watch: track.Off}, []string{"fallback=false", "watch_me=true"}, "info: Saved.", track.Prefs{Fallback: track.Off, Watch: track.On}},
		"auto asks":                        {track.Prefs{}, []string{"mode=auto"}, "info: Saved. As long as no SMS can be sent from here, you are asked.", track.Prefs{Mode: track.Auto}},
		"too short":                        {track.Prefs{}, []string{"unread_after=1s"}, "info: Saved. Times are kept between 10 seconds and 72 hours.", track.Prefs{UnreadAfter: 10 * time.Second}},
		"too long":                         {track.Prefs{}, []string{"undelivered_after=30d"}, "info: Saved. Times are kept between 10 seconds and 72 hours.", track.Prefs{UndeliveredAfter: 72 * time.Hour}},
		"quiet hours with a zone":          {track.Prefs{}, []string{"quiet_hours=22:00-07:00 Asia/Tokyo"}, "info: Saved.", track.Prefs{Quiet: "22:00-07:00 Asia/Tokyo"}},
		"quiet hours without a zone":       {track.Prefs{}, []string{"quiet_hours=22:00-7:00"}, "info: Saved. Set your time zone, too: your hours count in UTC until then.", track.Prefs{Quiet: "22:00-07:00"}},
		"quiet hours as people write them": {track.Prefs{Zone: "Asia/Shanghai"}, []string{"quiet_hours=22：00 – 7:00"}, "info: Saved.", track.Prefs{Zone: "Asia/Shanghai", Quiet: "22:00-07:00"}},
		"no quiet hours":                   {track.Prefs{}, []string{"quiet_hours=Never"}, "info: Saved.", track.Prefs{Quiet: "never"}},

		"bad mode":     {track.Prefs{}, []string{"mode=perhaps", "text=notice"}, `error: "perhaps" is none of the choices for "When one is not read in time".`, track.Prefs{}},
		"bad time":     {track.Prefs{}, []string{"unread_after=soon"}, `error: "soon" is no time. Say "90s", "10m" or "2h".`, track.Prefs{}},
		"bare number":  {track.Prefs{}, []string{"unread_after=600"}, `error: "600" is no time. Say "90s", "10m" or "2h".`, track.Prefs{}},
		"bad zone":     {track.Prefs{}, []string{"time_zone=Mars/Olympus"}, `error: "Mars/Olympus" is no time zone. Say "Europe/Berlin" or "Asia/Shanghai".`, track.Prefs{}},
		"local zone":   {track.Prefs{}, []string{"time_zone=Local"}, `error: "Local" is no time zone. Say "Europe/Berlin" or "Asia/Shanghai".`, track.Prefs{}},
		"bad hours":    {track.Prefs{}, []string{"quiet_hours=25:00-07:00"}, `error: "25:00-07:00" is no span of hours. Say "22:00-07:00".`, track.Prefs{}},
		"bad box":      {track.Prefs{}, []string{"watch_me=no"}, `error: "My delivery and reading may be watched" is neither yes nor no.`, track.Prefs{}},
		"bad language": {track.Prefs{}, []string{"language=de"}, `error: "de" is none of the choices for "Language".`, track.Prefs{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			tc.before.JID, tc.after.JID = "alice@example.org", "alice@example.org"
			w.prefs["alice@example.org"] = tc.before
			c := newClient(t, w)
			c.lang = "en"
			if diff := cmp.Diff(tc.note, note(c.complete(alice, "preferences", tc.fields...))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.after, w.prefs["alice@example.org"]); diff != "" {
				t.Error(diff)
			}
		})
	}

	w := newWorld()
	w.prefs["alice@example.org"] = track.Prefs{UnreadAfter: 90 * time.Minute, UndeliveredAfter: 2 * time.Hour, Mode: track.Never}
	shown := newClient(t, w).begin(alice, "preferences").Form
	want := []string{"Messages that I write", "mode=never", "undelivered_after=2h", "unread_after=1h30m", "text=default", "fallback=false",
		"Messages that I get", "quiet_hours=default", "watch_me=true", "As both", "time_zone=default", "language=default"}
	if diff := cmp.Diff(want, lines(shown)); diff != "" {
		t.Error(diff)
	}

	// A form that is sent back as it was shown changes nothing.
	var fields []string
	for _, f := range shown.Fields {
		if f.Type != "fixed" && f.Type != "hidden" {
			fields = append(fields, f.Var+"="+f.Values[0])
		}
	}
	if got := note(newClient(t, w).complete(alice, "preferences", fields...)); got != "info: Nothing was changed." {
		t.Error(got)
	}
}

func watched(id, to string, status track.Status, state track.State, reason track.Reason) Watched {
	return Watched{Message: track.Message{Key: track.Key{Sender: "alice@example.org", Recipient: to, ID: id}, Status: status,
		SentAt: track.At(start.Add(-10 * time.Minute)), Notice: track.Notice{State: state}}, State: state, Reason: reason}
}

func TestWatching(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	if got := note(c.begin(alice, "watching")); got != "info: Nothing of yours is waiting to be read." {
		t.Error(got)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w.messages = []Watched{
		watched("m3", "carol@example.org", track.Pending, track.StatePending, track.Reason{Why: track.WhyAwaitsDelivery, Until: track.At(start.Add(time.Minute))}),
		watched("m2", "bob@example.org", track.Delivered, track.StateTimeoutUnread, track.Reason{Why: track.WhyQuiet, Until: track.At(time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)), Zone: berlin, Whose: track.TierRecipient}),
		watched("m1", "bob@example.org", track.Displayed, track.StateDisplayed, track.Reason{Why: track.WhySettled}),
	}
	w.prefs["alice@example.org"] = track.Prefs{Zone: "Asia/Shanghai"}
	out := c.begin(alice, "watching")
	want := []string{
		"carol@example.org, 10:02: not delivered yet. Overdue if not delivered by 10:13.",
		"bob@example.org, 10:02: not read in time. Not asked yet: quiet hours of the recipient until 07:00 Europe/Berlin.",
	}
	if diff := cmp.Diff(want, lines(out.Form)); diff != "" || note(out) != "info: 2 messages are waiting to be read." || out.Form.Type != "result" {
		t.Error(note(out), diff)
	}
	c.lang = "zh-Hans"
	want = []string{
		"carol@example.org，10:02：尚未送达。如果到 10:13 还未送达，即为超时。",
		"bob@example.org，10:02：未能及时被读。暂未询问：对方的免打扰时段，到 07:00 Europe/Berlin 为止。",
	}
	out = c.begin(alice, "watching")
	if diff := cmp.Diff(want, lines(out.Form)); diff != "" || note(out) != "info: 有 2 条消息等待阅读。" || out.Lang != "zh" {
		t.Error(note(out), diff)
	}
	if got := note(c.begin(bob, "watching")); got != "info: 您没有等待阅读的消息。" {
		t.Error(got)
	}

	w.messages = nil
	for i := range 60 {
		w.messages = append(w.messages, watched(fmt.Sprint(i), "bob@example.org", track.Pending, track.StatePending, track.Reason{Why: track.WhyMuted}))
	}
	c.lang = ""
	if got := lines(c.begin(alice, "watching").Form); len(got) != 51 || got[50] != "There are older ones." {
		t.Errorf("%d lines: %q", len(got), got)
	}
}

func TestEscalateAndCancel(t *testing.T) {
	for name, tc := range map[string]struct {
		fields []string
		note   string // of escalate
		did    string
	}{
		"by id":            {[]string{"id=m1"}, "info: You will be asked about bob@example.org now.", "m1 to bob@example.org"},
		"by id and to":     {[]string{"id=m2", "with=Carol@example.org/x"}, "info: You will be asked about carol@example.org now.", "m2 to carol@example.org"},
		"which of two":     {[]string{"id=m2"}, `error: Several messages have this id: fill in "To", too.`, ""},
		"to somebody else": {[]string{"id=m1", "with=carol@example.org"}, "error: No message of yours with this id is being watched.", ""},
		"unknown":          {[]string{"id=m9"}, "error: No message of yours with this id is being watched.", ""},
		"read":             {[]string{"id=m3"}, "error: The message to bob@example.org is settled: read.", ""},
		"somebody else's":  {[]string{"id=b1"}, "error: No message of yours with this id is being watched.", ""},
		"without an id":    {[]string{"id=", "with=bob@example.org"}, `error: "Message" must be filled in.`, ""},
		"bad address":      {[]string{"id=m1", "with=example.org"}, `error: "example.org" is no address of a person. Say "bob@example.org".`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"escalate", "cancel"} {
				w := newWorld()
				w.messages = []Watched{
					watched("m1", "bob@example.org", track.Delivered, track.StateDelivered, track.Reason{}),
					watched("m2", "bob@example.org", track.Delivered, track.StateDelivered, track.Reason{}),
					watched("m2", "carol@example.org", track.Pending, track.StatePending, track.Reason{}),
					watched("m3", "bob@example.org", track.Displayed, track.StateDisplayed, track.Reason{}),
				}
				theirs := watched("b1", "alice@example.org", track.Pending, track.StatePending, track.Reason{})
				theirs.Sender = "bob@example.org"
				w.messages = append(w.messages, theirs)
				c := newClient(t, w)
				want := tc.note
				if command == "cancel" && tc.did != "" {
					_, to, _ := strings.Cut(tc.did, " to ")
					want = "info: Your message to " + to + " is no longer watched."
				}
				if diff := cmp.Diff(want, note(c.complete(alice, command, tc.fields...))); diff != "" {
					t.Error(diff)
				}
				var did []string
				if tc.did != "" {
					did = []string{command + " " + tc.did}
				}
				if diff := cmp.Diff(did, w.did); diff != "" {
					t.Error(diff)
				}

				id := c.begin(alice, command).Form.Fields[1]
				if diff := cmp.Diff([]forms.Option{{Label: "bob@example.org, 02:02 UTC, delivered", Value: "m1"}, {Label: "bob@example.org, 02:02 UTC, delivered", Value: "m2"}}, id.Options); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if id := newClient(t, newWorld()).begin(alice, "escalate").Form.Fields[1]; id.Type != "text-single" {
		t.Errorf("with nothing to choose from: %+v", id)
	}
}

func TestMute(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	for _, tc := range []struct {
		fields []string
		note   string
		muted  bool
	}{
		{[]string{"jid=Bob@example.org/desk", "muted=1"}, "info: You will not be asked about bob@example.org.", true},
		{[]string{"jid=bob@example.org", "muted=0"}, "info: You may be asked about bob@example.org again.", false},
		{[]string{"jid=bob@example.org"}, "info: You will not be asked about bob@example.org.", true},
		{[]string{"jid=", "muted=0"}, `error: "Contact" must be filled in.`, true},
		{[]string{"jid=example.org"}, `error: "example.org" is no address of a person. Say "bob@example.org".`, true},
		{[]string{"jid=alice@example.org"}, "error: That is you.", true},
	} {
		if diff := cmp.Diff(tc.note, note(c.complete(alice, "mute", tc.fields...))); diff != "" {
			t.Error(diff)
		}
		if got := w.contacts[[2]string{"alice@example.org", "bob@example.org"}].Muted; got != tc.muted {
			t.Errorf("after %q: muted %t", tc.fields, got)
		}
	}
	if diff := cmp.Diff([]string{"Muted: bob@example.org", "jid=", "muted=true"}, lines(c.begin(alice, "mute").Form)); diff != "" {
		t.Error(diff)
	}
	for i := range maxContacts {
		w.SetContact(context.Background(), track.Contact{Owner: "alice@example.org", Contact: fmt.Sprintf("u%d@example.org", i), Muted: true})
	}
	if got := note(c.complete(alice, "mute", "jid=carol@example.org")); got != "error: More than 500 contacts can't be kept." {
		t.Error(got)
	}
	if got := note(c.complete(alice, "number", "hide_from=carol@example.org")); got != "error: More than 500 contacts can't be kept." {
		t.Error(got)
	}
}

func TestAdmin(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)

	if diff := cmp.Diff([]string{"pending=5", "overdue=4", "open_prompts=3", "outbox=2", "oldest_due=02:12 UTC", "paused=no"}, lines(c.begin(admin, "admin-status").Form)); diff != "" {
		t.Error(diff)
	}

	for _, tc := range []struct {
		fields []string
		note   string
	}{
		{[]string{"jid=Bob@example.org", "number=138 0013 8000"}, "info: The number of bob@example.org is +8613800138000, bound by an admin; senders may see it."},
		{[]string{"jid=bob@example.org", "number=13800138000", "consent=0"}, "info: The number of bob@example.org is +8613800138000, bound by an admin; without consent."},
		{[]string{"jid=bob@example.org", "number="}, "info: The number of bob@example.org is +8613800138000, bound by an admin; without consent."},
		{[]string{"jid=bob@example.org", "number=110"}, `error: "110" is a short number. Say a mobile number with its country code, such as "+86 138 0013 8000".`},
		{[]string{"jid=bob@example.org", "remove=1"}, "info: The number of bob@example.org is removed."},
		{[]string{"jid=bob@example.org", "remove=1"}, "error: No number is bound to bob@example.org."},
		{[]string{"jid=bob@example.org"}, "info: No number is bound to bob@example.org."},
		{[]string{"number=13800138000"}, `error: "User" must be filled in.`},
		{[]string{"lines=bob@example.org,110", "lines=carol@example.org,13800138001", "lines=carol@example.org,13800138001"}, `error: Nothing was bound: line 1: "110" is a short number; line 3: carol@example.org stands on line 2 already.`},
	} {
		if diff := cmp.Diff(tc.note, note(c.complete(admin, "admin-numbers", tc.fields...))); diff != "" {
			t.Error(diff)
		}
	}
	if len(w.numbers) != 0 {
		t.Errorf("bound: %v", w.numbers)
	}
	if got := note(c.complete(admin, "admin-numbers", "lines=bob@example.org,13800138000\ncarol@example.org,13800138001,no")); got != "info: 2 numbers are bound." {
		t.Error(got)
	}
	want := map[string]track.Number{
		"bob@example.org":   bound("bob@example.org", "+8613800138000", track.FromAdmin, true),
		"carol@example.org": bound("carol@example.org", "+8613800138001", track.FromAdmin, false),
	}
	if diff := cmp.Diff(want, w.numbers); diff != "" {
		t.Error(diff)
	}

	w.prefs["bob@example.org"] = track.Prefs{Mode: track.Never, Quiet: "22:00-07:00", Zone: "Europe/Berlin", Watch: track.Off}
	shown := c.complete(admin, "admin-user", "jid=bob@example.org").Form
	if diff := cmp.Diff([]string{"number=The number of bob@example.org is +8613800138000, bound by an admin; senders may see it.", "mode=never", "undelivered_after=default", "unread_after=default",
		"fallback=no", "quiet_hours=22:00-07:00", "time_zone=Europe/Berlin", "language=default", "watch_me=no", "waiting=0", "devices=bob@example.org/desk"}, lines(shown)); diff != "" {
		t.Error(diff)
	}

	w.messages = []Watched{
		watched("m1", "bob@example.org", track.Delivered, track.StateDelivered, track.Reason{}),
		watched("m2", "carol@example.org", track.Pending, track.StatePending, track.Reason{}),
		watched("m3", "bob@example.org", track.Displayed, track.StateDisplayed, track.Reason{}),
	}
	for _, tc := range []struct {
		fields []string
		note   string
		did    []string
	}{
		{[]string{"jid=alice@example.org", "id=m2"}, "info: One message is no longer watched.", []string{"cancel m2 to carol@example.org"}},
		{[]string{"jid=alice@example.org"}, "info: 2 messages are no longer watched.", []string{"cancel m1 to bob@example.org", "cancel m2 to carol@example.org"}},
		{[]string{"jid=alice@example.org", "with=bob@example.org"}, "info: One message is no longer watched.", []string{"cancel m1 to bob@example.org"}},
		{[]string{"jid=alice@example.org", "id=m3"}, "error: The message to bob@example.org is settled: read.", nil},
		{[]string{"id=m2"}, `error: "Sender" must be filled in.`, nil},
	} {
		w.did = nil
		if diff := cmp.Diff(tc.note, note(c.complete(admin, "admin-cancel", tc.fields...))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(tc.did, w.did); diff != "" {
			t.Error(diff)
		}
	}

	if got := note(c.complete(admin, "admin-announce-off", "paused=1")); got != "info: All prompts are paused." || !w.paused {
		t.Error(got, w.paused)
	}
	if got := note(c.complete(admin, "admin-announce-off")); got != "info: Nothing was changed." || !w.paused {
		t.Error(got, w.paused)
	}
	if got := note(c.complete(admin, "admin-announce-off", "paused=0")); got != "info: Prompts are sent again." || w.paused {
		t.Error(got, w.paused)
	}

	w.did = nil
	if got := note(c.begin(admin, "admin-reload")); got != "info: The configuration was read again." || len(w.did) != 1 {
		t.Error(got)
	}
	w.reload = errors.New(`config.toml:12: track.unread_after: "10%x" is no duration`)
	if got := note(c.begin(admin, "admin-reload")); got != `error: Nothing was changed: config.toml:12: track.unread_after: "10％x" is no duration` {
		t.Error(got)
	}
}

// TestWhoMay proves that who asks is checked at every stage.
func TestWhoMay(t *testing.T) {
	w := newWorld()
	c := newClient(t, w)
	condition := func(err *adhoc.Error) string {
		if err == nil {
			return ""
		}
		return strings.TrimSuffix(string(err.Stanza.Condition)+" "+string(err.Condition), " ")
	}
	for _, cmd := range commands {
		for from, allowed := range map[string]bool{
			alice: !cmd.admin, admin: cmd.admin, "eve@example.com/x": false, "example.org": false, "alice@sub.example.org/x": false,
			"example.org/alice": false, "admin@example.net.evil.example/x": false,
		} {
			_, err := c.send(from, "node='"+Node(cmd.name)+"'", "")
			if want := map[bool]string{true: "", false: "forbidden"}[allowed]; condition(err) != want {
				t.Errorf("%s by %s: %q, want %q", cmd.name, from, condition(err), want)
			}
			listed := slices.ContainsFunc(c.c.Items(jid.MustParse(from), ""), func(i item) bool { return i.Node == Node(cmd.name) })
			if listed != allowed {
				t.Errorf("%s is listed for %s: %t", cmd.name, from, listed)
			}
			if _, err := c.c.Info(Node(cmd.name), jid.MustParse(from), ""); (err == nil) != allowed {
				t.Errorf("%s is described for %s: %v", cmd.name, from, err)
			}
		}
	}
	if _, err := c.send(alice, "node='"+Node("nothing")+"'", ""); condition(err) != "item-not-found" {
		t.Error(condition(err))
	}

	// At the second stage: another user, another device of the user, one who is no admin any more.
	stage2 := func(from, session, name string) string {
		_, err := c.send(from, "node='"+Node(name)+"' action='complete' sessionid='"+session+"'", submit("number=13800138000", "jid=bob@example.org"))
		return condition(err)
	}
	session := c.begin(alice, "number").SessionID
	for _, from := range []string{bob, "alice@example.org/laptop", "eve@example.com/x", admin} {
		if got := stage2(from, session, "number"); got != "bad-request bad-sessionid" {
			t.Errorf("%s goes on with the session of %s: %q", from, alice, got)
		}
	}
	adminSession := c.begin(admin, "admin-numbers").SessionID
	o := options()
	o.Admins = nil
	c.c.Set(o)
	if got := stage2(admin, adminSession, "admin-numbers"); got != "forbidden" {
		t.Errorf("one who is no admin any more: %q", got)
	}
	o.Domains = nil
	c.c.Set(o)
	if got := stage2(alice, session, "number"); got != "forbidden" {
		t.Errorf("one who is no user any more: %q", got)
	}
	if len(w.numbers) != 0 {
		t.Errorf("bound: %v", w.numbers)
	}

	// Nor does a session outlive its time.
	c = newClient(t, w)
	session = c.begin(alice, "number").SessionID
	c.now = c.now.Add(11 * time.Minute)
	if got := stage2(alice, session, "number"); got != "not-allowed session-expired" {
		t.Errorf("after the session's time: %q", got)
	}
}

// TestClients goes through a command as the clients do (clients.md).
func TestClients(t *testing.T) {
	form := submit("number=13800138000", "consent=1")
	for name, tc := range map[string]struct{ action, inside, note string }{
		"Gajim, profanity":    {"action='complete'", form, "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"Converse":            {"action='execute'", form, "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"Converse, older":     {"", form, "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"no form":             {"action='complete'", "", "info: Nothing was changed."},
		"a form given up":     {"action='complete'", "<x xmlns='jabber:x:data' type='cancel'/>", "info: Nothing was changed."},
		"a form sent back":    {"action='complete'", strings.Replace(form, "submit", "form", 1), "info: Your number is +8613800138000. Senders whose messages you have not read may see it."},
		"a cancelled command": {"action='cancel'", "", "0 notes"},
	} {
		c := newClient(t, newWorld())
		out, err := c.send(alice, "node='"+Node("number")+"' sessionid='"+c.begin(alice, "number").SessionID+"' "+tc.action, tc.inside)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(tc.note, note(out)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLanguage(t *testing.T) {
	title := func(iq, command, own, domain string) string {
		w := newWorld()
		w.prefs["alice@example.org"] = track.Prefs{Language: own}
		c := newClient(t, w, func(o *Options) { o.Language = domain })
		c.lang = iq
		out, err := c.send(alice, "node='"+Node("mute")+"' xml:lang='"+command+"'", "")
		if err != nil {
			t.Fatal(err)
		}
		// The language of a session does not change on the way.
		c.lang = "en"
		done, err := c.send(alice, "node='"+Node("mute")+"' sessionid='"+out.SessionID+"'", submit("jid=bob@example.org"))
		if err != nil || done.Lang != out.Lang {
			t.Errorf("%v: %v", done, err)
		}
		return out.Lang + " " + out.Form.Title
	}
	const en, zh = "en Mute a contact", "zh 联系人免询问"
	for _, tc := range []struct{ iq, command, own, domain, want string }{
		{"", "", "", "en", en},
		{"", "", "", "zh", zh},
		{"", "", "zh", "en", zh},
		{"en", "", "zh", "zh", en},
		{"zh-CN", "", "en", "en", zh},
		{"en", "zh", "en", "en", zh},
		{"de", "", "zh", "en", zh},
	} {
		if got := title(tc.iq, tc.command, tc.own, tc.domain); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	c := newClient(t, newWorld())
	if got := c.c.Items(jid.MustParse(alice), "zh")[0]; got.Name != "我的手机号码" || got.JID.String() != "tocsin.example.org" || got.Node != "urn:tocsin:escalation:0#number" {
		t.Errorf("%+v", got)
	}
}

func TestFaultsOfOurs(t *testing.T) {
	w := newWorld()
	w.broken = errors.New("disk full")
	_, err := newClient(t, w).send(alice, "node='"+Node("number")+"'", "")
	if err == nil || err.Stanza.Condition != stanza.InternalServerError || !errors.Is(err, w.broken) || err.Stanza.Text != nil {
		t.Errorf("%v", err)
	}
}
