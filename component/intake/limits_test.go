package intake

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	big := strings.Repeat("x", 400<<10)
	for _, tt := range []struct {
		name, xml string
		limits    Limits
		dropped   Reason // "": it gets through
	}{
		{name: "a body of 400 KiB", xml: tapped("<message><body>" + big + "</body></message>")},
		{name: "a body of 600 KiB", xml: tapped("<message><body>" + big + big[:200<<10] + "</body></message>"), dropped: TooBig},
		{name: "a body of 4 MiB, if that is allowed", xml: tapped("<message><body>" + strings.Repeat(big, 10) + "</body></message>"), limits: Limits{Bytes: 5 << 20}},
		{name: "a value of 600 KiB", xml: tapped("<message><body id='" + big + big[:200<<10] + "'/></message>"), dropped: TooBig},
		{name: "a name of 600 KiB", xml: "<" + big + big[:200<<10] + "/>", dropped: TooBig},
		{name: "a comment of 600 KiB", xml: "<message><!--" + big + big[:200<<10] + "--></message>", dropped: TooBig},
		{name: "CDATA of 600 KiB", xml: "<message><![CDATA[" + big + big[:200<<10] + "</message>]]></message>", dropped: TooBig},
		{name: "exactly the limit", xml: tapped(strings.Repeat("x", 1000-len(tapped("")))), limits: Limits{Bytes: 1000}},
		{name: "one byte more", xml: tapped(strings.Repeat("x", 1001-len(tapped("")))), limits: Limits{Bytes: 1000}, dropped: TooBig},
		{name: "a depth of 1000", xml: tapped(strings.Repeat("<a>", 1000) + strings.Repeat("</a>", 1000)), dropped: TooDeep},
		{name: "exactly the depth", xml: tapped("<a><b/></a>"), limits: Limits{Depth: 4}},
		{name: "one deeper", xml: tapped("<a><b><c/></b></a>"), limits: Limits{Depth: 4}, dropped: TooDeep},
		{name: "10000 children", xml: tapped(strings.Repeat("<a/>", 10000)), dropped: TooMany},
		{name: "exactly the children", xml: tapped("<a/><a/>"), limits: Limits{Children: 3}},
		{name: "one child more", xml: tapped("<a/><a/><a/>"), limits: Limits{Children: 3}, dropped: TooMany},
		{name: "1000 attributes", xml: tapped("<a " + strings.Repeat("b='' ", 1000) + "/>"), dropped: TooMany},
		{name: "exactly the attributes", xml: tapped("<a b='' c=\"'\"/>"), limits: Limits{Attrs: 2}},
		{name: "one attribute more", xml: tapped("<a b='' c='' d=''/>"), limits: Limits{Attrs: 2}, dropped: TooMany},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next := "<message to='sms@tocsin.test'/>"
			for _, portion := range []int{97, 4096, 1 << 20} {
				got := run(hello+tt.xml+next, portion, tt.limits)
				if got.err != nil || got.passed != hello+next {
					t.Errorf("portions of %d: the stream did not go on: %v", portion, got.err)
				}
				var want []Reason
				if tt.dropped != "" {
					want = append(want, tt.dropped)
				}
				if !slices.Equal(got.dropped, want) {
					t.Errorf("portions of %d: dropped %v, want %v", portion, got.dropped, want)
				}
				if tt.dropped == "" && !slices.Equal(got.taken, []string{tt.xml}) {
					t.Errorf("portions of %d: not taken", portion)
				}
			}
		})
	}
}

// endless is a connection that never stops.
type endless struct {
	net.Conn
	head, body []byte
	at, left   int
}

func (e *endless) Read(b []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(b, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) {
		m := copy(b[n:], e.body[e.at:])
		n, e.at = n+m, (e.at+m)%len(e.body)
	}
	e.left -= n
	return n, nil
}

// Skipped stanzas take no memory.
func TestSkipsWithoutKeeping(t *testing.T) {
	for _, tt := range []struct{ head, body string }{
		{"<message><body>", "text "},
		{"<message><body>", "<a/>"},
		{"<message><body>", "<a>"},
		{"<message id='", "value "},
		{"<message ", "a='' "},
		{"<message", "e"},
		{"<message><!--", "- "},
		{"<message><![CDATA[", "] "},
		{"<message><?", "? "},
		{"", "keep-alive "},
		{"<!--", "- "},
		{"<?x", "? "},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c := NewConn(&endless{head: []byte(hello + tt.head), body: bytes.Repeat([]byte(tt.body), 1000), left: 8 << 20}, Limits{}, func([]byte) {})
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{c}); err != nil {
			t.Errorf("%s%s…: %v", tt.head, tt.body, err)
		}
		runtime.ReadMemStats(&after)
		if grew := after.TotalAlloc - before.TotalAlloc; grew > 4<<20 {
			t.Errorf("%s%s…: %d bytes were allocated for 8 MiB", tt.head, tt.body, grew)
		}
	}
}

func TestNotXML(t *testing.T) {
	for _, stream := range []string{
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"</stream:stream>",
		"<!DOCTYPE stream><stream>",
		"<stream:stream id='" + strings.Repeat("x", 600<<10),
		hello + "< message/>",
		hello + "<message>1 < 2</message>",
		hello + "<message><<a/></message>",
		hello + "<!DOCTYPE a>",
		hello + "<message><!DOCTYPE a></message>",
		hello + "<![CDAT[]]>",
		hello + "</stream:stream" + strings.Repeat(" ", 2<<20) + ">",
	} {
		for _, portion := range []int{7, 1 << 20} {
			if got := run(stream, portion, Limits{}); !errors.Is(got.err, ErrNotXML) {
				t.Errorf("%.60q: %v, want ErrNotXML", stream, got.err)
			}
		}
	}
}

func TestHeader(t *testing.T) {
	for _, tt := range []struct{ stream, passed string }{
		{hello, hello},
		{"\n" + hello + "\n <handshake/>\n", "\n" + hello + "<handshake/>\n"},
		{"<?xml version='1.0'?>\n<stream:stream/><a/>", "<?xml version='1.0'?>\n<stream:stream/>"},
		{hello + "</stream:stream><a/>", hello + "</stream:stream>"},
		{hello + "<a>", hello}, // the connection ends
	} {
		if got := run(tt.stream, 3, Limits{}); got.passed != tt.passed || got.err != nil {
			t.Errorf("%q: passed on %q, %v", tt.stream, got.passed, got.err)
		}
	}
}

// failing fails now and then, as a connection with a deadline does.
type failing struct {
	net.Conn
	r    io.Reader
	fail bool
}

var errDeadline = errors.New("deadline")

func (f *failing) Read(b []byte) (int, error) {
	if f.fail = !f.fail; f.fail {
		return 0, errDeadline
	}
	return f.r.Read(b[:1])
}

// A connection error reaches the reader, and does not split a frame.
func TestConnectionErrors(t *testing.T) {
	stream := hello + tapped("<a/>") + "<message/>"
	taken := 0
	c := NewConn(&failing{r: strings.NewReader(stream)}, Limits{}, func([]byte) { taken++ })
	var passed bytes.Buffer
	buf := make([]byte, 10)
	for {
		n, err := c.Read(buf)
		passed.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil && err != errDeadline {
			t.Fatal(err)
		}
	}
	if passed.String() != hello+"<message/>" || taken != 1 {
		t.Errorf("passed on %q, took %d", passed.String(), taken)
	}
}
