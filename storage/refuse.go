package storage

import (
	"context"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tocsin/track"
)

// failed wraps the error of an operation. If the same input would always fail, it adds track.ErrRefused.
func failed(op string, err error) error {
	if refuses(err) {
		return fmt.Errorf("%s: %w: %w", op, track.ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// refuses reports whether the database has rejected its input. Errors about the database itself, or the connection to it, are
// listed: they are temporary, or an admin must fix something. Every other error is about the input: retrying a permanent one
// would block everything forever.
func refuses(err error) bool {
	if answer := (*pq.Error)(nil); errors.As(err, &answer) {
		// FATAL and PANIC end the session, whatever the code: poolers send codes of their own with them. (The server's own
		// word may be translated; its codes are listed.)
		return answer.Severity != pqerror.SeverityFatal && answer.Severity != pqerror.SeverityPanic && !aboutPostgres[answer.Code.Class()]
	}
	if answer := (*driver.Error)(nil); errors.As(err, &answer) {
		return !aboutSQLite[answer.Code()&0xff] // the lower byte is the primary code
	}
	return false // no answer arrived
}

// Passes reports whether an error is temporary: about the database or the connection to it, so that a retry may succeed.
func Passes(err error) bool {
	if answer := (*pq.Error)(nil); errors.As(err, &answer) {
		return !refuses(answer)
	}
	if answer := (*driver.Error)(nil); errors.As(err, &answer) {
		return !refuses(answer)
	}
	network := net.Error(nil)
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, sqldriver.ErrBadConn) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
var aboutPostgres = map[pqerror.Class]bool{
	"08": true, // connection exception
	"0A": true, // feature not supported: an outdated plan
	"25": true, // invalid transaction state: read-only, timed out
	"26": true, // invalid SQL statement name: a different session answers
	"28": true, // invalid authorization
	"34": true, // invalid cursor name: as 26
	"3D": true, // invalid catalog name: no such database
	"3F": true, // invalid schema name
	"40": true, // transaction rollback: serialization, deadlock
	"42": true, // access rule violation: privileges, missing tables; our statements are valid
	"53": true, // insufficient resources: disk, memory, connections
	"55": true, // object not in prerequisite state: locked, in use
	"57": true, // operator intervention: shutting down, cancelled
	"58": true, // system error: I/O
	"F0": true, // configuration file error
}

// https://www.sqlite.org/rescode.html
var aboutSQLite = map[int]bool{
	sqlite3.SQLITE_PERM: true, sqlite3.SQLITE_ABORT: true, sqlite3.SQLITE_BUSY: true, sqlite3.SQLITE_LOCKED: true, sqlite3.SQLITE_NOMEM: true,
	sqlite3.SQLITE_READONLY: true, sqlite3.SQLITE_INTERRUPT: true, sqlite3.SQLITE_IOERR: true, sqlite3.SQLITE_CORRUPT: true, sqlite3.SQLITE_FULL: true,
	sqlite3.SQLITE_CANTOPEN: true, sqlite3.SQLITE_PROTOCOL: true, sqlite3.SQLITE_SCHEMA: true, sqlite3.SQLITE_NOLFS: true, sqlite3.SQLITE_AUTH: true,
	sqlite3.SQLITE_NOTADB: true,
}
