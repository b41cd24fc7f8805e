package tap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"

	"tocsin/component/intake"
	"tocsin/internal/loadgen"
	"tocsin/track"
)

const (
	benchHello = `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='s1' xmlns='jabber:component:accept' from='tocsin.here.test'>`
	benchOpen  = benchHello + `<handshake/>`
)

// stream has n copies as made by ejabberd.
func stream(n int) []byte {
	var b bytes.Buffer
	m := loadgen.New("here.test", 500)
	for before := 0; before < 20_000; { // until there is something to acknowledge
		before += m.Next(&b)
	}
	b.Reset()
	b.WriteString(benchOpen)
	for n > 0 {
		n -= m.Next(&b)
	}
	return b.Bytes()
}

// ours reads a stream as the component does, and returns the number of copies and of facts.
func ours(tap *Tap, stream []byte) (copies, facts int) {
	var s Sighting
	c := intake.NewConn(once{Reader: bytes.NewReader(stream)}, intake.Limits{}, func(frame []byte) {
		tap.Read(frame, 1, &s)
		copies++
		facts += len(s.Facts)
	})
	io.Copy(io.Discard, struct{ io.Reader }{c})
	return copies, facts
}

// theirs reads it with the library's own loop and an empty handler.
func theirs(b testing.TB, stream []byte) {
	rw := struct {
		io.Reader
		io.Writer
	}{bytes.NewReader(stream), io.Discard}
	session, err := component.NewSession(context.Background(), jid.MustParse("tocsin.here.test"), []byte("secret"), rw)
	if err != nil {
		b.Fatal(err)
	}
	if err := session.Serve(nil); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRead reads the same stream with intake, tap and classification and with the library's Serve, in turns, and
// compares the processor time: the machine may have other things to do.
func BenchmarkRead(b *testing.B) {
	stream := append(stream(5000), "</stream:stream>"...)
	config := rulesConfig
	config.TextLimit = 160
	tap := New(config)
	var before, after runtime.MemStats
	copies, _ := ours(tap, stream)
	runtime.ReadMemStats(&before)
	ours(tap, stream)
	runtime.ReadMemStats(&after)
	const turns = 8 // as long as the library takes for one: neither runs on the other's caches
	var quick, slow time.Duration
	for b.Loop() {
		runtime.GC() // the library's garbage must not count for either
		start := processorTime(b)
		for range turns {
			ours(tap, stream)
		}
		between := processorTime(b)
		theirs(b, stream)
		quick, slow = quick+between-start, slow+processorTime(b)-between
	}
	quick /= turns
	each := float64(copies) * float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(stream))/float64(copies), "B/stanza")
	b.ReportMetric(float64(quick.Nanoseconds())/each, "ns/stanza")
	b.ReportMetric(float64(slow.Nanoseconds())/each, "mellium-ns/stanza")
	b.ReportMetric(float64(slow)/float64(quick), "ratio")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(copies), "allocs/stanza")
}

// processorTime is what the process has used so far, garbage collection included.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Dropped frames need no allocation, tracked ones four at most.
func TestAllocations(t *testing.T) {
	tap := New(rulesConfig)
	inner := func(typ, children string) string {
		return wrap("", `<message xml:lang='en' xmlns='jabber:client' type='`+typ+`' id='m' from='bob@here.test/B' to='alice@here.test/A'>`+children+`</message>`)
	}
	for _, tt := range []struct {
		name, frame string
		limit       float64
	}{
		{"presence", wrap("", `<presence xmlns='jabber:client' from='bob@here.test/B' to='bob@here.test'><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v' hash='sha-1'/></presence>`), 0},
		{"directed presence", wrap("", `<presence xmlns='jabber:client' from='bob@here.test/B' to='alice@here.test'/>`), 0},
		{"IQ", wrap("", `<iq xmlns='jabber:client' type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>`), 0},
		{"group chat", inner("groupchat", body), 0},
		{"chat state", inner("chat", `<composing xmlns='http://jabber.org/protocol/chatstates'/>`), 0},
		{"carbon", inner("chat", `<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>`+inner("chat", body)+`</forwarded></sent>`), 0},
		{"archive", inner("chat", `<result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'>`+inner("chat", body)+`</forwarded></result>`), 0},
		{"replay", inner("chat", late+body), 0},
		{"forged", strings.Replace(inner("chat", body), "here.test'", "far.test/x'", 1), 0},
		{"receipt", inner("chat", receipt), 1},
		{"message", inner("chat", request+markable+body), 2},
		{"message with escapes", inner("chat", request+`<body>it isn&apos;t</body>`), 2},
		{"message with everything", inner("chat", request+body+receipt+replying+`<track xmlns='urn:tocsin:escalation:0' timeout='60'/>`), 4},
		{"our module's", wrap("out", `<message xmlns='jabber:client' type='chat' id='m' from='bob@here.test/B' to='alice@here.test/A'>`+request+body+`</message>`), 2},
		{"bounce", inner("error", failure), 1},
		{"batch of nothing", batchOf(strings.Repeat("<out"+fromBob+" y='headline'><body>x</body></out><out f='bob@far.test' t='alice@far.test' i='x'><md id='x'/></out><new/>", 30)), 0},
		{"batch of sessions", batchOf(strings.Repeat("<opened"+session+"/><presence"+session+" node='n' ver='v' hash='sha-1'/><closed"+session+"/>", 30)), 0},
		{"batch of messages", batchOf(strings.Repeat("<out"+fromBob+byServer+"><body>hi</body><rq/><mk/></out><acked"+fromBob+"/><handed"+fromBob+"/><out"+fromBob+"><md id='a1'/></out>", 10)), 50},
	} {
		var s Sighting
		frame := []byte(tt.frame)
		if got := testing.AllocsPerRun(100, func() { tap.Read(frame, track.At(rulesNow), &s) }); got > tt.limit {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.limit)
		}
	}
}

var _ net.Conn = once{}

// BenchmarkBatch reads batches of events as our modules send them: each message is handed to a session, and gets a receipt and a
// marker.
func BenchmarkBatch(b *testing.B) {
	const messages = 25
	var events strings.Builder
	for n := range messages {
		from, to := fmt.Sprintf("w%d@here.test/phone", n), fmt.Sprintf("r%d@here.test/phone", n)
		for _, event := range []string{
			"<out d='%[3]d' f='%[1]s' t='%[2]s' i='m%[3]d' ro='none' ss='1'><body>Are you coming tonight?</body><rq/><mk/></out>", "<handed d='%[3]d' f='%[1]s' t='%[2]s' i='m%[3]d'/>",
			"<out d='%[3]d' f='%[2]s' t='%[1]s' i='r%[3]d' ro='none' ss='1'><rc id='m%[3]d'/></out>", "<out d='%[3]d' f='%[2]s' t='%[1]s' i='d%[3]d' ro='none' ss='1'><md id='m%[3]d'/></out>",
		} {
			fmt.Fprintf(&events, event, from, to, n)
		}
	}
	frame := []byte(batchOf(events.String()))
	config := rulesConfig
	config.TextLimit = 160
	tap := New(config)
	var s Sighting
	b.ReportAllocs()
	for b.Loop() {
		if tap.Read(frame, track.At(rulesNow), &s); len(s.Facts) < 4*messages {
			b.Fatal(len(s.Facts), "facts")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*messages), "ns/message")
}
