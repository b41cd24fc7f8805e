package intake

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

const hello = `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='s1' xmlns='jabber:component:accept' from='tocsin.test'>`

// portions is a connection whose bytes come in portions of n, the last one with io.EOF after it.
type portions struct {
	net.Conn
	rest string
	n    int
}

func (p *portions) Read(b []byte) (int, error) {
	if p.rest == "" {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.n, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// outcome is the result of reading a stream.
type outcome struct {
	passed  string
	taken   []string
	dropped []Reason
	err     error
}

func run(stream string, portion int, l Limits) outcome {
	var o outcome
	c := NewConn(&portions{rest: stream, n: portion}, l, func(frame []byte) { o.taken = append(o.taken, string(frame)) })
	c.Dropped = func(r Reason) { o.dropped = append(o.dropped, r) }
	var passed strings.Builder
	_, o.err = io.CopyBuffer(struct{ io.Writer }{&passed}, struct{ io.Reader }{c}, make([]byte, 100))
	o.passed = passed.String()
	return o
}

func tapped(inner string) string {
	return `<message from='vhost.test' to='tocsin.test'><forwarded xmlns='urn:xmpp:forward:0'>` + inner + `</forwarded></message>`
}

// The pieces of a stream, and the result for each: passed on, taken, or dropped for a reason.
var pieces = []struct {
	name, xml string
	taken     bool
	dropped   Reason
}{
	{name: "handshake", xml: `<handshake/>`},
	{name: "keep-alive", xml: "\n"},
	{name: "copy", xml: tapped(`<message xmlns='jabber:client' to='b@vhost.test'><body>1 &lt; 2 &gt; ]] ' "</body></message>`), taken: true},
	{name: "copy with prefixes", xml: `<c:message xmlns:c='jabber:component:accept'><f:forwarded a=">'/" xmlns:f='urn:xmpp:forward:0'/></c:message>`, taken: true},
	{name: "copy with CDATA and comment", xml: tapped(`<m><![CDATA[</forwarded>]] ]>]]><!-- </message> -- ></m> --></m>`), taken: true},
	{name: "copy with instruction", xml: tapped(`<?x </message> ?>`), taken: true},
	{name: "forward inside something else", xml: `<message><private><forwarded/></private></message>`},
	{name: "IQ with a forward", xml: `<iq type='set' id='1'><forwarded/></iq>`},
	{name: "message", xml: "<message from='a@vhost.test/x'\n to = \"sms@tocsin.test\" ><body>sent 7f3c</body></message>"},
	{name: "presence", xml: `<presence from='a@vhost.test/ä b' to='tocsin.test'/>`},
	{name: "white space", xml: " \r\n\t "},
	{name: "result without child", xml: `<iq type='result' id='1' from='vhost.test'/>`},
	{name: "request", xml: `<iq type='get' id='1' from='vhost.test'><query xmlns='jabber:iq:version'/></iq>`},
	{name: "request with white space", xml: "<iq type='get' id='1'>\n <query xmlns='jabber:iq:version'/>\n</iq>"},
	{name: "text after the child", xml: `<iq type='set' id='1'><query/>text</iq>`},
	{name: "request without child", xml: `<iq type='get' id='1' from='vhost.test'/>`, dropped: BadIQ},
	{name: "error without child", xml: `<iq type='error' id='1'></iq>`, dropped: BadIQ},
	{name: "text before the child", xml: `<iq type='set' id='1'>text<query/></iq>`, dropped: BadIQ},
	{name: "text as CDATA before the child", xml: `<iq type='set' id='1'><![CDATA[text]]><query/></iq>`, dropped: BadIQ},
	{name: "comment", xml: `<message><!-- <body> --></message>`, dropped: Malformed},
	{name: "instruction", xml: `<message><?php echo "<a>" ?></message>`, dropped: Malformed},
	{name: "undeclared entity", xml: `<message><body>&nbsp;</body></message>`, dropped: Malformed},
	{name: "crossed tags", xml: `<message><a><b></a></b></message>`, dropped: Malformed},
	{name: "angle bracket in a value", xml: `<message id='<'/>`, dropped: Malformed},
	{name: "value without quotes", xml: `<message id=1></message>`, dropped: Malformed},
	{name: "bad UTF-8", xml: "<message><body>\xff</body></message>", dropped: Malformed},
	{name: "control character", xml: "<message><body>\x00</body></message>", dropped: Malformed},
	{name: "symbol as localpart", xml: `<presence from='♥@localhost'/>`},
	{name: "symbol as localpart of a request", xml: `<iq type='get' id='1' from='♥@localhost/x'><ping/></iq>`},
	{name: "soft hyphen in a resource", xml: "<message to='bob@vhost.test/de\u00adsk'/>"},
	{name: "space in localpart", xml: `<message to='a b@vhost.test'/>`, dropped: BadAddress},
	{name: "ligature", xml: `<message from='ﬁ@vhost.test'/>`},
	{name: "underscore in domain", xml: `<iq type='get' id='1' from='exa_mple.com'><ping/></iq>`},
	{name: "no localpart", xml: `<message from='@vhost.test'/>`, dropped: BadAddress},
	{name: "empty resource", xml: `<message from='a@vhost.test/'/>`, dropped: BadAddress},
	{name: "address with a prefix", xml: `<message x:from='a b@localhost' xmlns:x='urn:x'/>`, dropped: BadAddress},
	{name: "stream error in a stanza", xml: `<message><stream:error/></message>`, dropped: StreamInside},
	{name: "stream error in a stanza, other prefix", xml: `<message><e:x xmlns:e='http://etherx.jabber.org/streams'/></message>`, dropped: StreamInside},
	{name: "features", xml: `<stream:features/>`, dropped: StreamInside},
	{name: "text between stanzas", xml: `text`, dropped: Stray},
	{name: "comment between stanzas", xml: `<!-- <message> -->`, dropped: Stray},
	{name: "CDATA between stanzas", xml: `<![CDATA[<message>]]>`, dropped: Stray},
	{name: "instruction between stanzas", xml: `<?x <message> ?>`, dropped: Stray},
	{name: "after all that", xml: `<message to='sms@tocsin.test'><body>still there</body></message>`},
	{name: "stream error", xml: `<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`},
	{name: "end", xml: `</stream:stream >`},
}

func TestPieces(t *testing.T) {
	want := outcome{passed: hello}
	stream := hello
	for _, p := range pieces {
		stream += p.xml
		switch {
		case p.taken:
			want.taken = append(want.taken, p.xml)
		case p.dropped != "":
			want.dropped = append(want.dropped, p.dropped)
		default:
			want.passed += p.xml
		}
	}
	// Text between stanzas is counted as it comes.
	want.dropped = slices.Compact(want.dropped)
	for _, portion := range []int{1, 2, 3, 5, 7, 64, 1000, len(stream)} {
		compare(t, portion, run(stream, portion, Limits{}), want)
	}
	for cut := range stream { // two portions, split at every byte
		compare(t, cut, runTwo(stream, cut), want)
	}
}

func runTwo(stream string, cut int) outcome {
	var o outcome
	in, out := net.Pipe()
	go func() {
		out.Write([]byte(stream[:cut]))
		out.Write([]byte(stream[cut:]))
		out.Close()
	}()
	defer in.Close()
	c := NewConn(in, Limits{}, func(frame []byte) { o.taken = append(o.taken, string(frame)) })
	c.Dropped = func(r Reason) { o.dropped = append(o.dropped, r) }
	passed, err := io.ReadAll(c)
	o.passed, o.err = string(passed), err
	return o
}

func compare(t *testing.T, portion int, got, want outcome) {
	t.Helper()
	if got.passed != want.passed {
		t.Fatalf("portion %d: passed on:\n%s\nwant:\n%s", portion, got.passed, want.passed)
	}
	if !slices.Equal(got.taken, want.taken) {
		t.Fatalf("portion %d: taken:\n%s\nwant:\n%s", portion, strings.Join(got.taken, "\n"), strings.Join(want.taken, "\n"))
	}
	if !slices.Equal(slices.Compact(got.dropped), want.dropped) {
		t.Fatalf("portion %d: dropped:\n%v\nwant:\n%v", portion, got.dropped, want.dropped)
	}
	if !errors.Is(got.err, want.err) {
		t.Fatalf("portion %d: %v, want %v", portion, got.err, want.err)
	}
}

// Requests that would end the library's session are answered nevertheless; errors are not.
func TestRefused(t *testing.T) {
	stream := hello + `<handshake/><iq type='get' id='1' from='a@vhost.test/x' to='tocsin.test'/><iq type='set' id='2' from='a@vhost.test/x'>text<a/></iq>` +
		`<iq type='error' id='3' from='a@vhost.test/x'/><iq type='get' from='a@vhost.test/x'/><iq type='get' id='5' from='a b@vhost.test'/>` +
		`<iq type='get' id='6' from='a@vhost.test/x' to='tocsin.test'><a/></iq>`
	var refused []Request
	c := NewConn(&portions{rest: stream, n: 7}, Limits{}, func([]byte) {})
	c.Refuse = func(r Request) { refused = append(refused, r) }
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Fatal(err)
	}
	want := []Request{{From: "a@vhost.test/x", To: "tocsin.test", ID: "1"}, {From: "a@vhost.test/x", ID: "2"}}
	if !slices.Equal(refused, want) {
		t.Errorf("refused %+v, want %+v", refused, want)
	}
}
