package storage_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/storage"
	"tocsin/track"
)

const component = "tocsin.example.org"

func TestMain(m *testing.M) {
	if dsn := os.Getenv("TOCSIN_TEST_HOLDER"); dsn != "" {
		holder(dsn)
		return
	}
	flag.Parse()
	flag.Set("test.parallel", "6") // they mostly wait: for disks, and for other processes
	os.Exit(m.Run())
}

// holder is the main function of another process that leads on a database. It reports what it does, and commits rows on
// request.
func holder(dsn string) {
	ctx := context.Background()
	s, err := storage.Open(ctx, dsn, storage.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("open")
	leadership, err := s.Lead(ctx, component)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held")
	go func() {
		<-leadership.Lost()
		fmt.Println("lost")
	}()
	var rows, ord int64
	for {
		if _, err := fmt.Scan(&rows); err != nil {
			leadership.Release()
			return
		}
		var c track.Changes
		for range rows {
			ord++
			c.Insert = append(c.Insert, track.Message{Ord: ord, Key: track.Key{Sender: alice}})
		}
		fmt.Println("committing")
		err := s.Commit(ctx, c)
		fmt.Println("committed", errors.Is(err, track.ErrFenced), err)
	}
}

// process is a running holder.
type process struct {
	*exec.Cmd
	t     *testing.T
	in    io.WriteCloser
	lines chan string
	said  []string
}

func startHolder(t *testing.T, dsn string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0]), t: t, lines: make(chan string, 100)}
	p.Env = append(os.Environ(), "TOCSIN_TEST_HOLDER="+dsn)
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	must(t, err)
	p.in, err = p.StdinPipe()
	must(t, err)
	must(t, p.Start())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-done
		p.Wait()
	})
	return p
}

func (p *process) signal(s syscall.Signal) { _ = p.Process.Signal(s) }

// says waits until the process has printed something, in any order.
func (p *process) says(want string) {
	p.t.Helper()
	for {
		for i, line := range p.said {
			if strings.HasPrefix(line, want) {
				p.said = slices.Delete(p.said, i, i+1)
				return
			}
		}
		select {
		case line := <-p.lines:
			p.said = append(p.said, line)
		case <-time.After(time.Minute):
			p.t.Fatalf("the other process did not print %q, only %q", want, p.said)
		}
	}
}

// takeOver waits for the leadership, which comes when the previous leader has ended.
func takeOver(t *testing.T, s *storage.Store, end func()) *storage.Leadership {
	t.Helper()
	type result struct {
		leadership *storage.Leadership
		err        error
	}
	got := make(chan result, 1)
	go func() {
		leadership, err := s.Lead(t.Context(), component)
		got <- result{leadership, err}
	}()
	select {
	case r := <-got:
		t.Fatalf("two instances lead: %v", r.err)
	case <-time.After(300 * time.Millisecond):
	}
	start := time.Now()
	end()
	select {
	case r := <-got:
		must(t, r.err)
		t.Logf("taken over after %s", time.Since(start).Round(time.Millisecond))
		return r.leadership
	case <-time.After(30 * time.Second):
		t.Fatal("not taken over")
	}
	return nil
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(p *process, dsn string)
	}{
		{"released", func(p *process, _ string) { p.in.Close() }},
		{"killed", func(p *process, _ string) { p.signal(syscall.SIGKILL) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dsn := lab.Postgres(t)
			s := open(t, dsn)
			p := startHolder(t, dsn)
			p.says("held")
			leadership := takeOver(t, s, func() { tc.end(p, dsn) })
			must(t, s.Commit(t.Context(), track.Changes{Insert: []track.Message{{Ord: 1}}}))
			must(t, leadership.Release())
		})
	}
}

// A leader whose connections were cut continues if nobody else has led meanwhile.
func TestCutHolder(t *testing.T) {
	t.Parallel()
	dsn := lab.Postgres(t)
	s := open(t, dsn)
	leadership, err := s.Lead(t.Context(), component)
	must(t, err)
	must(t, s.Commit(t.Context(), track.Changes{Insert: []track.Message{{Ord: 1}}}))
	lab.Cut(t, dsn)
	eventually(t, func() error { return s.Commit(t.Context(), track.Changes{Insert: []track.Message{{Ord: 2}}}) })
	eventually(t, func() error {
		if held, err := s.HasLeader(t.Context()); err != nil || !held || !leadership.IsLeader() {
			return fmt.Errorf("has leader: %t, %v; is leader: %t", held, err, leadership.IsLeader())
		}
		return nil
	})
	select {
	case <-leadership.Lost():
		t.Error("the leadership was lost, but nobody took it")
	default:
	}
	must(t, leadership.Release())
}

// After all connections of a leader and a standby were cut, one of them leads, and the other knows that it does not.
func TestCutBoth(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		cut  func(*testing.T) (dsn string, cut func())
	}{
		{"connections", func(t *testing.T) (string, func()) {
			dsn := lab.Postgres(t)
			return dsn, func() { lab.Cut(t, dsn) }
		}},
		{"database", func(t *testing.T) (string, func()) {
			cluster := lab.PostgresCluster(t)
			return cluster.Schema(t), func() {
				cluster.Kill(t)
				cluster.Start(t)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dsn, cut := tc.cut(t)
			s, next := open(t, dsn), open(t, dsn)
			first, err := s.Lead(t.Context(), component)
			must(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			second := make(chan *storage.Leadership, 1)
			go func() {
				leadership, _ := next.Lead(ctx, component)
				second <- leadership
			}()
			time.Sleep(time.Second) // the leader sees that another instance waits
			cut()
			var other *storage.Leadership
			eventually(t, func() error {
				select {
				case other = <-second:
					return nil
				default:
				}
				if !first.IsLeader() || s.Commit(t.Context(), track.Changes{}) != nil {
					return errors.New("no instance is live")
				}
				return nil
			})
			if other != nil {
				select {
				case <-first.Lost():
				default:
					t.Error("taken over while IsLeader was true")
				}
				if first.IsLeader() {
					t.Error("both claim to lead")
				}
				if err := s.Commit(t.Context(), track.Changes{Insert: []track.Message{{Ord: 1}}}); !errors.Is(err, track.ErrFenced) {
					t.Errorf("commit of the superseded leader: %v", err)
				}
			}
			cancel()
			first.Release()
			if other == nil {
				other = <-second
			}
			if other != nil {
				other.Release()
			}
		})
	}
}

// eventually retries for a while.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	err := try()
	for deadline := time.Now().Add(time.Minute); err != nil; err = try() {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A process that was stopped for a while, and continues after a takeover, can't change anything.
func TestPausedHolder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		busy bool
	}{{"idle", false}, {"in a transaction", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dsn := lab.Postgres(t)
			s := open(t, dsn)
			p := startHolder(t, dsn)
			p.says("held")
			if tc.busy {
				fmt.Fprintln(p.in, 200_000)
				p.says("committing")
			}
			leadership := takeOver(t, s, func() {
				p.signal(syscall.SIGSTOP)
			})
			defer leadership.Release()
			must(t, s.Commit(t.Context(), track.Changes{Insert: []track.Message{{Ord: 1 << 40, Key: track.Key{Sender: alice}}}}))
			p.signal(syscall.SIGCONT)
			if tc.busy {
				p.says("committed")
			}
			p.says("lost")
			fmt.Fprintln(p.in, 1)
			p.says("committed true")
			ms, err := s.Messages(t.Context(), alice, track.Filter{Newest: true})
			must(t, err)
			if len(ms) != 1 {
				t.Errorf("%d rows", len(ms))
			}
		})
	}
}

func TestHoldOfAnotherComponent(t *testing.T) {
	t.Parallel()
	dsn := lab.Postgres(t)
	leadership, err := open(t, dsn).Lead(t.Context(), component)
	must(t, err)
	_, err = open(t, dsn).Lead(t.Context(), "other.example.org")
	if !errors.Is(err, storage.ErrInUse) || !strings.Contains(err.Error(), component) {
		t.Errorf("%v", err)
	}
	must(t, leadership.Release())
}
