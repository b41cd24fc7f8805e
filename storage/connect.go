package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	_ "modernc.org/sqlite"
)

const readerCount = 4

// connect opens the connections of a DSN.
func connect(ctx context.Context, dsn string) (*Store, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		return connectSQLite(ctx, path)
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return connectPostgres(ctx, dsn)
	}
	return nil, errors.New(`the DSN must begin with "sqlite:" or "postgres://"`)
}

// Every commit is on the disk before it is told of (FULL). What is deleted is overwritten (secure_delete); Prune empties the
// WAL. A batch touches one index page a row, which small pages and rare checkpoints make cheap. A larger cache than 32 MiB
// makes commits slower, and the system has the file in its own. The driver runs these in the order of the alphabet, and
// the journal mode after them: the size of a page is settled by then.
var pragmas = []string{
	"busy_timeout(5000)", "page_size(2048)", "secure_delete(ON)", "synchronous(FULL)", "temp_store(MEMORY)", "wal_autocheckpoint(16000)",
}

func connectSQLite(ctx context.Context, path string) (*Store, error) {
	s := &Store{dialect: sqlite{}, name: "sqlite:" + path}
	query := url.Values{"_pragma": append([]string{"cache_size(-32768)"}, pragmas...), "_journal_mode": {"WAL"}, "_txlock": {"immediate"}}
	if path == ":memory:" {
		db, err := open(ctx, "sqlite", "file::memory:?"+query.Encode(), 1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		s.writer, s.readers = db, db
		return s, nil
	}
	if path == "" {
		return nil, errors.New(`"sqlite:" names no file`)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	// The file holds texts and numbers: it is for its owner alone. What SQLite makes beside it takes after it. One that is
	// there is not touched: closing it would end the locks that SQLite has on it in this process.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.lockFile = path + ".lock"
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

// What holds for every connection to PostgreSQL, unless the DSN says otherwise. A transaction that its owner forgot
// (a stopped process, a lost machine) must not hold the rows that the next holder needs.
var settings = map[string]string{
	"synchronous_commit":                  "on",
	"idle_in_transaction_session_timeout": "4s",
	"application_name":                    "tocsin",
	"connect_timeout":                     "5",
}

// The ledger's statements find everything by an index. Their plans are made once, when the tables may still be empty:
// they must not be made for that.
var writerSettings = map[string]string{"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}

func connectPostgres(ctx context.Context, dsn string) (*Store, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("the DSN is no URL") // the error would show the password
	}
	with := func(u url.URL, settings map[string]string) url.URL {
		query := u.Query()
		for key, value := range settings {
			if !query.Has(key) {
				query.Set(key, value)
			}
		}
		u.RawQuery = query.Encode()
		return u
	}
	general := with(*u, settings)
	writer := with(general, writerSettings)
	s := &Store{dialect: postgres{}, name: u.Host + u.Path, dsn: general.String()}
	s.dialer = &dialer{}
	if s.writer, err = openPostgres(ctx, writer.String(), 1, s.dialer); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if s.readers, err = openPostgres(ctx, s.dsn, readerCount, s.dialer); err != nil {
		s.writer.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.get(ctx, &s.schema, "SELECT coalesce(current_schema(), '')"); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return s, nil
}

func open(ctx context.Context, driver, dsn string, connections int) (*sqlx.DB, error) {
	db, err := sqlx.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	return ready(ctx, db, connections)
}

func openPostgres(ctx context.Context, dsn string, connections int, d *dialer) (*sqlx.DB, error) {
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, errors.New("the DSN can't be read") // the error would show the password
	}
	connector.Dialer(d)
	return ready(ctx, sqlx.NewDb(sql.OpenDB(connector), "postgres"), connections)
}

func ready(ctx context.Context, db *sqlx.DB, connections int) (*sqlx.DB, error) {
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
