package tap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tocsin/track"
)

// batchOf is a batch of events that was sent 250 ms after its first event.
func batchOf(events string) string {
	return `<message from='here.test' to='tocsin.here.test' type='normal'><tap xmlns='urn:tocsin:tap:1' run='k3x9v02m' n='17' lost='3' age='250' t='1795600000123'>` +
		events + `</tap></message>`
}

const (
	fromBob  = ` f='bob@here.test/B' t='alice@here.test/A' i='b1'`
	byServer = ` ro='from' ss='3' sm='2' hib='1'`
	session  = ` s='bob@here.test/B' k='1f'`
)

// batches are batches to begin with.
func batches() (all []string) {
	for _, events := range []string{
		"", "<out" + fromBob + byServer + "><body>hi</body><rq/><mk/></out>",
		"<out d='2'" + fromBob + " y='normal' l='en'><body xml:lang='de'>a&lt;b</body><su/><rc id='a1'/><md id='a1'/><mr id='a1'/><ma id='a1'/></out>",
		"<in" + fromBob + "><re id='a1' to='alice@here.test'/><body>x</body><fb for='urn:xmpp:reply:0' start='0' end='1'/><dl from='here.test' stamp='2026-11-24T01:00:00Z'/></in>",
		"<out" + fromBob + "><rx id='a1' n='1'/></out><out" + fromBob + "><cr id='b0'/><body is='text'/></out><out" + fromBob + "><rt id='b0'/></out>",
		"<out" + fromBob + "><om payload='1'/><em namespace='urn:xmpp:omemo:2'/><body is='otr'/></out><out" + fromBob + "><om2/><ox/><pg/><ns/><x/><fw/><jm n='propose'/></out>",
		"<out" + fromBob + "><tr until='displayed' timeout='60'/><ur v='high'/><body/></out><out" + fromBob + "><oi id='o1'/><si id='s1' by='alice@here.test'/><body>x</body></out>",
		"<in" + fromBob + " y='error'><er type='cancel' c='gone'/></in><bounce" + fromBob + "><er type='wait' c='resource-constraint' by='x'/></bounce>",
		"<acked" + fromBob + "/><handed" + fromBob + "/><unacked" + fromBob + "/><offline" + fromBob + " how='archive'/><dropped" + fromBob + " why='blocked'/>",
		"<opened" + session + "/><managed" + session + " r='1'/><presence" + session + " show='away' prio='5' node='n' ver='v' hash='sha-1'/><hibernating" + session +
			"/><resumed" + session + " o='1e'/><closed" + session + " why='timeout'/><here" + session + " sm='1' hib='1' p='1'/>",
		"<roster o='bob@here.test' j='alice@here.test' ro='none'/><removed j='bob@here.test'/><mds o='bob@here.test' with='alice@here.test' id='x' by='bob@here.test'/>",
		"<hello v='1' module='m' server='s' hosts='here.test' tells='acked session'/><bye/><ended run='k3x9v02m'/><ended/>", "<new attr='x'><y><z/></y></new>text<out" + fromBob + "><body>x</body></out>",
		"<out xmlns='other'" + fromBob + "><body>x</body></out>", "<out" + fromBob + "><body xmlns='other'>x</body></out>", "<out" + fromBob + "><body>x</out>",
		"<tap xmlns='urn:tocsin:tap:1'><out" + fromBob + "><body>x</body></out></tap>", "<out><out" + fromBob + "><body>x</body></out></out>",
	} {
		all = append(all, batchOf(events))
	}
	return append(all, batchOf("")+"x", strings.Replace(batchOf("<acked"+fromBob+"/>"), "here.test'", "bob@here.test'", 1),
		strings.Replace(batchOf("<acked"+fromBob+"/>"), "</tap>", "</tap><tap xmlns='urn:tocsin:tap:1' run='2' n='1'><bye/></tap>", 1),
		strings.Replace(batchOf("<acked"+fromBob+"/>"), "</tap>", "</tap>"+copyOf(body), 1))
}

// told returns the facts of a frame, in lines.
func told(config Config, frame string) []string {
	return toldBy(New(config), frame, track.At(rulesNow).Add(-250e6), new(Sighting))
}

// toldBy is told with an existing tap; first is the time of the batch's first event.
func toldBy(tap *Tap, frame string, first track.Time, s *Sighting) []string {
	lines := []string{tap.Read([]byte(frame), track.At(rulesNow), s).String()}
	for _, f := range s.Facts {
		line := factLine(f, first)
		if f.Standing != 0 || f.Sessions.Known {
			line += fmt.Sprintf(" %d %v", f.Standing, f.Sessions)
		}
		if f.Archived {
			line += " archived"
		}
		lines = append(lines, line)
	}
	for _, x := range s.Sessions {
		x.At = 0
		lines = append(lines, fmt.Sprintf("%+v", x))
	}
	for _, x := range s.Displays {
		lines = append(lines, fmt.Sprintf("%+v", x))
	}
	for _, x := range s.Removed {
		lines = append(lines, "removed "+x)
	}
	if s.Hello != nil {
		lines = append(lines, fmt.Sprintf("%+v", *s.Hello))
	}
	if s.Bye {
		lines = append(lines, "bye")
	}
	for _, run := range s.Ended {
		lines = append(lines, "ended "+run)
	}
	return lines
}

// The facts of each event.
func TestBatchedEvents(t *testing.T) {
	const (
		sent  = "sent bob@here.test → alice@here.test id=b1"
		about = " bob@here.test → alice@here.test id=b1"
		reply = "replied alice@here.test → bob@here.test by=reply"
	)
	for _, tt := range []struct {
		name, events string
		want         []string
	}{
		{"a message, with what the server knows", "<out" + fromBob + byServer + " l='en'><body>hi</body><rq/><mk/></out>",
			[]string{"message", reply, sent + ` once resource=B lang=en asks-receipt markable text="hi" 3 {true 3 2 1}`}},
		{"of nobody there", "<out" + fromBob + " ss='0'><body>hi</body></out>", []string{"message", reply, sent + ` once resource=B text="hi" 0 {true 0 0 0}`}},
		{"later in the batch", "<acked d='200'" + fromBob + "/>", []string{"evidence", "received" + about + " by=ack at=01:59:59.95 resource=A"}},
		{"a text that is not told", "<out" + fromBob + "><body is='text'/></out>", []string{"message", reply, sent + " once resource=B"}},
		{"an encrypted one", "<out" + fromBob + "><om payload='1'/><body is='text'/></out>", []string{"message", reply, sent + " once resource=B encrypted"}},
		{"OTR", "<out" + fromBob + "><body is='otr'/></out>", []string{"message", reply, sent + " once resource=B encrypted"}},
		{"a receipt and a marker", "<out" + fromBob + "><rc id='a1'/><md id='a1'/></out>",
			[]string{"evidence", "received alice@here.test → bob@here.test id=a1 by=receipt", "read alice@here.test → bob@here.test id=a1 by=marker"}},
		{"a bounce", "<bounce" + fromBob + "><er type='cancel' c='service-unavailable'/></bounce>", []string{"evidence", "bounced alice@here.test → bob@here.test id=b1 by=error refusal"}},
		{"one that may pass", "<bounce" + fromBob + "><er type='cancel' c='remote-server-timeout'/></bounce>", []string{"evidence", "deferred alice@here.test → bob@here.test id=b1 by=error"}},
		{"a client's error", "<out" + fromBob + " y='error'><er type='cancel' c='gone'/></out>", []string{"evidence", "bounced alice@here.test → bob@here.test id=b1 by=error"}},
		{"an id of the archive", "<stanza-id" + fromBob + " id='s1'/><stanza-id" + fromBob + "/><stanza-id f='bob@here.test/B' t='alice@far.test' i='b1' id='s2'/>",
			[]string{"evidence", "named" + about + " archive=s1"}},
		{"handed", "<handed" + fromBob + "/>", []string{"evidence", "handed" + about + " resource=A"}},
		{"unacked", "<unacked" + fromBob + "/>", []string{"evidence", "unacked" + about + " resource=A"}},
		{"offline", "<offline" + fromBob + " how='offline'/>", []string{"evidence", "stored" + about}},
		{"archived", "<offline" + fromBob + " how='archive'/>", []string{"evidence", "stored" + about + " archived"}},
		{"dropped", "<dropped" + fromBob + " why='blocked'/>", []string{"evidence", "dropped" + about + " resource=A"}},
		{"nothing of a group chat", "<out" + fromBob + " y='groupchat'><body>hi</body></out>", []string{"dropped"}},
		{"nothing without an id", "<acked f='bob@here.test' t='alice@here.test'/>", []string{"dropped"}},
		{"nothing of an address that is none, and the rest", "<acked f='@' t='alice@here.test' i='x'/><acked" + fromBob + "/>", []string{"evidence", "received" + about + " by=ack resource=A"}},
		{"nothing of strangers", "<acked f='bob@far.test' t='alice@far.test' i='x'/>", []string{"dropped"}},
		{"an event that is new", "<future f='x'/><acked" + fromBob + "/>", []string{"evidence", "received" + about + " by=ack resource=A"}},
		{"a payload that is new", "<out" + fromBob + "><new id='a1'/></out>", []string{"message", "passed" + about + " once"}},
		{"sessions", "<opened" + session + "/><managed" + session + " r='1'/><hibernating" + session + "/><resumed" + session + " o='1e'/><closed" + session + " why='moved'/>", []string{"dropped",
			"{Kind:0 JID:bob@here.test/B Key:1f At:0 Before: Managed:false Resumable:false Hibernating:false Available:false Caps:{Node: Ver: Hash:} End:0}",
			"{Kind:1 JID:bob@here.test/B Key:1f At:0 Before: Managed:true Resumable:true Hibernating:false Available:false Caps:{Node: Ver: Hash:} End:0}",
			"{Kind:2 JID:bob@here.test/B Key:1f At:0 Before: Managed:false Resumable:false Hibernating:true Available:false Caps:{Node: Ver: Hash:} End:0}",
			"{Kind:3 JID:bob@here.test/B Key:1f At:0 Before:1e Managed:false Resumable:false Hibernating:false Available:false Caps:{Node: Ver: Hash:} End:0}",
			"{Kind:4 JID:bob@here.test/B Key:1f At:0 Before: Managed:false Resumable:false Hibernating:false Available:false Caps:{Node: Ver: Hash:} End:6}"}},
		{"presence", "<presence" + session + " node='n' ver='v' hash='sha-1'/><presence" + session + " y='unavailable'/><here" + session + " sm='1' r='1' hib='1' p='1' node='n'/>", []string{"dropped",
			"{Kind:5 JID:bob@here.test/B Key:1f At:0 Before: Managed:false Resumable:false Hibernating:false Available:true Caps:{Node:n Ver:v Hash:sha-1} End:0}",
			"{Kind:5 JID:bob@here.test/B Key:1f At:0 Before: Managed:false Resumable:false Hibernating:false Available:false Caps:{Node: Ver: Hash:} End:0}",
			"{Kind:6 JID:bob@here.test/B Key:1f At:0 Before: Managed:true Resumable:true Hibernating:true Available:true Caps:{Node:n Ver: Hash:} End:0}"}},
		{"nobody else's session", "<opened s='bob@far.test/B' k='1'/><opened s='bob@here.test' k='1'/><opened s='bob@here.test/B'/>", []string{"dropped"}},
		{"rosters, accounts, displays", "<roster o='bob@here.test' j='alice@here.test' ro='both'/><roster o='bob@here.test' j='alice@here.test'/>" +
			"<roster o='bob@here.test' j='alice@far.test' ro='both'/><removed j='bob@here.test'/><mds o='bob@here.test' with='alice@far.test' id='x' by='bob@here.test'/>" +
			"<roster o='bob@far.test' j='alice@here.test' ro='both'/><removed j='bob@far.test'/><mds o='bob@far.test' with='alice@here.test' id='x'/>", []string{"dropped",
			"roster-changed alice@here.test → bob@here.test 4 {false 0 0 0}", "{Owner:bob@here.test With:alice@far.test ID:x By:bob@here.test}", "removed bob@here.test"}},
		{"another run's end", "<ended run='abc12345'/><ended/>", []string{"dropped", "ended abc12345"}},
		{"a run's beginning and end", "<hello v='1' module='mod_tocsin 1' server='Prosody 13.0.1' hosts='here.test also.test' node='n1' tells='acked handed new'/><bye/>", []string{"dropped",
			"{Module:mod_tocsin 1 Server:Prosody 13.0.1 Hosts:[here.test also.test] Node:n1 Reports:3}", "bye"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, told(rulesConfig, batchOf(tt.events))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// A batch is believed if it comes from a vhost, as a whole, and once.
func TestBatch(t *testing.T) {
	event := "<acked" + fromBob + "/>"
	for _, tt := range []struct{ name, frame, want string }{
		{"from a vhost", batchOf(event), "evidence"},
		{"from a user", strings.Replace(batchOf(event), "'here.test'", "'bob@here.test'", 1), "rejected"},
		{"from another server", strings.Replace(batchOf(event), "'here.test'", "'far.test'", 1), "rejected"},
		{"from our own domain", strings.Replace(batchOf(event), "'here.test'", "'tocsin.here.test'", 1), "rejected"},
		{"that comes back", strings.Replace(batchOf(event), "'normal'", "'error'", 1), "dropped"},
		{"that does not end", strings.Replace(batchOf(event), "</tap>", "", 1), "malformed"},
		{"with a broken event", batchOf(event + "<acked"), "malformed"},
		{"within a copy", copyOf(batchOf(event)), "dropped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Sighting
			if got := New(rulesConfig).Read([]byte(tt.frame), track.At(rulesNow), &s).String(); got != tt.want {
				t.Errorf("it is %s, want %s", got, tt.want)
			}
			if wants := tt.want == "evidence"; wants != (len(s.Facts) > 0) || wants != (s.Batch.N > 0) {
				t.Errorf("it tells %+v", s)
			}
		})
	}
	var s Sighting
	New(rulesConfig).Read([]byte(batchOf(event)), track.At(rulesNow), &s)
	if want := (Batch{Run: "k3x9v02m", N: 17, Lost: 3, Host: "here.test", Sent: 1795600000123}); s.Batch != want {
		t.Errorf("%+v, want %+v", s.Batch, want)
	}
}
