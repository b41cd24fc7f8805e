package storage

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// dialer makes connections to PostgreSQL on which nobody waits for ever: lib/pq heeds a context by asking the server to
// cancel, which a server that is not there does not do.
type dialer struct {
	net.Dialer
	patience atomic.Int64 // nanoseconds without a byte, after which a connection is given up; 0: none
}

func (d *dialer) within(t time.Duration) { d.patience.Store(int64(t)) }

// DialContext implements pq.DialerContext.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wire{c, d}, nil
}

// Dial implements pq.Dialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

type wire struct {
	net.Conn
	dialer *dialer
}

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	if err := w.SetReadDeadline(w.deadline()); err != nil {
		return 0, err
	}
	return w.Conn.Read(b)
}

// Write implements net.Conn.
func (w *wire) Write(b []byte) (int, error) {
	if err := w.SetWriteDeadline(w.deadline()); err != nil {
		return 0, err
	}
	return w.Conn.Write(b)
}

func (w *wire) deadline() time.Time {
	if patience := w.dialer.patience.Load(); patience > 0 {
		return time.Now().Add(time.Duration(patience))
	}
	return time.Time{}
}

const lockNotAvailable pqerror.Code = "55P03"

// isState reports whether PostgreSQL has answered with this code.
func isState(err error, code pqerror.Code) bool {
	var answer *pq.Error
	return errors.As(err, &answer) && answer.Code == code
}
