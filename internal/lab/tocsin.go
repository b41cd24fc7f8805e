package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Settings are keys of the configuration with their section, as in Settings{"track.unread_after": "2s"}. A value is a
// string, a bool, a number, a time.Duration, a list of strings, or TOML.
type Settings map[string]any

// TOML is a value of Settings written as TOML.
type TOML string

// Daemon is a running `tocsin run`.
type Daemon struct {
	Dir    string // configuration, database and log
	Config string // path of the configuration

	t       testing.TB
	program string
	admin   string // host:port of /readyz and /metrics
	keys    Settings
	proc    *process
}

// Tocsin starts the built component on a server, with short timeouts and an SQLite file unless the settings say otherwise,
// and returns when it is ready.
func Tocsin(t testing.TB, server *Server, settings Settings) *Daemon {
	t.Helper()
	d := NewTocsin(t, server, settings)
	d.Start()
	return d
}

// NewTocsin is Tocsin without starting it, for tests of failing starts.
func NewTocsin(t testing.TB, server *Server, settings Settings) *Daemon {
	t.Helper()
	d := &Daemon{Dir: t.TempDir(), t: t, program: Build(t), admin: loopback(Port(t))}
	d.Config = filepath.Join(d.Dir, "config.toml")
	d.keys = Settings{
		"component.jid":           server.Component,
		"component.server":        server.ComponentAddr,
		"component.secret":        server.Secret,
		"tap.domains":             server.Hosts,
		"storage.dsn":             "sqlite:" + filepath.Join(d.Dir, "tocsin.db"),
		"track.undelivered_after": "2s",
		"track.unread_after":      "2s",
		"track.min_after":         "1s",
		"track.grace":             "1s",
		"metrics.listen":          d.admin,
		"log.level":               "debug",
	}
	if _, elsewhere := settings["storage.dsn"]; !elsewhere {
		d.migrated()
	}
	d.Set(settings)
	t.Cleanup(func() {
		if d.proc != nil {
			d.proc.kill()
		}
		if strings.Contains(d.Stderr(), "WARNING: DATA RACE") {
			t.Error("the race detector found a race in tocsin")
		}
		if t.Failed() {
			t.Logf("tocsin's log:\n%s", tail(d.log(), 200))
		}
	})
	return d
}

var template struct {
	once sync.Once
	data []byte
	err  error
}

// migrated gives the component a database with all migrations, which take longer than the rest of a start. They are run once per
// test binary.
func (d *Daemon) migrated() {
	d.t.Helper()
	file := filepath.Join(d.Dir, "tocsin.db")
	template.once.Do(func() {
		template.err = errors.New("tocsin migrate failed")
		d.Set(nil)
		d.Must("migrate")
		template.data, template.err = os.ReadFile(file)
	})
	err := template.err
	if err == nil {
		err = os.WriteFile(file, template.data, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// Set changes the configuration file; a running instance reads it on Reload, or at the next start.
func (d *Daemon) Set(settings Settings) {
	d.t.Helper()
	maps.Copy(d.keys, settings)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(d.keys)) {
		fmt.Fprintf(&b, "%s = %s\n", key, value(d.keys[key]))
	}
	if err := os.WriteFile(d.Config, []byte(b.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func value(v any) string {
	switch v := v.(type) {
	case TOML:
		return string(v)
	case string:
		return strconv.Quote(v)
	case time.Duration:
		return strconv.Quote(v.String())
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// Start starts the component and returns when it is ready.
func (d *Daemon) Start() {
	d.t.Helper()
	d.Launch()
	d.Ready()
}

// Metrics is the host:port of its /metrics and /readyz.
func (d *Daemon) Metrics() string { return d.admin }

// Launch starts the component without waiting.
func (d *Daemon) Launch() {
	d.t.Helper()
	proc, err := start("tocsin", d.log(), []string{"TOCSIN_CONFIG=" + d.Config}, d.program, "run")
	if err != nil {
		d.t.Fatal(err)
	}
	d.proc = proc
}

// Ready waits until /readyz returns 200: the stream is up and the database answers.
func (d *Daemon) Ready() {
	d.t.Helper()
	if err := d.proc.await(30*time.Second, func() bool { return answers("http://"+d.admin+"/readyz", http.StatusOK) }); err != nil {
		d.t.Fatal(err)
	}
}

// Stop ends the component by SIGTERM; unless it exits with 0 within 15 s, the test fails.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.proc.stop(15 * time.Second)
	if d.proc.err != nil {
		d.t.Fatalf("tocsin did not stop cleanly: %v", d.proc.err)
	}
}

// Kill9 ends the component by SIGKILL.
func (d *Daemon) Kill9() { d.proc.kill() }

// Signal sends a signal to the component.
func (d *Daemon) Signal(signal syscall.Signal) {
	d.t.Helper()
	if err := d.proc.cmd.Process.Signal(signal); err != nil {
		d.t.Fatal(err)
	}
}

// Readiness returns the status and the body of /readyz, 0 if nothing answers.
func (d *Daemon) Readiness() (status int, body string) {
	client := http.Client{Timeout: 3 * time.Second}
	resp, err := client.Get("http://" + d.admin + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// Restart is Stop and Start.
func (d *Daemon) Restart() {
	d.t.Helper()
	d.Stop()
	d.Start()
}

// CPU is the CPU time that the component has used since it was started.
func (d *Daemon) CPU() time.Duration {
	d.t.Helper()
	used, err := d.proc.cpu()
	if err != nil {
		d.t.Fatal(err)
	}
	return used
}

// Reload sends SIGHUP.
func (d *Daemon) Reload() {
	d.t.Helper()
	d.Signal(syscall.SIGHUP)
}

// Exit waits until the component has ended by itself and returns its exit code.
func (d *Daemon) Exit() int {
	d.t.Helper()
	select {
	case <-d.proc.done:
	case <-time.After(30 * time.Second):
		d.t.Fatal("tocsin did not end")
	}
	return d.proc.cmd.ProcessState.ExitCode()
}

// Stderr returns everything that the component has printed, over all starts.
func (d *Daemon) Stderr() string { return tail(d.log(), 1<<30) }

// Logs waits until the component has printed the text.
func (d *Daemon) Logs(text string) {
	d.t.Helper()
	if err := d.proc.await(Timeout, func() bool { return strings.Contains(d.Stderr(), text) }); err != nil {
		d.t.Fatalf("%q was not logged: %v", text, err)
	}
}

// Until waits until a condition holds while the component runs.
func (d *Daemon) Until(what string, is func() bool) {
	d.t.Helper()
	if err := d.proc.await(Timeout, is); err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
}

// Run runs another subcommand with the same configuration; it returns the output and the exit code.
func (d *Daemon) Run(args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	return d.run(d.program, args...)
}

func (d *Daemon) run(program string, args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), program, args...)
	cmd.Dir = d.Dir
	cmd.Env = append(os.Environ(), "TOCSIN_CONFIG="+d.Config)
	var out, fault strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &fault
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return out.String(), fault.String(), cmd.ProcessState.ExitCode()
}

// Must is Run for a command that must succeed; it returns the output.
func (d *Daemon) Must(args ...string) string {
	d.t.Helper()
	return d.must(d.program, args...)
}

func (d *Daemon) must(program string, args ...string) string {
	d.t.Helper()
	out, fault, code := d.run(program, args...)
	if code != 0 {
		d.t.Fatalf("tocsin %s: exit %d\n%s%s", strings.Join(args, " "), code, out, fault)
	}
	return out
}

// Number sets a user's number, as an admin does. It is the program without the race detector, whose start takes longer than all
// else that this command does.
func (d *Daemon) Number(bare, number string) {
	d.t.Helper()
	d.must(plain.program(d.t, false), "numbers", "set", bare, number)
}

// Metric returns the sum of a metric's samples whose labels contain the text, 0 if there are none.
func (d *Daemon) Metric(name, labels string) float64 {
	d.t.Helper()
	sum, err := d.metric(name, labels, Timeout)
	if err != nil {
		d.t.Fatal(err)
	}
	return sum
}

// TryMetric is Metric of a component that may not answer.
func (d *Daemon) TryMetric(name, labels string) (sum float64, err error) {
	return d.metric(name, labels, 3*time.Second)
}

func (d *Daemon) metric(name, labels string, within time.Duration) (sum float64, err error) {
	client := http.Client{Timeout: within}
	resp, err := client.Get("http://" + d.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		sample, number, _ := strings.Cut(lines.Text(), " ")
		if base, have, _ := strings.Cut(sample, "{"); base == name && strings.Contains(have, labels) {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return 0, fmt.Errorf("metric %s: %w", lines.Text(), err)
			}
			sum += n
		}
	}
	return sum, lines.Err()
}

// Counts waits until a metric has reached a value.
func (d *Daemon) Counts(name, labels string, atLeast float64) {
	d.t.Helper()
	if err := d.proc.await(Timeout, func() bool { return d.Metric(name, labels) >= atLeast }); err != nil {
		d.t.Fatalf("%s{%s} is %g, not %g: %v", name, labels, d.Metric(name, labels), atLeast, err)
	}
}

// Confirmed waits until the server has confirmed everything that Tocsin sends: messages to offline users are in the server's
// storage then.
func (d *Daemon) Confirmed() {
	d.t.Helper()
	d.Until("the outbox is empty", func() bool { return d.Metric("tocsin_outbox_messages", "") == 0 })
}

func (d *Daemon) log() string { return filepath.Join(d.Dir, "tocsin.log") }
