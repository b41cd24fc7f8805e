package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite"

	"tocsin/storage/dsn"
)

const readerCount = 4

// connect opens the connections of a DSN.
func connect(ctx context.Context, text string, o Options) (*Store, error) {
	d, err := dsn.Parse(text)
	if err != nil {
		return nil, err
	}
	if d.Path != "" {
		return connectSQLite(ctx, d, o)
	}
	return connectPostgres(ctx, d)
}

// Commit returns once the data is on disk (FULL). Deleted data is overwritten (secure_delete); Prune empties the WAL. A
// batch touches one index page per row, which small pages and infrequent checkpoints make cheap. A cache larger than 32 MiB
// makes commits slower, and the file is in the system's cache anyway. The driver runs these in alphabetical order, and the
// journal mode after them, when the page size is fixed.
var pragmas = []string{
	"busy_timeout(5000)", "page_size(2048)", "secure_delete(ON)", "synchronous(FULL)", "temp_store(MEMORY)", "wal_autocheckpoint(16000)",
}

func connectSQLite(ctx context.Context, d dsn.DSN, o Options) (*Store, error) {
	s := &Store{dialect: sqlite{}, locker: fileLock{}, name: d.Name()}
	path := d.Path
	query := url.Values{"_pragma": append([]string{"cache_size(-32768)"}, pragmas...), "_journal_mode": {"WAL"}, "_txlock": {"immediate"}}
	if path == dsn.Memory {
		db, err := open(ctx, "sqlite", "file::memory:?"+query.Encode(), 1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		s.writer, s.readers = db, db
		return s, nil
	}
	if o.Existing {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	// The file has texts and numbers, so only its owner may read it. The files that SQLite creates next to it inherit its
	// mode. An existing file is not opened here: closing it would release the locks that SQLite has on it in this process.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = errors.Join(chownToDir(f), f.Close())
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := usable(path); err != nil {
		return nil, err
	}
	s.locker = fileLock{path + ".lock"}
	file := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?"
	writer, err := open(ctx, "sqlite", file+query.Encode(), 1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	query.Set("_txlock", "deferred")
	query["_pragma"] = append([]string{"cache_size(-8192)", "query_only(ON)"}, pragmas...)
	readers, err := open(ctx, "sqlite", file+query.Encode(), readerCount)
	if err != nil {
		writer.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.writer, s.readers = writer, readers
	return s, nil
}

func connectPostgres(ctx context.Context, d dsn.DSN) (*Store, error) {
	session, err := sessionsOf(d)
	if err != nil {
		return nil, err
	}
	s := &Store{dialect: postgres{}, name: d.Name(), dialer: &dialer{}}
	s.dialer.setTimeout(answersWithin)
	if s.writer, err = session.open(ctx, 1, s.dialer, writerSettings); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if s.readers, err = session.open(ctx, readerCount, s.dialer, nil); err != nil {
		s.writer.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	var is struct{ Schema, Encoding string }
	err = s.get(ctx, &is, "SELECT coalesce(current_schema(), '') AS schema, current_setting('server_encoding') AS encoding")
	switch {
	case err != nil:
	case is.Encoding != "UTF8":
		err = fmt.Errorf("the database's encoding is %s, not UTF8 (example: createdb -E UTF8 -T template0 tocsin)", is.Encoding)
	default:
		err = ownSessions(ctx, s.readers)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.locker = &advisoryLock{session, is.Schema}
	return s, nil
}

func open(ctx context.Context, name, dsn string, connections int) (*sqlx.DB, error) {
	db, err := sql.Open(name, "")
	if err != nil {
		return nil, err
	}
	defer db.Close() // only its driver is needed
	c := bulkConnector{instrument(&dsnConnector{dsn, db.Driver()})}
	return ready(ctx, sqlx.NewDb(sql.OpenDB(c), name), connections)
}

// instrument wraps every connector: tests use it to record statements.
var instrument = func(c driver.Connector) driver.Connector { return c }

// dsnConnector makes connections of a driver without a connector of its own.
type dsnConnector struct {
	dsn    string
	driver driver.Driver
}

// Connect implements driver.Connector.
func (c *dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver implements driver.Connector.
func (c *dsnConnector) Driver() driver.Driver { return c.driver }

func ready(ctx context.Context, db *sqlx.DB, connections int) (*sqlx.DB, error) {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
