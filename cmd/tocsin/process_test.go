package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
)

// command is the program as a separate process: TestMain runs main under this name.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Args[0] = "tocsin"
	return cmd
}

// If the log's reader goes away, as when journald restarts, the service keeps running.
func TestTheLogsReaderGoesAway(t *testing.T) {
	ports := []int{lab.Port(t), lab.Port(t), lab.Port(t)}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	config := configured(t, "127.0.0.1:1", at(0), "")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	run := command(t, "run", "-config", config)
	run.Stdout, run.Stderr = write, write
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	write.Close()
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	read.Close()

	// These are logged: one change of address, and later another.
	for i := range 2 {
		answers(t, "http://"+at(i)+"/healthz", ended)
		replace(t, config, at(i), at(i+1))
		if err := run.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	answers(t, "http://"+at(2)+"/healthz", ended)
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the process ended: %v", err)
	}
}

// answers waits until a URL of the instance answers with 200.
func answers(t *testing.T, url string, ended <-chan error) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.After(time.Minute); ; {
		if response, err := http.Get(url); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-poll.C:
		case err := <-ended:
			t.Fatalf("the process ended: %v", err)
		case <-deadline:
			t.Fatalf("%s does not answer", url)
		}
	}
}

// A container may have nothing but the program: no time zones, no certificates, no folder for temporary files.
func TestNothingBesideTheProgram(t *testing.T) {
	root := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	place(t, self, filepath.Join(root, "tocsin"))
	libraries, err := exec.Command("ldd", self).Output() // of the test itself, if it has the race detector
	if err == nil {
		for _, word := range strings.Fields(string(libraries)) {
			if filepath.IsAbs(word) {
				place(t, word, filepath.Join(root, word))
			}
		}
	}
	config := configured(t, "127.0.0.1:1", "", "[storage]\ndsn = 'sqlite:/tocsin.db'\n[escalate]\nquiet_hours = '22:00-07:00 Europe/Berlin'\n")
	place(t, config, filepath.Join(root, "config.toml"))

	check := command(t, "check", "-offline", "-config", "/config.toml")
	check.Path, check.Dir, check.Env = "/tocsin", "/", []string{}
	check.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() != 0 {
		check.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		check.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	}
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func place(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// A standby says so, and no longer does once it is live.
func TestStandbySaysSo(t *testing.T) {
	config := configured(t, "127.0.0.1:1", "", "[storage]\ndsn = '"+lab.Postgres(t)+"'")
	first, live := started(t, config)
	said(t, live, `msg="live: this instance is now the leader"`)
	_, standby := started(t, config)
	said(t, standby, `msg="standby: another instance is live"`)
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	said(t, standby, `msg="live: this instance is now the leader"`)
}

// started runs the component. Its log arrives line by line; unread lines do not block it.
func started(t *testing.T, config string) (*exec.Cmd, <-chan string) {
	t.Helper()
	run := command(t, "run", "-config", config)
	out, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	log := make(chan string, 10_000)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(log)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case log <- lines.Text():
			default:
			}
		}
	}()
	t.Cleanup(func() {
		run.Process.Kill()
		<-read
		run.Wait()
	})
	return run, log
}

// said reads the log up to a line with the text.
func said(t *testing.T, log <-chan string, text string) {
	t.Helper()
	for line := range log {
		if strings.Contains(line, text) {
			return
		}
	}
	t.Fatalf("no %s in the log", text)
}

// With log.level = "debug", the log has each stanza's kind and outcome, but none of its content.
func TestDebugLog(t *testing.T) {
	server := lab.Prosody(t, lab.Options{Tap: lab.Module, Secret: secret})
	listen := fmt.Sprintf("127.0.0.1:%d", lab.Port(t))
	config := configured(t, server.ComponentAddr, listen, "[log]\nlevel = 'debug'\n")
	replace(t, config, `"`+domain+`"`, `"`+server.Component+`"`, `"example.org"`, `"lab.test"`)
	run, log := started(t, config)
	answers(t, "http://"+listen+"/readyz", nil)
	alice := server.Login("alice/phone", lab.Markers.Phone())
	alice.Say("bob@lab.test", "m1", "a word that nobody else is to see")
	alice.Must("get", server.Component, "<ping xmlns='urn:xmpp:ping'/>")
	alice.Say("sms@"+server.Component, "m2", "number +8613800138000")
	alice.Expect("message[@from='sms@%s']/body", server.Component)
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range log {
		fmt.Fprintln(&all, line)
	}
	for _, want := range []string{
		`level=DEBUG msg=fact kind=sent passed=false sender=alice@lab.test recipient=bob@lab.test id=m1`,
		`level=DEBUG msg=in stanza=iq type=get from=alice@lab.test about="urn:xmpp:ping ping" outcome=result`,
		`level=DEBUG msg=in stanza=message type=chat from=alice@lab.test about=`,
		`level=DEBUG msg=out stanza=message type=chat to=alice@lab.test `,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %s in\n%s", want, &all)
		}
	}
	for _, secret := range []string{"nobody else", "13800138000", secret} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%q is logged:\n%s", secret, &all)
		}
	}
}
