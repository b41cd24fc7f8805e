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

// session is one connection with an SMSC, from its bind to its end. It answers what the SMSC asks, and hands on what is
// delivered.
type session struct {
	conn    net.Conn
	answer  time.Duration
	deliver func(*session, pdu) // is called by the reader: it must not wait
	late    func(*session, pdu) // an answer that came after its time; as deliver

	writing sync.Mutex
	heard   atomic.Int64 // when something was last read, Unix nanoseconds

	mu      sync.Mutex
	seq     uint32
	waiting map[uint32]chan pdu
	err     error // why it ended
	done    chan struct{}
	readers sync.WaitGroup
}

func newSession(conn net.Conn, answer time.Duration, deliver, late func(*session, pdu)) *session {
	s := &session{conn: conn, answer: answer, deliver: deliver, late: late, waiting: map[uint32]chan pdu{}, done: make(chan struct{})}
	s.heard.Store(time.Now().UnixNano())
	s.readers.Go(s.read)
	return s
}

// end closes the connection; the first reason counts.
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

// wait returns when the session has ended, and all its goroutines too, with the reason.
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
		s.heard.Store(time.Now().UnixNano())
		s.take(p)
	}
}

// take does what a PDU asks for.
func (s *session) take(p pdu) {
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
		s.write(p.answer(statusOK, nil)) //nolint:errcheck // a lost link is seen by the reader
	case p.command == unbind:
		s.write(p.answer(statusOK, nil)) //nolint:errcheck // as above
		s.end(errUnbound)
	case p.command == deliverSM || p.command == dataSM:
		s.deliver(s, p)
	default:
		s.write(pdu{command: genericNack, status: invalidCommand, seq: p.seq}) //nolint:errcheck // as above
	}
}

// write sends a PDU whole, or ends the session.
func (s *session) write(p pdu) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(s.answer)) //nolint:errcheck // the write tells
	_, err := s.conn.Write(p.bytes())
	if err != nil {
		s.end(err)
	}
	return err
}

// ask sends a request and waits for its answer. written says whether any of it may have reached the SMSC.
func (s *session) ask(ctx context.Context, command uint32, body []byte, sent func(seq uint32)) (p pdu, written bool, err error) {
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
		case p = <-ch: // both at once
			return p, true, nil
		default:
			return p, true, errClosed
		}
	case <-ctx.Done():
		return p, true, ctx.Err()
	}
}

// enquire asks after each silence whether the SMSC is still there (§4.11), until the session ends.
func (s *session) enquire(after time.Duration) {
	for {
		rest := after - time.Since(time.Unix(0, s.heard.Load()))
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
		if _, _, err := s.ask(context.Background(), enquireLink, nil, nil); err != nil {
			s.end(errSilent)
			return
		}
	}
}

// leave unbinds (§4.2) and closes.
func (s *session) leave() {
	s.ask(context.Background(), unbind, nil, nil) //nolint:errcheck // it is over either way
	s.end(errClosed)
}
