package command

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"tocsin/track"
	"tocsin/xep/adhoc"
	"tocsin/xep/forms"
)

var start = time.Date(2026, 11, 24, 2, 12, 0, 0, time.UTC)

const alice, bob, admin = "alice@example.org/phone", "bob@example.org/desk", "admin@example.net/x"

// world has everything that commands read and change, in memory.
type world struct {
	numbers  map[string]track.Number
	releases []track.Release
	prefs    map[string]track.Prefs
	contacts map[[2]string]track.Contact
	messages []Watched
	paused   bool
	reload   error
	broken   error
	phone    Phone
	verdict  track.CodeVerdict // on codes
	link     string            // to pages; "": there are none
	sms      bool

	did []string // calls, in order
}

func newWorld() *world {
	return &world{numbers: map[string]track.Number{}, prefs: map[string]track.Prefs{}, contacts: map[[2]string]track.Contact{}, verdict: track.CodeNone}
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

func (w *world) Stored(user string) track.Prefs {
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
	sum := track.Summary{Pending: 5, Overdue: 4, OpenPrompts: 3, Outbox: 2, OldestDue: track.At(start)}
	if w.sms {
		sum.SMS, sum.SMSBudget, sum.SMSDown = track.SMSUse{SMS: 5, Segments: 12, Unsure: 1}, 500, []string{"carrier"}
	}
	return sum, nil
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

func (w *world) SettingsLink(context.Context, string) (string, error) { return w.link, nil }
func (w *world) AdminLink(context.Context, string) (string, error)    { return w.link + "#admin", nil }

func (w *world) Phone(context.Context, string, string, track.Time) (Phone, error) {
	return w.phone, w.broken
}

func (w *world) RequestCode(_ context.Context, in *track.CodeRequested) error {
	w.log("code to %s in %s, %s", in.Number, in.Country, in.Language)
	in.Verdict = w.verdict
	if _, bound := w.numbers[in.User]; !bound && in.Verdict == track.CodeSent {
		w.numbers[in.User] = track.Number{JID: in.User, E164: in.Number, Source: track.FromUser, Consent: in.Consent, At: track.At(start)}
	}
	return w.broken
}

func (w *world) TryCode(_ context.Context, in *track.CodeTried) error {
	w.log("code %s", in.Digits)
	if in.Verdict, in.Left = w.verdict, 2; in.Verdict == track.CodeRight {
		in.Number = track.Number{JID: in.User, E164: w.phone.Code.Number, Source: track.FromUser, Consent: w.numbers[in.User].Consent, Verified: true, At: track.At(start)}
		w.numbers[in.User], w.phone.Pending = in.Number, false
	}
	return w.broken
}

func (w *world) Stop(_ context.Context, in *track.OwnStop) error {
	switch {
	case in.On && w.phone.Stopped == "":
		w.phone.Stopped = track.StopByOwner
	case !in.On && w.phone.Stopped == track.StopByOwner:
		w.phone.Stopped = ""
	}
	in.By = w.phone.Stopped
	return w.broken
}

func (w *world) deps() Deps {
	return Deps{
		Directory: w, Phone: w, Settings: w, Watch: w, Admin: w, Links: w,
		Forget: func(_ context.Context, user string) error { w.log("forget %s", user); return w.broken },
		Remove: func(_ context.Context, user string) error { w.log("remove %s", user); return w.broken },
		Zone: func(user string) *time.Location {
			zone, err := time.LoadLocation(w.prefs[user].Zone)
			if err != nil {
				return time.UTC
			}
			return zone
		},
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

// client runs commands like a client: through XML, in both directions.
type client struct {
	options Options
	t       *testing.T
	c       *Commands
	now     time.Time
	lang    string
}

func newClient(t *testing.T, w *world, change ...func(*Options)) *client {
	o := options()
	for _, f := range change {
		f(&o)
	}
	c := &client{t: t, now: start, options: o}
	c.c = New(w.deps(), func() *Options { return &c.options }, adhoc.Options{})
	return c
}

// send sends the content of a <command/> and returns the answer.
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

// complete submits the form of a command: fields are name=value, repeated for several values. A form with errors comes back.
func (c *client) complete(from, name string, fields ...string) *payload {
	c.t.Helper()
	out := c.begin(from, name)
	out, err := c.send(from, "node='"+Node(name)+"' action='complete' sessionid='"+out.SessionID+"'", submit(fields...))
	if err != nil {
		c.t.Fatalf("%s %q: %v", name, fields, err)
	}
	if faulty := out.Status == adhoc.Executing && len(out.Notes) == 1 && out.Notes[0].Type == adhoc.Fault; out.Status != adhoc.Completed && !faulty {
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

// lines returns the content of a form, one line per visible field.
// says checks the end of a form's instructions.
func says(t *testing.T, f *forms.Form, end string) {
	t.Helper()
	if intro := strings.Join(f.Instructions, "\n"); !strings.HasSuffix(intro, end) {
		t.Errorf("the form says %q, not %q", intro, end)
	}
}

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
