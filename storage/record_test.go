package storage

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
)

// Statement is an executed statement.
type Statement struct {
	Query  string
	args   []any
	writer bool // on the writer's connection
}

// recorder records the statements executed on connections.
type recorder struct {
	mu    sync.Mutex
	pools int
	seen  map[string]bool
	all   []Statement
}

// Record opens the database again, and returns the statements that use executes on it, each once.
func Record(t testing.TB, dsn string, use func(*Store)) []Statement {
	t.Helper()
	r := &recorder{seen: map[string]bool{}}
	instrument = func(c driver.Connector) driver.Connector {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pools++ // the writer's comes first
		return &recordingConnector{c, r, r.pools == 1}
	}
	s, err := Open(t.Context(), dsn, Options{})
	instrument = func(c driver.Connector) driver.Connector { return c }
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.mu.Lock()
	r.all, r.seen = nil, map[string]bool{}
	r.mu.Unlock()
	use(s)
	return r.all
}

func (r *recorder) note(query string, args []driver.NamedValue, writer bool) {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, verb) || strings.Contains(query, "set_config") {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[query] {
		return
	}
	r.seen[query] = true
	s := Statement{Query: query, writer: writer}
	for _, a := range args {
		s.args = append(s.args, a.Value)
	}
	r.all = append(r.all, s)
}

type recordingConnector struct {
	driver.Connector
	recorder *recorder
	writer   bool
}

func (c *recordingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &recordingConn{conn, c}, nil
}

type recordingConn struct {
	driver.Conn
	of *recordingConnector
}

func (c *recordingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *recordingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &recordingStmt{stmt, query, c.of}, nil
}

func (c *recordingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.of.recorder.note(query, args, c.of.writer)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *recordingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.of.recorder.note(query, args, c.of.writer)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

type recordingStmt struct {
	driver.Stmt
	query string
	of    *recordingConnector
}

func (s *recordingStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.of.recorder.note(s.query, args, s.of.writer)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *recordingStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.of.recorder.note(s.query, args, s.of.writer)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// Explain returns the plans of a statement: with its parameters, and on PostgreSQL also the generic one.
func Explain(t testing.TB, s *Store, st Statement) (plans []string) {
	t.Helper()
	db := s.readers
	if st.writer {
		db = s.writer
	}
	if _, ok := s.dialect.(sqlite); ok {
		rows, err := db.Query("EXPLAIN QUERY PLAN "+st.Query, st.args...)
		if err != nil {
			t.Fatalf("%s: %v", st.Query, err)
		}
		defer rows.Close()
		var all []string
		for rows.Next() {
			var id, parent, unused int
			var line string
			if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
				t.Fatal(err)
			}
			all = append(all, line)
		}
		return []string{strings.Join(all, "\n")}
	}
	conn, err := db.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	explain := func(query string, args ...any) {
		var plan string
		if err := conn.GetContext(t.Context(), &plan, query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		plans = append(plans, plan)
	}
	explain("EXPLAIN (FORMAT JSON) "+st.Query, st.args...)
	execute(t, conn, "SET plan_cache_mode = force_generic_plan")
	execute(t, conn, "PREPARE explained AS "+st.Query)
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(st.args)), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	explain("EXPLAIN (FORMAT JSON) EXECUTE explained" + nulls)
	execute(t, conn, "DEALLOCATE explained")
	execute(t, conn, "RESET plan_cache_mode")
	return plans
}

func execute(t testing.TB, conn *sqlx.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// Grow fills every table that grows: n messages, and a tenth as many rows of everything else.
func Grow(t testing.TB, s *Store, messages int) {
	t.Helper()
	special := map[string]string{
		"messages.hash": "n * 7919", "messages.conv": "(n / 10) * 7919", "messages.unsettled": "CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END", "messages.status": "CASE WHEN n % 100 = 0 THEN 0 ELSE 2 END",
		"messages.sent_at": "1795000000000 + n", "messages.settled_at": "1795000000000 + n", "messages.due": "CASE WHEN n % 100 = 0 THEN 1795000600000 + n ELSE 0 END",
		"prompts.state": "CASE WHEN n % 10 = 0 THEN 0 ELSE 3 END", "prompts.opened_at": "1795000000000 + n",
		"codes.made_at": "1795000000000 + n", "codes.expires": "1795000000000 + n", "texts.state": "CASE WHEN n % 10 = 0 THEN 0 ELSE 3 END", "texts.queued_at": "1795000000000 + n", "texts.sent_at": "1795000000000 + n",
	}
	fill := func(t testing.TB, of *table, n int) {
		t.Helper()
		var values []string
		for _, c := range of.ints {
			value := "n"
			switch {
			case special[of.name+"."+c] != "":
				value = special[of.name+"."+c]
			case c != "ord" && c != "conv" && c != "at" && !strings.HasSuffix(c, "hash"):
				value = "0"
			}
			values = append(values, value)
		}
		for _, c := range of.texts {
			value := "''"
			if slices.Contains([]string{"id", "jid", "sender", "recipient", "owner", "contact", "receiver", "hash", "number", "e164", "country"}, c) {
				value = "'" + c + "' || n || '@example.org'"
			}
			values = append(values, value)
		}
		Exec(t, s, s.fill(of, strings.Join(values, ", "), n))
	}
	few := max(messages/10, 10_000)
	err := s.dialer.withoutTimeout(func() error {
		fill(t, &s.messages.table, messages)
		for _, of := range []*table{&s.prompts.table, &peers.table, &s.pairs.table, &s.releases.table, &numbers.table, &prefs.table, &s.contacts.table, &s.devices.table, &s.texts.table, &s.parts.table, &stops.table, &codes.table} {
			fill(t, of, few)
		}
		if _, ok := s.dialect.(postgres); ok {
			Exec(t, s, "ANALYZE")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fill returns an INSERT of rows whose values are computed from n.
func (s *Store) fill(of *table, values string, n int) string {
	if _, ok := s.dialect.(sqlite); ok {
		return fmt.Sprintf("WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < %d) INSERT INTO %s (%s) SELECT %s FROM g", n, of.name, of.list(), values)
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(1, %d::bigint) AS g(n)", of.name, of.list(), values, n)
}
