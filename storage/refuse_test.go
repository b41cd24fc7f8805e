package storage

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"tocsin/track"
)

// A temporary error must not lose a message, and a permanent one must not block everything.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name    string
		err     error
		refused bool
	}{
		{"row too large for an index", &pq.Error{Code: "54000"}, true},
		{"character that the encoding lacks", &pq.Error{Code: "22P05"}, true},
		{"second live prompt", &pq.Error{Code: "23505"}, true},
		{"internal error", &pq.Error{Code: "XX000"}, true},
		{"code that nobody knows", &pq.Error{Code: "99999"}, true},
		{"disk full", &pq.Error{Code: "53100"}, false},
		{"too many clients", &pq.Error{Severity: pqerror.SeverityFatal, Code: "53300"}, false},
		{"read-only", &pq.Error{Code: "25006"}, false},
		{"shutting down", &pq.Error{Severity: pqerror.SeverityFatal, Code: "57P01"}, false},
		{"deadlock", &pq.Error{Code: "40P01"}, false},
		{"row locked", &pq.Error{Code: "55P03"}, false},
		{"privilege taken away", &pq.Error{Code: "42501"}, false},
		{"statement of another session", &pq.Error{Code: "26000"}, false},
		{"a pooler's own word", &pq.Error{Severity: pqerror.SeverityFatal, Code: "XX000"}, false},
		{"connection lost", io.ErrUnexpectedEOF, false},
		{"connection bad", driver.ErrBadConn, false},
		{"nobody answered", os.ErrDeadlineExceeded, false},
		{"cancelled", context.Canceled, false},
	} {
		if got := errors.Is(failed("commit", tc.err), track.ErrRefused); got != tc.refused {
			t.Errorf("%s: refused %t", tc.name, got)
		}
	}
}
