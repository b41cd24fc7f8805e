package storage

import (
	"errors"

	"github.com/lib/pq"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// refuses reports whether an error is the database's word on what it was given. All other errors are about the database
// itself, and pass: it is away, busy, full, read-only.
func refuses(err error) bool {
	if answer := (*pq.Error)(nil); errors.As(err, &answer) {
		switch answer.Code.Class() {
		case "22", "23": // data exception, integrity constraint violation
			return true
		}
		return false
	}
	if answer := (*driver.Error)(nil); errors.As(err, &answer) {
		switch answer.Code() & 0xff {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
			return true
		}
	}
	return false
}
