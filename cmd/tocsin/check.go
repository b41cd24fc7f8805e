package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tocsin/config"
	"tocsin/storage"
	"tocsin/track"
)

type checkCommand struct {
	configFlag
	Offline bool          `help:"Check configuration and database only."`
	Wait    time.Duration `default:"10s" help:"How long to wait for the first copy of a message."`
}

// findings prints the results of check, one line each.
type findings struct {
	out    io.Writer
	failed bool
}

func (f *findings) ok(check, format string, args ...any) { f.line("ok", check, format, args...) }

// info reports a fact that is neither right nor wrong.
func (f *findings) info(check, format string, args ...any) { f.line("note", check, format, args...) }

// warn reports what works but should be changed.
func (f *findings) warn(check, format string, args ...any) { f.line("warn", check, format, args...) }

// unknown reports what could not be determined.
func (f *findings) unknown(check, format string, args ...any) {
	f.line("unknown", check, format, args...)
}

// fail reports what does not work. The message names the configuration line to change, if there is one.
func (f *findings) fail(check, format string, args ...any) {
	f.failed = true
	f.line("FAIL", check, format, args...)
}

func (f *findings) line(verdict, check, format string, args ...any) {
	fmt.Fprintf(f.out, "%-4s  %-9s %s\n", verdict, check, fmt.Sprintf(format, args...))
}

// Run makes all checks, each as far as the previous ones allow.
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
		f.info("config", "%s", note)
	}
	checkSecrets(conf, f)
	store := checkDatabase(ctx, conf, f, e.now())
	if store != nil {
		defer store.Close()
	}
	if c.Offline {
		return
	}
	checkDNS(ctx, conf, f, e.lookup)
	found, why := findInstance(ctx, conf)
	switch {
	case found != nil:
		checkInstance(conf, found, f, e.now())
	case hasLeader(ctx, store):
		f.fail("stream", "%s: an instance is running on this database, but %s; not opening a second stream, which would take messages away from it", conf.Where("metrics.listen"), why)
	default:
		checkServer(ctx, conf, f, &waiting{out: e.stderr, terminal: isTerminal(e.stderr), limit: c.Wait}, e.now)
	}
	checkSMS(ctx, conf, store, found, f)
}

// checkSecrets rejects files with secrets that every user can read or write, as ssh does with its keys.
func checkSecrets(conf *config.Config, f *findings) {
	for _, file := range conf.SecretFiles() {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		if mode := info.Mode().Perm(); mode&0o006 != 0 {
			f.fail("secret", "%s contains a secret, but every user may read or write it (mode %04o): run chmod %04o %s", file, mode, mode&^0o007, file)
		}
	}
}

// checkDatabase returns the database, if it is usable.
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

// hasLeader reports whether a running instance uses the database.
func hasLeader(ctx context.Context, store *storage.Store) bool {
	if store == nil {
		return false
	}
	held, err := store.HasLeader(ctx)
	return err == nil && held
}

// checkDNS warns about a component with a DNS record: while it is down, its own server would try to connect to that address.
func checkDNS(ctx context.Context, conf *config.Config, f *findings, lookup func(context.Context, string) ([]string, error)) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if addresses, err := lookup(ctx, conf.Component.JID); err == nil && len(addresses) > 0 {
		f.warn("dns", "%s has a DNS record (%s): remove it, or exclude the name from the wildcard; while Tocsin is down, ejabberd tries to connect there",
			conf.Component.JID, list(addresses))
	}
}

// checkInstance reports the state of a running instance.
func checkInstance(conf *config.Config, found *instance, f *findings, now time.Time) {
	f.info("stream", "an instance is running: asking %s instead of opening a second stream", found.URL)
	if found.Standby {
		f.ok("stream", "standby: run check on the host of the live instance")
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
		checkTapOf(found, f)
	case up < time.Minute:
		f.unknown("tap", "nothing received yet, the stream is new: write a message to another user, then check again")
	default:
		f.fail("tap", "%s: nothing received since the stream came up: %s", conf.Where("tap.domains"), tapAdvice)
	}
	checkPresence(f, found.Presence)
}

// checkTapOf reports the kind of tap of an instance, and its losses.
func checkTapOf(found *instance, f *findings) {
	for _, source := range found.Tap {
		f.ok("tap", "events come from %s", source)
		if module, _, _ := strings.Cut(source, ","); moduleNumber(module) < moduleVersion {
			f.warn("tap", "%s is older than this program: install the one in contrib, and restart the server", module)
		}
	}
	if found.Copies {
		f.warn("tap", "messages arrive as copies, which can get lost unnoticed: install mod_tocsin (contrib) on the server")
	}
	warnOfSkew(f, found.Ahead)
	if found.Gaps > 0 || found.Lost > 0 {
		f.info("tap", "since startup: %s, %s dropped by the server's module", counted(int64(found.Gaps), "gap"), counted(int64(found.Lost), "event"))
	}
}

// Sources of presence.
const (
	presenceByTap       = "tap"
	presenceByPrivilege = "privilege"
)

// checkPresence reports the source of presence. Having no source is not a failure: Tocsin-aware clients send
// their presence to the component themselves.
func checkPresence(f *findings, source string) {
	switch source {
	case presenceByTap:
		f.ok("presence", "provided by the tap")
	case presenceByPrivilege:
		f.ok("presence", "provided by mod_privilege")
	default:
		f.ok("presence", "none yet: Tocsin-aware clients send it themselves; others need mod_tocsin, mod_service_log or mod_privilege")
	}
}

const tapAdvice = `write a message to another user; if nothing arrives, compare the server's configuration with "tocsin init -print" and restart it`

func list(of []string) string { return strings.Join(of, ", ") }
