package serverload

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Load is pairs of chatting users: one writes, with a chat state before each message; the other sends a receipt and a marker
// for it.
type Load struct {
	Addr, Domain string
	Pairs        int
	Window       int  // maximum number of unanswered messages of a pair
	Managed      bool // the clients use XEP-0198

	pairs []*pair
	seq   atomic.Int64
}

type pair struct {
	writer, reader *client
	to             string // the reader's bare JID
	slots          chan struct{}
	gone           chan struct{} // closed when the writer's connection has ended
}

// slot waits for a free slot, and takes it.
func (p *pair) slot() error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-p.gone:
		return fmt.Errorf("the connection of the writer to %s has ended", p.to)
	case <-time.After(timeout):
		return fmt.Errorf("%s does not answer", p.to)
	}
}

// Writer is the name of the first user of pair i; the password is Password.
func Writer(i int) string { return fmt.Sprintf("w%d", i) }

// Reader is the name of the second.
func Reader(i int) string { return fmt.Sprintf("r%d", i) }

// password is the password of all users.
const password = "pw"

// Connect logs all users in.
func (l *Load) Connect() error {
	for i := range l.Pairs {
		p := &pair{to: Reader(i) + "@" + l.Domain, slots: make(chan struct{}, l.Window), gone: make(chan struct{})}
		for user, c := range map[string]**client{Writer(i): &p.writer, Reader(i): &p.reader} {
			var err error
			if *c, err = dial(l.Addr, l.Domain, user, password, l.Managed); err != nil {
				return err
			}
		}
		l.pairs = append(l.pairs, p)
	}
	return nil
}

// Close ends all connections.
func (l *Load) Close() {
	for _, p := range l.pairs {
		_, _ = p.writer.conn.Close(), p.reader.conn.Close()
	}
}

// Listen answers messages until the connections end. The returned channel is closed then.
func (l *Load) Listen() (done chan error) {
	done = make(chan error, 1)
	var all sync.WaitGroup
	var first atomic.Pointer[error]
	run := func(f func() error) {
		all.Go(func() {
			if err := f(); err != nil && !errors.Is(err, net.ErrClosed) {
				first.CompareAndSwap(nil, &err)
			}
		})
	}
	for i, p := range l.pairs {
		from := Writer(i) + "@" + l.Domain
		run(func() error {
			return p.reader.messages(func(m []byte) error {
				if !bytes.Contains(m, []byte("<request ")) {
					return nil
				}
				id := attr(m, "id")
				return p.reader.send("<message to='%s/r' id='r%s'><received xmlns='urn:xmpp:receipts' id='%s'/></message>"+
					"<message to='%s' id='d%s' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='%s'/><store xmlns='urn:xmpp:hints'/></message>",
					from, id, id, from, id, id)
			})
		})
		run(func() error {
			defer close(p.gone)
			return p.writer.messages(func(m []byte) error {
				if bytes.Contains(m, []byte("<displayed ")) {
					<-p.slots
				}
				return nil
			})
		})
	}
	go func() {
		all.Wait()
		if err := first.Load(); err != nil {
			done <- *err
		}
		close(done)
	}()
	return done
}

// Write lets each pair write n messages, together at a rate per second or as fast as they are answered (0), and returns when
// all are answered; it stops early after the given time, if that is not 0. It returns the number of messages written.
func (l *Load) Write(each, rate int, atMost time.Duration) (int, error) {
	var all sync.WaitGroup
	var written atomic.Int64
	var failed atomic.Pointer[error]
	began := time.Now()
	for i, p := range l.pairs {
		all.Go(func() {
			for n := range each {
				if atMost > 0 && time.Since(began) > atMost {
					break
				}
				if rate > 0 {
					turn := time.Duration(n*len(l.pairs) + i)
					time.Sleep(time.Until(began.Add(turn * time.Second / time.Duration(rate))))
				}
				if err := p.slot(); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				id := l.seq.Add(1)
				if err := p.writer.send("<message to='%[1]s' type='chat' id='c%[2]d'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"+
					"<message to='%[1]s' type='chat' id='m%[2]d'><body>Message number %[2]d, of the length that people write to one another.</body>"+
					"<active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='m%[2]d'/>"+
					"<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/></message>", p.to, id); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				written.Add(1)
			}
			for range cap(p.slots) { // all are answered when every slot is free
				if err := p.slot(); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
			for range cap(p.slots) {
				<-p.slots
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return int(written.Load()), *err
	}
	return int(written.Load()), nil
}
