// Playground shows Tocsin in a browser: Alice and Bob side by side, a switch for what Bob's client confirms, and a timeline
// of each message's states. It runs a real Prosody, Tocsin with short timeouts and a web server, all on loopback with
// throw-away data, until it is interrupted. The browser fetches nothing from elsewhere.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tocsin/internal/lab"
	"tocsin/internal/tbrun"
)

func main() {
	o := options{}
	flag.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the web page; on loopback")
	flag.DurationVar(&o.undelivered, "undelivered", 8*time.Second, "when a message that is not delivered is overdue; urgent ones in half the time")
	flag.DurationVar(&o.unread, "unread", 12*time.Second, "when a message that is not read is overdue")
	flag.StringVar(&o.number, "number", "+8613800138000", "Bob's number")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok := tbrun.Perform(ctx, "playground", func(s *tbrun.Stage) {
		fmt.Println("Starting Prosody with mod_tocsin, tocsin on an SQLite file, and the page …")
		url := begin(s, o)
		fmt.Printf("\n  Open %s in a browser (中文: %s?lang=zh). Ctrl-C ends the playground.\n\n", url, url)
		<-ctx.Done()
	})
	if !ok {
		os.Exit(1)
	}
}

const domain = "example.org"

type options struct {
	listen              string
	undelivered, unread time.Duration
	number              string
}

// begin starts everything, to be stopped with tb, and returns the page's URL.
func begin(tb testing.TB, o options) (url string) {
	root, err := moduleRoot()
	if err != nil {
		tb.Fatal(err)
	}
	plugin := filepath.Join(root, "contrib", "converse")
	install(tb, plugin)

	server := lab.Prosody(tb, lab.Options{Tap: lab.Module, Hosts: []string{domain}})
	pages := fmt.Sprintf("127.0.0.1:%d", lab.Port(tb))
	tocsin := lab.Tocsin(tb, server, lab.Settings{
		"web.listen": pages, "web.public": "http://" + pages + "/tocsin",
		"track.undelivered_after": o.undelivered, "track.unread_after": o.unread, "track.min_after": "1s", "track.grace": "1s",
		"track.priority":                    lab.TOML(fmt.Sprintf(`[{name = "urgent", undelivered_after = "%s", unread_after = "%s"}]`, o.undelivered/2, o.unread/2)),
		"escalate.expires":                  "10m",
		"escalate.per_conversation_per_day": 1000, "escalate.per_recipient_per_day": 1000, "escalate.per_sender_per_hour": 1000,
		"numbers.region": "CN",
		"log.level":      "warn",
	})
	tocsin.Must("numbers", "set", "bob@"+domain, o.number)
	befriend(server)

	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		tb.Fatal(err)
	}
	web := &http.Server{
		Handler: site(plugin, facts{
			Websocket: server.Websocket, Domain: domain, Passwords: map[string]string{"alice": "alice's password", "bob": "bob's password"},
			Undelivered: o.undelivered.Seconds(), Unread: o.unread.Seconds(),
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	tb.Cleanup(func() {
		web.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("serve the page: %v", err)
		}
	})
	return "http://" + l.Addr().String() + "/"
}

// befriend lets Alice and Bob see each other's presence: Converse.js sends markers to friends only.
func befriend(server *lab.Server) {
	alice, bob := server.Login("alice/setup", lab.Silent), server.Login("bob/setup", lab.Silent)
	for _, pair := range [][2]*lab.Client{{alice, bob}, {bob, alice}} {
		from, to := pair[0], pair[1]
		name := map[*lab.Client]string{alice: "Alice", bob: "Bob"}[to]
		from.Must("set", "", "<query xmlns='jabber:iq:roster'><item jid='"+to.Bare()+"' name='"+name+"'/></query>")
	}
	lab.Befriend(alice, bob)
	alice.Sync()
	bob.Sync()
	alice.Close()
	bob.Close()
}

// install installs the plugin's npm packages by its lock file, unless they are there.
func install(tb testing.TB, plugin string) {
	lock, err := os.Stat(filepath.Join(plugin, "package-lock.json"))
	if err != nil {
		tb.Fatal(err)
	}
	if done, err := os.Stat(filepath.Join(plugin, "node_modules", ".package-lock.json")); err == nil && !done.ModTime().Before(lock.ModTime()) {
		return
	}
	fmt.Println("npm ci …")
	cmd := exec.CommandContext(tb.Context(), "npm", "ci", "--no-audit", "--no-fund", "--silent")
	cmd.Dir = plugin
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// moduleRoot returns the folder of go.mod, searching upwards.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("run it from within the repository (go env GOMOD: %q, %v)", mod, err)
	}
	return filepath.Dir(mod), nil
}
