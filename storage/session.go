package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"tocsin/storage/dsn"
)

// connectWithin limits connecting to one host, including the handshake.
const connectWithin = 5 * time.Second

// settings apply to every session on PostgreSQL, unless the DSN overrides them. An abandoned transaction (of a stopped
// process or a lost machine) must not lock the rows that the next leader needs, and waits for rows are short.
var settings = map[string]string{
	"synchronous_commit":                  "on",
	"idle_in_transaction_session_timeout": "4s",
	"lock_timeout":                        "3s",
}

// The ledger's statements use indexes only. Their plans are made once, possibly while the tables are still empty, and must
// not be optimised for that.
var writerSettings = map[string]string{"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}

// sessionOptions are the options for sessions on PostgreSQL.
type sessionOptions struct {
	hosts    []pq.Config       // one per host
	settings map[string]string // parameters of the server, by name
	last     *atomic.Int32     // index of the host that was connected to last
}

// sessionsOf returns the options for a DSN.
func sessionsOf(d dsn.DSN) (o sessionOptions, err error) {
	config, err := pq.NewConfig(d.Conninfo())
	if err != nil {
		return o, errInvalidDSN
	}
	o.settings, o.last = maps.Clone(settings), &atomic.Int32{}
	maps.Copy(o.settings, config.Runtime)
	// A pooler refuses unknown parameters, so they are set once connected.
	config.Runtime = nil
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = connectWithin
	}
	if config.TargetSessionAttrs == "" {
		config.TargetSessionAttrs = pq.TargetSessionAttrsReadWrite
	}
	if config.ApplicationName == "" {
		config.ApplicationName = "tocsin"
	}
	others := config.Multi
	config.Multi = nil
	o.hosts = append(o.hosts, config)
	for _, other := range others {
		c := config.Clone()
		c.Host, c.Hostaddr, c.Port = other.Host, other.Hostaddr, other.Port
		o.hosts = append(o.hosts, c)
	}
	return o, nil
}

var errInvalidDSN = errors.New("invalid DSN") // the DSN was parsed before; lib/pq's error might show the password

func address(c *pq.Config) string {
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}

// open opens a pool of n sessions, with more settings, which the DSN may override.
func (o *sessionOptions) open(ctx context.Context, sessions int, d *dialer, more map[string]string) (*sqlx.DB, error) {
	c := &sessionConnector{options: o, dialer: d}
	set := maps.Clone(more)
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, o.settings)
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		calls = append(calls, fmt.Sprintf("set_config(%s, %s, false)", pq.QuoteLiteral(name), pq.QuoteLiteral(set[name])))
	}
	c.set = "SELECT " + strings.Join(calls, ", ")
	return ready(ctx, sqlx.NewDb(sql.OpenDB(instrument(c)), "postgres"), sessions)
}

// sessionConnector opens sessions on one of several hosts, and sets parameters in each.
type sessionConnector struct {
	options *sessionOptions
	dialer  *dialer
	set     string
}

// Driver implements driver.Connector.
func (c *sessionConnector) Driver() driver.Driver { return &pq.Driver{} }

// nextHostAfter is how long to wait for one host before trying the next one in parallel.
const nextHostAfter = 500 * time.Millisecond

// Connect implements driver.Connector. It starts with the host that answered last. A silent host must not delay the others:
// one of them may be the primary.
func (c *sessionConnector) Connect(ctx context.Context) (driver.Conn, error) {
	type result struct {
		conn driver.Conn
		host int
		err  error
	}
	ctx, stop := context.WithCancel(ctx)
	var trying sync.WaitGroup
	results := make(chan result, len(c.options.hosts))
	defer func() { // all but the one that is returned
		stop()
		trying.Wait()
		close(results)
		for late := range results {
			if late.err == nil {
				late.conn.Close()
			}
		}
	}()
	first, started, ended := int(c.options.last.Load()), 0, 0
	try := func() {
		host := (first + started) % len(c.options.hosts)
		started++
		trying.Go(func() {
			conn, err := c.connect(ctx, &c.options.hosts[host])
			results <- result{conn, host, err}
		})
	}
	try()
	var failed error
	for {
		var next <-chan time.Time
		if started < len(c.options.hosts) {
			next = time.After(nextHostAfter)
		}
		select {
		case <-next:
			try()
		case r := <-results:
			if ended++; r.err == nil {
				c.options.last.Store(int32(r.host))
				return r.conn, nil
			}
			if failed = c.join(failed, r.host, r.err); ended == len(c.options.hosts) {
				return nil, failed
			}
			if ended == started {
				try()
			}
		case <-ctx.Done():
			return nil, c.join(failed, first, ctx.Err())
		}
	}
}

// join adds the error of a host.
func (c *sessionConnector) join(failed error, host int, err error) error {
	if len(c.options.hosts) > 1 {
		err = fmt.Errorf("%s: %w", address(&c.options.hosts[host]), err)
	}
	if failed == nil {
		return err
	}
	return fmt.Errorf("%w; %w", failed, err)
}

// connect opens a session on a host. It ends as soon as ctx does.
func (c *sessionConnector) connect(ctx context.Context, config *pq.Config) (driver.Conn, error) {
	connector, err := pq.NewConnectorConfig(*config)
	if err != nil {
		return nil, errInvalidDSN
	}
	attempt := &attempt{dialer: c.dialer}
	connector.Dialer(attempt)
	defer context.AfterFunc(ctx, attempt.cancel)()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, c.set, nil); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ErrPooler is the error for a pooler that runs a session's transactions on any free connection.
var ErrPooler = errors.New(`the pooler shares connections between transactions, but the live instance's lock needs a session: set pool_mode = session, or connect to PostgreSQL directly`)

// ownSessions fails if db's sessions share server connections. A dedicated session keeps its server process. A pooler takes
// the connection that was used last, or the one that was idle for longest, and another one while those are in a transaction.
func ownSessions(ctx context.Context, db *sqlx.DB) error {
	first, err := db.Connx(ctx)
	if err != nil {
		return err
	}
	defer first.Close()
	var process int64
	if err := sqlx.GetContext(ctx, first, &process, backend); err != nil {
		return err
	}
	answers := func(q sqlx.QueryerContext, own bool) error {
		var is int64
		if err := sqlx.GetContext(ctx, q, &is, backend); err != nil {
			return err
		}
		if (is == process) != own {
			return ErrPooler
		}
		return nil
	}
	if err := answers(first, true); err != nil {
		return err
	}
	for range readerCount - 1 {
		other, err := db.Connx(ctx)
		if err != nil {
			return err
		}
		defer other.Close()
		if err := answers(other, false); err != nil {
			return err
		}
		tx, err := other.BeginTxx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if err := answers(tx, false); err != nil {
			return err
		}
	}
	return answers(first, true)
}

const backend = "SELECT pg_backend_pid()"

// renew closes the writer's connection after an error that would recur on it: its server is read-only now, or prepared
// statements are unknown or outdated.
func (s *Store) renew(ctx context.Context, err error) {
	answer := (*pq.Error)(nil)
	if !errors.As(err, &answer) || !slices.Contains([]pqerror.Class{"0A", "25", "26"}, answer.Code.Class()) {
		return
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // this closes the connection
}
