package serverload

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Sink is a component that only reads, acknowledges and counts, to measure what the server pays for its tap, independently
// of the component. It understands events (urn:tocsin:tap:1) and counts copies.
type Sink struct {
	jid  string
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // guards what follows, and writing
	acks int
	Seen Seen
	runs map[string]*run
	slow time.Duration // pause after each batch
	gone chan struct{} // closed when the connection has ended

	answered int // acknowledgements that the server has accepted
	record   bool
	told     []string
}

// Seen is what a Sink has received.
type Seen struct {
	Events  map[string]int // by name
	Copies  int            // stanzas that are not batches
	Batches int
	Bytes   int
	Again   int           // repeated batches
	Missing int           // missing batch numbers, so far
	Lost    int           // events that the source reports as lost
	Lag     time.Duration // age of the newest batch's first event on arrival
	Ended   bool          // the server has closed the connection
}

type run struct {
	last, lost int
	from, node string
	acked      int
}

// Attach connects a Sink. With record it keeps the events.
func Attach(addr, jid, secret string, record bool) (*Sink, error) {
	s := &Sink{jid: jid, runs: map[string]*run{}, Seen: Seen{Events: map[string]int{}}, record: record}
	return s, s.Connect(addr, secret)
}

// Connect reconnects, after Close or when the server closed the connection. Counting continues.
func (s *Sink) Connect(addr, secret string) (err error) {
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return err
	}
	jid := s.jid
	s.mu.Lock()
	s.conn, s.in, s.gone, s.acks, s.answered, s.Seen.Ended = conn, bufio.NewReaderSize(conn, 1<<18), make(chan struct{}), 0, 0, false
	for _, r := range s.runs {
		r.acked = 0
	}
	s.mu.Unlock()
	defer func() {
		if err != nil {
			close(s.gone)
		}
	}()
	fmt.Fprintf(conn, "<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>", jid)
	header := ""
	for attr([]byte(header), "id") == "" { // the XML declaration, if there is one, has none
		if header, err = s.in.ReadString('>'); err != nil {
			return err
		}
	}
	hash := sha1.Sum([]byte(attr([]byte(header), "id") + secret)) // XEP-0114, section 3
	fmt.Fprintf(conn, "<handshake>%s</handshake>", hex.EncodeToString(hash[:]))
	for answer := ""; !strings.HasPrefix(answer, "<handshake"); { // Prosody may first answer stanzas of the previous connection
		if answer, err = s.in.ReadString('>'); err != nil || strings.HasPrefix(answer, "<stream:error") {
			return fmt.Errorf("handshake: %q: %v", answer, err)
		}
	}
	go s.read(s.gone)
	go s.acknowledge(s.gone)
	return nil
}

// acknowledge acknowledges what has arrived, as often as a component may.
func (s *Sink) acknowledge(gone <-chan struct{}) {
	turn := time.NewTicker(100 * time.Millisecond)
	defer turn.Stop()
	for {
		<-turn.C
		s.mu.Lock()
		select {
		case <-gone: // what is connected now is another connection
			s.mu.Unlock()
			return
		default:
		}
		for name, r := range s.runs {
			if r.acked < r.last {
				r.acked = r.last
				s.acks++
				fmt.Fprintf(s.conn, "<iq type='set' id='a%d' from='%s' to='%s'><ack xmlns='urn:tocsin:tap:1' run='%s' n='%d'/></iq>",
					s.acks, s.jid, r.from, name, r.last)
			}
		}
		s.mu.Unlock()
	}
}

// Close ends the connection.
func (s *Sink) Close() {
	_ = s.conn.Close()
	<-s.gone
}

// Told returns the events so far, in order: their start tags without angle brackets.
func (s *Sink) Told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// Acknowledged reports whether the server has received an acknowledgement for everything.
func (s *Sink) Acknowledged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.acked < r.last {
			return false
		}
	}
	return s.answered == s.acks
}

// Runs is the number of runs that have reported something.
func (s *Sink) Runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.runs)
}

// Node is the node of the cluster on which a run is, as it said; "" if it has not said so.
func (s *Sink) Node(run string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[run]; r != nil {
		return r.node
	}
	return ""
}

// Slow makes the Sink pause after each batch.
func (s *Sink) Slow(pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = pause
}

// Now returns what was received so far.
func (s *Sink) Now() Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.Seen
	seen.Events = map[string]int{}
	for name, n := range s.Seen.Events {
		seen.Events[name] = n
	}
	for _, r := range s.runs {
		seen.Lost += r.lost
	}
	return seen
}

func (s *Sink) read(gone chan<- struct{}) {
	defer close(gone)
	var stanza []byte
	for {
		part, err := s.in.ReadSlice('>')
		stanza = append(stanza, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			s.mu.Lock()
			s.Seen.Ended = true
			s.mu.Unlock()
			return
		}
		if bytes.HasSuffix(stanza, []byte("</message>")) && !bytes.Contains(stanza, []byte("<forwarded")) ||
			bytes.HasSuffix(stanza, []byte("</forwarded></message>")) || bytes.HasPrefix(stanza, []byte("<iq")) && ends(stanza) ||
			bytes.HasPrefix(stanza, []byte("<presence")) && ends(stanza) || bytes.Equal(stanza, []byte("</stream:stream>")) {
			s.receive(stanza)
			stanza = stanza[:0]
		}
	}
}

var (
	tapStart = []byte("<tap xmlns='urn:tocsin:tap:1'")
	tapEnd   = []byte("</tap>")
)

func (s *Sink) receive(stanza []byte) {
	s.mu.Lock()
	pause := s.slow
	s.Seen.Bytes += len(stanza)
	from := attr(stanza, "from")
	switch begin := bytes.Index(stanza, tapStart); {
	case begin >= 0:
		s.batch(from, stanza[begin+4:])
	case bytes.Contains(stanza, []byte("http://jabber.org/protocol/disco#info")) && attr(stanza, "type") == "get":
		fmt.Fprintf(s.conn, "<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'>"+
			"<identity category='component' type='generic'/><feature var='urn:tocsin:tap:1'/></query></iq>", attr(stanza, "id"), s.jid, from)
	case bytes.HasPrefix(stanza, []byte("<iq")) && attr(stanza, "type") == "result":
		s.answered++
	case bytes.HasPrefix(stanza, []byte("<message")):
		s.Seen.Copies++
	}
	s.mu.Unlock()
	if pause > 0 {
		time.Sleep(pause)
	}
}

// batch counts a batch's events and acknowledges it.
func (s *Sink) batch(from string, tap []byte) {
	end := bytes.IndexByte(tap, '>')
	head, events := tap[:end], tap[end+1:]
	number := func(name string) int {
		n, _ := strconv.Atoi(attr(head, name))
		return n
	}
	name, n := attr(head, "run"), number("n")
	r := s.runs[name]
	if r == nil {
		r = &run{}
		s.runs[name] = r
	}
	r.lost = number("lost")
	s.Seen.Batches++
	r.from = from
	if n <= r.last {
		s.Seen.Again++
		return
	}
	s.Seen.Missing += n - r.last - 1
	r.last = n
	s.Seen.Lag = time.Since(time.UnixMilli(int64(number("t")))) + time.Duration(number("age"))*time.Millisecond
	events = events[:bytes.Index(events, tapEnd)]
	for depth, i := 0, 0; i < len(events); i++ {
		if events[i] != '<' {
			continue
		}
		tag := events[i+1 : i+bytes.IndexByte(events[i:], '>')]
		i += len(tag)
		switch {
		case tag[0] == '/':
			depth--
		default:
			if depth == 0 {
				name, _, _ := bytes.Cut(bytes.TrimSuffix(tag, []byte("/")), []byte(" "))
				s.Seen.Events[string(name)]++
				if string(name) == "hello" {
					r.node = attr(tag, "node")
				}
				if s.record {
					s.told = append(s.told, string(tag))
				}
			}
			if tag[len(tag)-1] != '/' {
				depth++
			}
		}
	}
}
