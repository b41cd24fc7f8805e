package storage

import (
	"context"
	"database/sql/driver"
	"slices"
)

// bulkConnector makes connections to SQLite whose prepared statements run for many rows in one call, with a bulk as their only
// argument. What database/sql does for every call (locks, checking and copying the arguments) costs a fifth of what SQLite
// does.
type bulkConnector struct{ driver.Connector }

// bulk is the rows that a statement is to be run for.
type bulk struct {
	table *table
	rows  rows
}

// Connect implements driver.Connector.
func (c bulkConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return bulkConn{conn}, nil
}

// bulkConn passes on what database/sql uses of the driver's connections.
type bulkConn struct{ driver.Conn }

// BeginTx implements driver.ConnBeginTx.
func (c bulkConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

// ExecContext implements driver.ExecerContext.
func (c bulkConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c bulkConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c bulkConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return bulkStmt{stmt}, nil
}

// ResetSession implements driver.SessionResetter.
func (c bulkConn) ResetSession(ctx context.Context) error {
	if conn, ok := c.Conn.(driver.SessionResetter); ok {
		return conn.ResetSession(ctx)
	}
	return nil
}

// IsValid implements driver.Validator.
func (c bulkConn) IsValid() bool {
	conn, ok := c.Conn.(driver.Validator)
	return !ok || conn.IsValid()
}

type bulkStmt struct{ driver.Stmt }

// CheckNamedValue implements driver.NamedValueChecker.
func (bulkStmt) CheckNamedValue(v *driver.NamedValue) error {
	if _, ok := v.Value.(bulk); ok {
		return nil
	}
	return driver.ErrSkip
}

// QueryContext implements driver.StmtQueryContext.
func (s bulkStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// ExecContext implements driver.StmtExecContext. With a bulk, it runs the statement for each row, with the values in the order
// of the columns, but that of the key last.
func (s bulkStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	stmt := s.Stmt.(driver.StmtExecContext)
	if len(args) != 1 {
		return stmt.ExecContext(ctx, args)
	}
	b, ok := args[0].Value.(bulk)
	if !ok {
		return stmt.ExecContext(ctx, args)
	}
	// A cancellable context costs a goroutine per statement, so it is checked here.
	uncancelled := context.WithoutCancel(ctx)
	columns := b.table.columns()
	order := make([]int, len(columns)) // of each column, its parameter
	values := make([]driver.NamedValue, len(columns))
	key := slices.Index(columns, b.table.key)
	for i := range columns {
		values[i].Ordinal, order[i] = i+1, i
		switch {
		case key >= 0 && i == key:
			order[i] = len(columns) - 1
		case key >= 0 && i > key:
			order[i] = i - 1
		}
	}
	for i := range b.rows.n {
		if i%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		ints, texts := b.rows.row(b.table, i)
		for j, n := range ints {
			values[order[j]].Value = n
		}
		for j, text := range texts {
			values[order[len(ints)+j]].Value = text
		}
		if _, err := stmt.ExecContext(uncancelled, values); err != nil {
			return nil, err
		}
	}
	return driver.ResultNoRows, nil
}
