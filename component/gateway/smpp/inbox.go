package smpp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tocsin/component/gateway"
)

const (
	maxWaiting  = 256             // deliveries that wait for the Sink; the SMSC is told to come again with more
	partsWithin = 2 * time.Minute // parts of a text wait so long for the others
	maxPartial  = 100             // texts that lack parts
	maxOfOne    = 4               // of them, by one phone
	sameWithin  = 10 * time.Minute
	maxSame     = 1000
)

// inbox takes what an SMSC delivers, one after the other, and answers once the Sink has it. Parts of a long text but the last
// are answered at once: many an SMSC delivers the next only then.
type inbox struct {
	g    *Gateway
	jobs chan job

	mu      sync.Mutex
	partial map[string]*partial
	known   map[string]*known
}

// job is a delivery to be answered, or a report that comes from an overdue answer.
type job struct {
	session *session
	pdu     pdu
	report  *gateway.Report
}

// partial is a text of which parts are missing.
type partial struct {
	from  string
	since time.Time
	parts map[int]string
}

// known is a delivery that may come again. Nothing in deliver_sm tells a repetition from the same words said again but whether
// the first was answered.
type known struct {
	id       string
	since    time.Time
	answered int // with success
	open     bool
}

func newInbox(g *Gateway) *inbox {
	return &inbox{g: g, jobs: make(chan job, maxWaiting), partial: map[string]*partial{}, known: map[string]*known{}}
}

// put is called by the reader of a session.
func (b *inbox) put(s *session, p pdu) {
	select {
	case b.jobs <- job{session: s, pdu: p}:
	default:
		s.write(p.answer(temporaryFailure, nothing(p))) //nolint:errcheck // a lost link is seen by the reader
	}
}

// report is called by the reader, too. What finds no place is lost: the SMS stays unsure.
func (b *inbox) report(r gateway.Report) {
	select {
	case b.jobs <- job{report: &r}:
	default:
	}
}

func (b *inbox) run(ctx context.Context) {
	for {
		select {
		case j := <-b.jobs:
			b.do(ctx, j)
		case <-ctx.Done():
			return
		}
	}
}

func (b *inbox) do(ctx context.Context, j job) {
	if j.report != nil {
		if err := b.g.sink.Reported(ctx, *j.report); err != nil {
			b.g.log.Error("could not keep what an SMSC told", "err", err)
		}
		return
	}
	status := statusOK
	m, err := parseMessage(j.pdu.body)
	if j.pdu.command == dataSM {
		m, err = parseData(j.pdu.body)
	}
	kept := func() {}
	if err != nil {
		b.g.log.Warn("invalid message from an SMSC", "err", err)
		status = invalidLength
	} else if kept, err = b.take(ctx, m); err != nil {
		b.g.log.Error("could not keep what an SMSC told", "err", err)
		status = temporaryFailure // §5.1.3: it comes again
	}
	if j.session.write(j.pdu.answer(status, nothing(j.pdu))) == nil && status == statusOK {
		kept()
	}
}

// nothing is the empty message_id of an answer (§4.6.2, §4.7.2).
func nothing(pdu) []byte { return []byte{0} }

// take hands a delivery on. kept is to be called once it is answered.
func (b *inbox) take(ctx context.Context, m *message) (kept func(), err error) {
	nobody := func() {}
	switch m.class & classType {
	case classReceipt, classIntermediate:
		id, state, ok := receipt(m, b.g.route.IDs)
		if !ok {
			b.g.log.Warn("a receipt that is not understood")
			return nobody, nil
		}
		return nobody, b.g.sink.Reported(ctx, gateway.Report{Route: b.g.route.Name, ID: id, State: state})
	case 0:
	default: // acknowledgements that phones don't send
		return nobody, nil
	}
	f, code, isPart := split(m)
	text, ok := decode(code, m.coding, b.g.route.Alphabet)
	if !ok {
		b.g.log.Warn("received an SMS that is not text", "data_coding", m.coding)
		return nobody, nil
	}
	from, to := number(m.source), number(m.dest)
	if from == "" {
		b.g.log.Warn("an SMS from nobody")
		return nobody, nil
	}
	joined := nobody
	if isPart {
		if text, joined, err = b.join(from, to, f, text); err != nil || joined == nil {
			return nobody, err
		}
	}
	text = gateway.Text(text)
	id, identified := b.identify(from, to, text)
	kept = func() { identified(); joined() }
	return kept, b.g.sink.Replied(ctx, gateway.Reply{Route: b.g.route.Name, ID: id, From: from, To: to, Text: text})
}

// number writes an address as E.164 where it is one; "" stands for what is no address.
func number(p party) string {
	if gateway.ID(p.addr) == "" {
		return ""
	}
	if p.ton == 1 && strings.Trim(p.addr, "0123456789") == "" && p.addr != "" {
		return "+" + p.addr
	}
	return p.addr
}

// errPartial says that a part finds no place.
var errPartial = errors.New("too many texts lack parts")

// join keeps a part, and returns the whole once it is; until then kept is nil. All parts stay until kept is called: the last may
// come again alone.
func (b *inbox) join(from, to string, f fragment, text string) (whole string, kept func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	own := 0
	for key, p := range b.partial {
		if now.Sub(p.since) > partsWithin {
			b.g.log.Warn("an SMS whose other parts never came")
			delete(b.partial, key)
		} else if p.from == from {
			own++
		}
	}
	key := fmt.Sprintf("%s %s %d %d", from, to, f.ref, f.total)
	p := b.partial[key]
	if p == nil {
		if len(b.partial) >= maxPartial || own >= maxOfOne {
			return "", nil, errPartial
		}
		p = &partial{from: from, since: now, parts: map[int]string{}}
		b.partial[key] = p
	}
	p.parts[f.seq] = text
	if len(p.parts) < f.total {
		return "", nil, nil
	}
	var all strings.Builder
	for i := 1; i <= f.total; i++ {
		all.WriteString(p.parts[i])
	}
	return all.String(), func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.partial, key)
	}, nil
}

// identify gives a reply an id that it has again if it comes again before it was answered. After a restart it is the same
// within ten minutes by the clock.
func (b *inbox) identify(from, to, text string) (id string, kept func()) {
	sum := sha256.Sum256([]byte(from + "\x00" + to + "\x00" + text))
	key := hex.EncodeToString(sum[:16])
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for other, k := range b.known {
		if now.Sub(k.since) > sameWithin || len(b.known) > maxSame {
			delete(b.known, other)
		}
	}
	k := b.known[key]
	if k == nil {
		k = &known{}
		b.known[key] = k
	}
	if !k.open {
		k.open, k.since = true, now
		k.id = fmt.Sprintf("%s-%d-%d", key, now.Unix()/int64(sameWithin/time.Second), k.answered)
	}
	return k.id, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		k.open = false
		k.answered++
	}
}
