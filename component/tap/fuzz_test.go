package tap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tocsin/track"
)

// seeds are the initial frames: those of the captures, and odd XML.
func seeds(t testing.TB) (frames []string) {
	for _, file := range captures(t) {
		for _, l := range linesOf(t, file) {
			if strings.Contains(l[1], "<forwarded") {
				frames = append(frames, l[1])
			}
		}
	}
	for _, children := range []string{
		body + request + markable + replying + reacts + displays + receipt, corrects + omemoText, retracts, late + failure,
		`<apply-to xmlns='urn:xmpp:fasten:0' id='b0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>`,
		`<track xmlns='urn:tocsin:escalation:0' until='displayed' timeout='600' priority='high' escalate='ask'/>`,
		`<headers xmlns='http://jabber.org/protocol/shim'><header name='Urgency'>high</header></headers>` + body,
		`<body xml:lang='de'>a&lt;b&#x62;&#99;<![CDATA[<c>]]>d<!-- e --><?f g?>h</body>`,
		`<r:received xmlns:r='urn:xmpp:receipts' r:id='no' id='a&amp;1'/>`,
		`<a:x xmlns:a='urn:xmpp:receipts' xmlns='urn:xmpp:receipts'><a:y xmlns:a=''/><request xmlns=''/></a:x>`,
		"<body\n>]] ></body\t><x a = \"'\" b='\"'/>", "<body>a\r\nb\rc</body>", "<x a='\r\n'/>",
		// One fault or oddity each.
		"<body>]]></body>", "<x a=']]>'/>", "<body>\uFFFE</body>", "<body>\uFFFF</body>", "<body>\uFFFD\U000EFFFF</body>", "<body>\xFF</body>",
		"<body>\x00</body>", "<body>\x7F\u0085\u2028</body>", "<body>&#xD800;</body>", "<body>&#0;</body>", "<body>&#x110000;</body>", "<body>&#1;</body>",
		"<body>&#13;&#10;</body>", "<body>&#xFFFE;</body>", "<body>&nbsp;</body>", "<body>&lt</body>", "<body>&;</body>", "<body>&#;</body>", "<body>&#x;</body>",
		"<body>&#+1;</body>", "<body>&#X41;</body>", "<body>&#0000000000065;</body>", "<x a='&'/>", "<x a='<'/>", "<x a='1'b='2'/>", "<x a=1/>", "<x a/>", "<x a='1' a='2'/>",
		"<x></y>", "<a:x></b:x>", "<a:x xmlns:a='u' xmlns:b='u'></b:x>", "<x></x", "< x/>", "<<x/>", "<x/ >", "<x / >", "</x>", "<></>", "<x><y></x></y>", "<x",
		"<:x/>", "<x:/>", "<x:y:z/>", "<x :a='' a:=''/>", "<x a:b:c=''/>", "<1x/>", "<-x/>", "<x 1a=''/>", "<x.-1/>", "<ä/>", "<x ä=''/>", "<x!/>",
		"<receipts:received id='a1'/>", "<xmlns xmlns='urn:example'/>", "<xmlns:x/>", "<xml:x/>", "<x xmlns:xml='y'/>", "<x xmlns:xmlns='y'/>", "<x xmlns:='y'/>", "<x xmlnsx='y'/>", "<x xmlns='&lt;'/>",
		"<body xml:lang='de'/>", "<body x:lang='de' xmlns:x='http://www.w3.org/XML/1998/namespace'/>", "<x:body xmlns:x='jabber:client'>hi</x:body>", "<x:body xmlns:x=''>hi</x:body>",
		"<body xmlns:x='' x:lang='de'/>", "<retract xmlns='urn:xmpp:message-retract:1' x:id='b0' xmlns:x=''/>",
		strings.Repeat("<x>", 80) + strings.Repeat("</x>", 80), "<x " + strings.Repeat("a='' ", 200) + "/>", "<x " + strings.Repeat("xmlns:a='' ", 300) + "/>",
	} {
		frames = append(frames, copyOf(children))
	}
	for _, end := range []string{" ", "x", "<x/>", "<!-- -->", "</message>"} {
		frames = append(frames, copyOf(receipt)+end, end+copyOf(receipt))
	}
	return frames
}

// FuzzTake: the fast reader reads the same as encoding/xml, or leaves the frame to it.
func FuzzTake(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	var r fast
	f.Fuzz(func(t *testing.T, frame []byte) {
		var quick, thorough fields
		if r.read(frame, &quick) {
			if !slow(frame, &thorough) {
				t.Fatal("encoding/xml does not read it")
			}
			if !same(quick, thorough) {
				t.Errorf("fast: %s\nslow: %s", show(quick), show(thorough))
			}
		}
	})
}

// FuzzBatch: both readers get the same from a well-formed frame.
func FuzzBatch(f *testing.F) {
	for _, s := range append(seeds(f), batches()...) {
		f.Add([]byte(s))
	}
	config := Config{Domains: []string{"here.test"}, Component: "tocsin.here.test", ReplyReads: true, KeepText: true, TextLimit: 20}
	f.Fuzz(func(t *testing.T, frame []byte) {
		quick, thorough := New(config), New(config)
		thorough.thorough = true
		var a, b Sighting
		fast, slow := quick.Read(frame, track.At(rulesNow), &a), thorough.Read(frame, track.At(rulesNow), &b)
		if fast != slow && slow != Malformed { // the fast one does not read irrelevant frames to the end
			t.Errorf("fast: %s, slow: %s", fast, slow)
		}
		if d := cmp.Diff(a, b, cmpopts.EquateEmpty()); slow != Malformed && d != "" {
			t.Errorf("-fast +slow:\n%s", d)
		}
		if fast == Malformed && len(a.Facts)+len(a.Sessions)+len(a.Removed) > 0 {
			t.Errorf("malformed, and yet believed: %+v", a)
		}
	})
}

func same(a, b fields) bool { return show(a) == show(b) }

// show writes everything that was read. Empty and nil slices are the same, as for all users of fields.
func show(f fields) string { return fmt.Sprintf("%+v", f) }

// The fast reader can read everything that servers are known to send.
func TestFastReadsCaptures(t *testing.T) {
	var r fast
	for _, file := range captures(t) {
		for _, l := range linesOf(t, file) {
			if !strings.Contains(l[1], "<forwarded") {
				continue
			}
			var quick, thorough fields
			switch {
			case !r.read([]byte(l[1]), &quick):
				t.Errorf("%s: left to encoding/xml: %s", file, l[1])
			case !slow([]byte(l[1]), &thorough) || !same(quick, thorough):
				t.Errorf("%s: fast: %s\nslow: %s", file, show(quick), show(thorough))
			}
		}
	}
}
