package storage

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// dialer makes connections to PostgreSQL that never block forever. lib/pq handles a cancelled context by asking the server
// to cancel, which fails if the server is gone; and its own timeouts only apply to connecting.
type dialer struct {
	timeout atomic.Int64 // nanoseconds without a byte after which a connection is closed; 0: none

	mu    sync.Mutex
	wires map[*timedConn]bool
}

// keepAlive detects a lost host on connections without a timeout.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

func (d *dialer) setTimeout(t time.Duration) { d.timeout.Store(int64(t)) }

// withoutTimeout disables the timeout while f runs.
func (d *dialer) withoutTimeout(f func() error) error {
	if d == nil {
		return f()
	}
	defer d.setTimeout(time.Duration(d.timeout.Swap(0)))
	return f()
}

// DialContext implements pq.DialerContext.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := &timedConn{Conn: c, dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wires == nil {
		d.wires = map[*timedConn]bool{}
	}
	d.wires[w] = true
	return w, nil
}

// attempt dials for one session. Its connection can be closed from outside: lib/pq's handshake ignores contexts.
type attempt struct {
	*dialer
	mu   sync.Mutex
	over bool
	made []net.Conn
}

func (a *attempt) cancel() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for _, c := range a.made {
		c.Close()
	}
}

// DialContext implements pq.DialerContext.
func (a *attempt) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := a.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		c.Close()
		return nil, context.Canceled
	}
	a.made = append(a.made, c)
	return c, nil
}

// Dial implements pq.Dialer.
func (a *attempt) Dial(network, address string) (net.Conn, error) {
	return a.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (a *attempt) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return a.DialContext(ctx, network, address)
}

// timedConn is a connection on which each read and write has a deadline: the dialer's timeout, or one that was set. Sockets go
// by the system's clock.
type timedConn struct {
	net.Conn
	dialer   *dialer
	deadline atomic.Pointer[time.Time]
}

// SetDeadline implements net.Conn. lib/pq calls it until the handshake is done.
func (w *timedConn) SetDeadline(t time.Time) error {
	w.deadline.Store(&t)
	return w.Conn.SetDeadline(t)
}

// Read implements net.Conn.
func (w *timedConn) Read(b []byte) (int, error) {
	if err := w.SetReadDeadline(w.until()); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(b)
	w.dialer.closeAfterTimeout(w, err)
	return n, err
}

// Write implements net.Conn.
func (w *timedConn) Write(b []byte) (int, error) {
	if err := w.SetWriteDeadline(w.until()); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(b)
	w.dialer.closeAfterTimeout(w, err)
	return n, err
}

// Close implements net.Conn.
func (w *timedConn) Close() error {
	w.dialer.mu.Lock()
	delete(w.dialer.wires, w)
	w.dialer.mu.Unlock()
	return w.Conn.Close()
}

func (w *timedConn) until() (until time.Time) {
	if timeout := w.dialer.timeout.Load(); timeout > 0 {
		until = time.Now().Add(time.Duration(timeout))
	}
	if set := w.deadline.Load(); set != nil && !set.IsZero() && (until.IsZero() || set.Before(until)) {
		until = *set
	}
	return until
}

// closeAfterTimeout closes all connections when one has timed out: the others are most likely dead, too, and would only time out later.
func (d *dialer) closeAfterTimeout(w *timedConn, err error) {
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		d.closeAll(w)
	}
}

// closeAll closes all connections but one, which may be nil.
func (d *dialer) closeAll(but *timedConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.wires {
		if w != but {
			w.Conn.Close()
		}
	}
	clear(d.wires)
}

const lockNotAvailable pqerror.Code = "55P03"

// isState reports whether PostgreSQL has returned this code.
func isState(err error, code pqerror.Code) bool {
	var answer *pq.Error
	return errors.As(err, &answer) && answer.Code == code
}
