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
	maxWaiting         = 256             // deliveries waiting for the Sink; the SMSC has to retry further ones
	partsTimeout       = 2 * time.Minute // how long a part waits for the others
	maxPartial         = 100             // incomplete texts
	maxPartialPerPhone = 4
	dedupWindow        = 10 * time.Minute
	maxKnown           = 1000
)

// inbox handles deliveries one after the other, and responds once the Sink has stored them. Parts of a long text, except the
// last, are acknowledged at once, because many SMSCs deliver the next part only then.
type inbox struct {
	g    *Gateway
	jobs chan job

	mu      sync.Mutex
	partial map[string]*partial
	known   map[string]*known
}

// job is a delivery, or a report made from a late response.
type job struct {
	session *session
	pdu     pdu
	report  *gateway.Report
}

// partial is an incomplete text.
type partial struct {
	from  string
	since time.Time
	parts map[int]string
}

// known is a delivery that may be repeated. A repetition of deliver_sm looks like a new SMS with the same text; the difference is
// whether the earlier one was acknowledged.
type known struct {
	id       string
	since    time.Time
	answered int // how often it was acknowledged
	open     bool
}

func newInbox(g *Gateway) *inbox {
	return &inbox{g: g, jobs: make(chan job, maxWaiting), partial: map[string]*partial{}, known: map[string]*known{}}
}

// push queues a delivery. It is called by the reader of a session.
func (b *inbox) push(s *session, p pdu) {
	select {
	case b.jobs <- job{session: s, pdu: p}:
	default:
		s.write(p.response(temporaryFailure, emptyMessageID)) //nolint:errcheck // the reader notices a lost link
	}
}

// report queues a report. It is called by the reader, too. If the queue is full, the report is dropped and the SMS stays unsure.
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
			b.g.log.Error("could not store a report", "err", err)
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
	} else if kept, err = b.receive(ctx, m); err != nil {
		b.g.log.Error("could not store a report or reply", "err", err)
		status = temporaryFailure // §5.1.3: the SMSC retries
	}
	if j.session.write(j.pdu.response(status, emptyMessageID)) == nil && status == statusOK {
		kept()
	}
}

// emptyMessageID is the body of responses (§4.6.2, §4.7.2).
var emptyMessageID = []byte{0}

// receive passes a delivery to the Sink. kept must be called once it is acknowledged.
func (b *inbox) receive(ctx context.Context, m *message) (kept func(), err error) {
	nop := func() {}
	switch m.class & classType {
	case classReceipt, classIntermediate:
		id, state, ok := receipt(m, b.g.route.IDs)
		if !ok {
			b.g.log.Warn("ignoring a receipt without id or state")
			return nop, nil
		}
		return nop, b.g.sink.Reported(ctx, gateway.Report{Route: b.g.route.Name, ID: id, State: state})
	case 0:
	default: // acknowledgements, which phones do not send
		return nop, nil
	}
	f, code, isPart := split(m)
	text, ok := decode(code, m.coding, b.g.route.Alphabet)
	if !ok {
		b.g.log.Warn("ignoring an SMS that is not text", "data_coding", m.coding)
		return nop, nil
	}
	from, to := number(m.source), number(m.dest)
	if from == "" {
		b.g.log.Warn("ignoring an SMS without a sender")
		return nop, nil
	}
	joined := nop
	if isPart {
		if text, joined, err = b.join(from, to, f, text); err != nil || joined == nil {
			return nop, err
		}
	}
	text = gateway.Text(text)
	id, identified := b.identify(from, to, text)
	kept = func() { identified(); joined() }
	return kept, b.g.sink.Replied(ctx, gateway.Reply{Route: b.g.route.Name, ID: id, From: from, To: to, Text: text})
}

// number returns an address, as E.164 if it is an international number, or "" if it is invalid.
func number(p party) string {
	if gateway.ID(p.addr) == "" {
		return ""
	}
	if p.ton == 1 && strings.Trim(p.addr, "0123456789") == "" && p.addr != "" {
		return "+" + p.addr
	}
	return p.addr
}

// errPartial means that there is no room for another incomplete text.
var errPartial = errors.New("too many incomplete texts")

// join stores a part, and returns the whole text once it is complete; until then kept is nil. Parts are stored until kept is
// called, because the SMSC may repeat the last one alone.
func (b *inbox) join(from, to string, f fragment, text string) (whole string, kept func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	own := 0
	for key, p := range b.partial {
		if now.Sub(p.since) > partsTimeout {
			b.g.log.Warn("dropping an incomplete SMS")
			delete(b.partial, key)
		} else if p.from == from {
			own++
		}
	}
	key := fmt.Sprintf("%s %s %d %d", from, to, f.ref, f.total)
	p := b.partial[key]
	if p == nil {
		if len(b.partial) >= maxPartial || own >= maxPartialPerPhone {
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

// identify returns an id for a reply. A repetition gets the same id if the reply was not acknowledged before. The id survives a
// restart within the same ten minutes of the clock.
func (b *inbox) identify(from, to, text string) (id string, kept func()) {
	sum := sha256.Sum256([]byte(from + "\x00" + to + "\x00" + text))
	key := hex.EncodeToString(sum[:16])
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for other, k := range b.known {
		if now.Sub(k.since) > dedupWindow || len(b.known) > maxKnown {
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
		k.id = fmt.Sprintf("%s-%d-%d", key, now.Unix()/int64(dedupWindow/time.Second), k.answered)
	}
	return k.id, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		k.open = false
		k.answered++
	}
}
