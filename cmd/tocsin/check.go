package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tocsin/config"
	"tocsin/storage"
	"tocsin/track"
)

type checkCommand struct {
	configFlag
	Offline bool          `help:"Stop before the handshake with the server."`
	Wait    time.Duration `default:"10s" help:"How long to wait for the tap's first copy."`
}

// findings are what check tells: one line each.
type findings struct {
	out    io.Writer
	failed bool
}

func (f *findings) ok(check, format string, args ...any) { f.line("ok", check, format, args...) }

func (f *findings) note(check, format string, args ...any) { f.line("note", check, format, args...) }

// fail tells what is wrong, and the line to change, if there is one.
func (f *findings) fail(check, format string, args ...any) {
	f.failed = true
	f.line("FAIL", check, format, args...)
}

func (f *findings) line(verdict, check, format string, args ...any) {
	fmt.Fprintf(f.out, "%-4s  %-9s %s\n", verdict, check, fmt.Sprintf(format, args...))
}

// Run makes all checks, each as far as those before it allow.
func (c *checkCommand) Run(ctx context.Context, e *environment) error {
	f := &findings{out: e.stdout}
	c.all(ctx, e, f)
	if f.failed {
		return errFailed
	}
	return ctx.Err()
}

func (c *checkCommand) all(ctx context.Context, e *environment, f *findings) {
	conf, err := c.load(e)
	if faults := (config.Faults)(nil); errors.As(err, &faults) {
		for _, fault := range faults {
			f.fail("config", "%v", fault)
		}
		return
	}
	if err != nil {
		f.fail("config", "%v", err)
		return
	}
	f.ok("config", "%s", conf.File())
	for _, note := range conf.Notes() {
		f.note("config", "%s", note)
	}
	store := checkDatabase(ctx, conf, f, e.now())
	if store != nil {
		defer store.Close()
	}
	if c.Offline {
		return
	}
	found, why := findInstance(ctx, conf)
	switch {
	case found != nil:
		checkInstance(conf, found, f, e.now())
	case isHeld(ctx, store):
		f.fail("stream", "an instance runs on this database, but %s: a second stream would take copies from it (%s)", why, conf.Where("metrics.listen"))
	default:
		checkServer(ctx, conf, f, c.Wait)
	}
}

// checkDatabase returns the database, if it is as it should be.
func checkDatabase(ctx context.Context, conf *config.Config, f *findings, now time.Time) *storage.Store {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	where := conf.Where("storage.dsn")
	store, err := storage.Open(ctx, string(conf.Storage.DSN), storage.Options{})
	if err != nil {
		f.fail("database", "%s: %s", where, oneLine(err))
		return nil
	}
	sum, err := store.Summary(ctx, track.At(now))
	if err != nil {
		f.fail("database", "%s: %s", where, oneLine(err))
		store.Close()
		return nil
	}
	f.ok("database", "%s, %s pending", conf.Storage.DSN, counted(sum.Pending, "message"))
	return store
}

// isHeld reports whether a running instance holds the database.
func isHeld(ctx context.Context, store *storage.Store) bool {
	if store == nil {
		return false
	}
	held, err := store.HasLeader(ctx)
	return err == nil && held
}

// checkInstance tells what a running instance says of itself.
func checkInstance(conf *config.Config, found *instance, f *findings, now time.Time) {
	f.note("stream", "an instance runs: %s is asked in place of a second stream", found.URL)
	if found.Standby {
		f.ok("stream", "the instance stands by: another one has the stream, check there")
		return
	}
	if found.Since.IsZero() {
		f.fail("stream", "%s: %s", conf.Where("component.server"), strings.Join(found.Wrong, "; "))
		return
	}
	for _, wrong := range found.Wrong {
		f.fail("instance", "%s", wrong)
	}
	up := now.Sub(found.Since)
	f.ok("stream", "up for %s", roughly(up))
	switch {
	case !found.LastCopy.IsZero():
		f.ok("tap", "last copy %s", ago(now, found.LastCopy))
	case up < time.Minute:
		f.ok("tap", "no copy yet, the stream is new: let somebody write a message, and check again")
	default:
		f.fail("tap", "%s: no copy came yet: %s", conf.Where("tap.domains"), tapAdvice)
	}
	checkPresence(f, found.Presence)
}

// Where presence may come from.
const (
	presenceByTap       = "tap"
	presenceByPrivilege = "privilege"
)

// checkPresence tells how senders are known to be online. No source fails: clients that know Tocsin tell it themselves.
func checkPresence(f *findings, source string) {
	switch source {
	case presenceByTap:
		f.ok("presence", "comes with the tap")
	case presenceByPrivilege:
		f.ok("presence", "comes by mod_privilege")
	default:
		f.ok("presence", "none seen yet: of clients that know Tocsin it is told by themselves, of others by mod_tocsin, ejabberd's copies or mod_privilege")
	}
}

const tapAdvice = "let somebody write a message; if nothing comes, see that the server has the lines of tocsin init and was restarted"

func list(of []string) string { return strings.Join(of, ", ") }
