package intake

import (
	"encoding/xml"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// shuffled is a connection whose bytes come in portions given by cuts.
type shuffled struct {
	net.Conn
	rest string
	cuts []byte
	i    int
}

func (s *shuffled) Read(b []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := len(s.rest)
	if len(s.cuts) > 0 {
		n = min(n, 1+int(s.cuts[s.i%len(s.cuts)]))
		s.i++
	}
	n = copy(b, s.rest[:n])
	s.rest = s.rest[n:]
	return n, nil
}

// FuzzIntake: the result does not depend on the portions in which a stream comes, and what is passed on is XML.
func FuzzIntake(f *testing.F) {
	all := ""
	for _, p := range pieces {
		f.Add(p.xml, []byte{0})
		all += p.xml
	}
	f.Add(all, []byte{3, 0, 90, 7})
	limits := Limits{Bytes: 2000, Depth: 8, Children: 20, Attrs: 8}
	try := func(stream string, cuts []byte) outcome {
		var o outcome
		c := NewConn(&shuffled{rest: stream, cuts: cuts}, limits, func(frame []byte) { o.taken = append(o.taken, string(frame)) })
		c.Dropped = func(r Reason) { o.dropped = append(o.dropped, r) }
		passed, err := io.ReadAll(c)
		o.passed, o.err = string(passed), err
		o.dropped = slices.Compact(o.dropped)
		return o
	}
	f.Fuzz(func(t *testing.T, stream string, cuts []byte) {
		whole, parts := try(hello+stream, nil), try(hello+stream, cuts)
		// Stray text may come in one piece, or as white space and text.
		same := !strings.Contains(strings.Join(reasons(whole.dropped), " "), string(Stray))
		if same && whole.passed != parts.passed || !slices.Equal(whole.taken, parts.taken) || !errors.Is(parts.err, whole.err) {
			t.Errorf("whole: %+v\nin parts: %+v", whole, parts)
		}
		d := xml.NewDecoder(strings.NewReader(whole.passed))
		for {
			_, err := d.Token()
			if syntax, ok := err.(*xml.SyntaxError); ok && syntax.Msg != "unexpected EOF" {
				t.Fatalf("passed on %q: %v", whole.passed, err)
			}
			if err != nil {
				break
			}
		}
	})
}

func reasons(r []Reason) (s []string) {
	for _, r := range r {
		s = append(s, string(r))
	}
	return s
}
