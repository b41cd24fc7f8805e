package smpp

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const maxSeq = 0x7fffffff // §3.2

var (
	errClosed  = errors.New("the link is closed")
	errSilent  = errors.New("the SMSC does not answer")
	errUnbound = errors.New("the SMSC has unbound")
)

// session is a connection to an SMSC, from bind to end. It responds to requests of the SMSC, and passes deliveries on.
type session struct {
	conn    net.Conn
	answer  time.Duration
	deliver func(*session, pdu) // called by the reader; must not block
	late    func(*session, pdu) // for late responses; called by the reader

	writing  sync.Mutex
	lastRead atomic.Int64 // Unix nanoseconds

	mu      sync.Mutex
	seq     uint32
	waiting map[uint32]chan pdu
	err     error // why it ended
	done    chan struct{}
	readers sync.WaitGroup
}

func newSession(conn net.Conn, answer time.Duration, deliver, late func(*session, pdu)) *session {
	s := &session{conn: conn, answer: answer, deliver: deliver, late: late, waiting: map[uint32]chan pdu{}, done: make(chan struct{})}
	s.lastRead.Store(time.Now().UnixNano())
	s.readers.Go(s.read)
	return s
}

// end closes the connection. The first error is kept.
func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	close(s.done)
	s.conn.Close()
}

// wait returns the reason when the session and all its goroutines have ended.
func (s *session) wait() error {
	<-s.done
	s.readers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *session) read() {
	for {
		p, err := readPDU(s.conn)
		if errors.Is(err, errLength) {
			s.write(pdu{command: genericNack, status: invalidCmdLen, seq: p.seq}) //nolint:errcheck // it ends anyway
		}
		if err != nil {
			s.end(err)
			return
		}
		s.lastRead.Store(time.Now().UnixNano())
		s.handle(p)
	}
}

// handle processes a PDU.
func (s *session) handle(p pdu) {
	switch {
	case p.command&response != 0:
		s.mu.Lock()
		ch, ok := s.waiting[p.seq]
		delete(s.waiting, p.seq)
		s.mu.Unlock()
		if ok {
			ch <- p
		} else {
			s.late(s, p)
		}
	case p.command == enquireLink:
		s.write(p.response(statusOK, nil)) //nolint:errcheck // the reader notices a lost link
	case p.command == unbind:
		s.write(p.response(statusOK, nil)) //nolint:errcheck // as above
		s.end(errUnbound)
	case p.command == deliverSM || p.command == dataSM:
		s.deliver(s, p)
	default:
		s.write(pdu{command: genericNack, status: invalidCommand, seq: p.seq}) //nolint:errcheck // as above
	}
}

// write sends a PDU. If that fails, it ends the session.
func (s *session) write(p pdu) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(s.answer)) //nolint:errcheck // the write fails as well
	_, err := s.conn.Write(p.bytes())
	if err != nil {
		s.end(err)
	}
	return err
}

// request sends a request and waits for its response. written reports whether the SMSC may have received any of it.
func (s *session) request(ctx context.Context, command uint32, body []byte, sent func(seq uint32)) (p pdu, written bool, err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return p, false, errClosed
	}
	s.seq = s.seq%maxSeq + 1
	seq, ch := s.seq, make(chan pdu, 1)
	s.waiting[seq] = ch
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, seq)
		s.mu.Unlock()
	}()
	if sent != nil {
		sent(seq)
	}
	if err := s.write(pdu{command: command, seq: seq, body: body}); err != nil {
		return p, true, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.answer)
	defer cancel()
	select {
	case p = <-ch:
		return p, true, nil
	case <-s.done:
		select {
		case p = <-ch: // both were ready
			return p, true, nil
		default:
			return p, true, errClosed
		}
	case <-ctx.Done():
		return p, true, ctx.Err()
	}
}

// enquire sends enquire_link (§4.11) whenever the link is idle, until the session ends.
func (s *session) enquire(after time.Duration) {
	for {
		rest := after - time.Since(time.Unix(0, s.lastRead.Load()))
		if rest > 0 {
			timer := time.NewTimer(rest)
			select {
			case <-timer.C:
				continue
			case <-s.done:
				timer.Stop()
				return
			}
		}
		if _, _, err := s.request(context.Background(), enquireLink, nil, nil); err != nil {
			s.end(errSilent)
			return
		}
	}
}

// leave unbinds (§4.2) and closes the connection.
func (s *session) leave() {
	s.request(context.Background(), unbind, nil, nil) //nolint:errcheck // it is over either way
	s.end(errClosed)
}
