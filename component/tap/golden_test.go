package tap

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tocsin/component/intake"
	"tocsin/track"
)

var update = flag.Bool("update", false, "write the golden files")

// line is a line received by a capture's component: the time in seconds, the receiver, the stanza.
var line = regexp.MustCompile(`(?m)^ *(\d+\.\d+) (?:[a-z]+-)?escal\w* +<< (.*)$`)

// linesOf returns what the components of a capture received. The prototype of our module had its own namespace.
func linesOf(t testing.TB, file string) (lines [][2]string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range line.FindAllStringSubmatch(string(b), -1) {
		lines = append(lines, [2]string{m[1], strings.ReplaceAll(m[2], "urn:x-escalate:tap:0", ns)})
	}
	return lines
}

func captures(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/captures/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	return files
}

// capturedOn is after all captures, so that their times are in the past.
var capturedOn = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// The facts of every capture equal the golden files.
func TestCaptures(t *testing.T) {
	for _, file := range captures(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			taps := map[string]*Tap{}
			for _, l := range linesOf(t, file) {
				host := "prosody.test"
				if strings.Contains(l[1], "ejabberd.test") && !strings.Contains(l[1], "escalate.prosody.test") {
					host = "ejabberd.test"
				}
				if taps[host] == nil {
					taps[host] = New(Config{Domains: []string{host, "second." + host, "second.test"}, Component: "escalate." + host, ReplyReads: true, KeepText: true, TextLimit: 100})
				}
				seconds, _ := strconv.ParseFloat(l[0], 64)
				describe(&got, taps[host], l[1], capturedOn.Add(time.Duration(seconds*float64(time.Second))))
			}
			isGolden(t, filepath.Join("testdata", "golden", name), got.String())
		})
	}
}

// isGolden compares a text with a golden file, which -update writes.
func isGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// once is a connection of one read.
type once struct {
	net.Conn
	io.Reader
}

func (o once) Read(b []byte) (int, error) { return o.Reader.Read(b) }

// describe writes the verdict on one line of a stream, and below it the facts.
func describe(w *strings.Builder, tap *Tap, xml string, now time.Time) {
	const hello = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>"
	if strings.HasPrefix(xml, "<stream:stream") {
		w.WriteString("stream\n\n")
		return
	}
	told := false
	c := intake.NewConn(once{Reader: strings.NewReader(hello + xml)}, intake.Limits{}, func(frame []byte) {
		told = true
		var s Sighting
		verdict := tap.Read(frame, track.At(now), &s)
		fmt.Fprintf(w, "%s: %s\n", verdict, gist(xml))
		for _, f := range s.Facts {
			fmt.Fprintf(w, "  %s\n", factLine(f, track.At(now)))
		}
		for _, r := range s.Seen {
			fmt.Fprintf(w, "  %s %s%s\n", r.JID, []string{"active", "available", "unavailable"}[r.Kind], capsLine(r.Caps))
		}
		if s.VoidHint {
			w.WriteString("  void hint\n")
		}
	})
	c.Dropped = func(r intake.Reason) {
		told = true
		fmt.Fprintf(w, "not passed on, %s: %s\n", r, gist(xml))
	}
	io.Copy(io.Discard, struct{ io.Reader }{c})
	if !told {
		fmt.Fprintf(w, "passed on: %s\n", gist(xml))
	}
	w.WriteString("\n")
}

var (
	wrapper = regexp.MustCompile(`^<message[^>]*>(?:<tap [^>]*?event='(\w+)'[^>]*/>)?<forwarded[^>]*>(?:<delay [^>]*/>)?(.*)</forwarded></message>$`)
	element = regexp.MustCompile(`<(\w[\w:-]*)`)
)

// gist describes a stanza briefly.
func gist(xml string) string {
	event := ""
	if m := wrapper.FindStringSubmatch(xml); m != nil {
		event, xml = m[1], m[2]
		if event != "" {
			event += " "
		}
	}
	var names []string
	for _, m := range element.FindAllStringSubmatch(xml, -1) {
		names = append(names, m[1])
	}
	attrs := ""
	for _, name := range []string{"type", "id", "from", "to"} {
		start, _, _ := strings.Cut(xml, ">")
		if m := regexp.MustCompile(` ` + name + `=['"]([^'"]*)`).FindStringSubmatch(start); m != nil {
			attrs += " " + name + "=" + m[1]
		}
	}
	inside := ""
	if len(names) > 1 {
		inside = " (" + strings.Join(names[1:], " ") + ")"
	}
	return event + names[0] + attrs + inside
}

// factLine is a fact in one line, without empty fields.
func factLine(f track.Fact, now track.Time) string {
	s := fmt.Sprintf("%s %s → %s", f.Kind, f.Sender, f.Recipient)
	add := func(name string, v any) { s += fmt.Sprintf(" %s=%v", name, v) }
	if f.Kind == track.Sent && f.Passed {
		s = "passed" + strings.TrimPrefix(s, "sent")
	}
	if f.ID != "" {
		add("id", f.ID)
	}
	if f.Original != "" {
		add("original", f.Original)
	}
	if f.Basis != "" {
		add("by", f.Basis)
	}
	if f.Refusal {
		s += " refusal"
	}
	if f.Once {
		s += " once"
	}
	if f.At != now {
		add("at", f.At.Std().Format("15:04:05.999"))
	}
	if f.WrittenAt != 0 {
		add("written", f.WrittenAt.Std().Format("15:04:05.999"))
	}
	if f.OriginID != "" {
		add("origin", f.OriginID)
	}
	if f.ArchiveID != "" {
		add("archive", f.ArchiveID)
	}
	if f.Resource != "" {
		add("resource", f.Resource)
	}
	if f.Lang != "" {
		add("lang", f.Lang)
	}
	marks := map[track.Marks]string{track.AsksReceipt: "asks-receipt", track.Markable: "markable", track.Encrypted: "encrypted", track.Sealed: "sealed", track.NoStore: "no-store"}
	for _, m := range slices.Sorted(maps.Keys(marks)) {
		if f.Marks.Has(m) {
			s += " " + marks[m]
		}
	}
	if f.Hint != (track.Hint{}) {
		add("hint", f.Hint)
	}
	if f.Text != "" {
		add("text", strconv.Quote(f.Text))
	}
	return s
}

func capsLine(c Caps) string {
	if c == (Caps{}) {
		return ""
	}
	return fmt.Sprintf(" caps=%s#%s(%s)", c.Node, c.Ver, c.Hash)
}
