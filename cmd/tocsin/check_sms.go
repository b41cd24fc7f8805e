package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"tocsin/component/gateway/httpapi"
	"tocsin/component/routes"
	"tocsin/config"
	"tocsin/storage"
)

// routeWithin is how long the check of a route may take.
const routeWithin = 15 * time.Second

// checkSMS checks whether the routes of [sms] are usable and whether providers can reach us. It sends nothing.
func checkSMS(ctx context.Context, conf *config.Config, store *storage.Store, found *instance, f *findings) {
	if conf.SMS == nil || store == nil {
		return
	}
	seed, err := store.Seed(ctx)
	if err != nil {
		f.fail("sms", "%s: %s", conf.Where("storage.dsn"), oneLine(err))
		return
	}
	g, err := newGateways(conf, seed.Secret, slog.New(slog.DiscardHandler))
	if err != nil {
		f.fail("sms", "%s: %s", conf.Where("sms"), oneLine(err))
		return
	}
	held := found != nil && found.Standby || found == nil && hasLeader(ctx, store)
	ctx, cancel := context.WithTimeout(ctx, routeWithin)
	defer cancel()
	lines := make([]routeCheck, len(conf.SMS.Routes))
	var asked sync.WaitGroup
	for i := range conf.SMS.Routes {
		if held && conf.SMS.Routes[i].Kind != "http" {
			continue // not every SMSC accepts a second bind
		}
		asked.Go(func() { lines[i] = checkRoute(ctx, g.lines[conf.SMS.Routes[i].Name], found) })
	}
	asked.Wait()
	for i, line := range lines {
		route := &conf.SMS.Routes[i]
		if held && route.Kind != "http" {
			f.info("sms", "route %s: another instance holds the connection; run \"tocsin check\" on that host", route.Name)
			continue
		}
		if route.Kind == "xmpp" && found == nil {
			continue // done by checkGateways
		}
		if line.err != nil {
			f.fail("sms", "%s: route %s: %s", conf.Where("sms.route"), route.Name, oneLine(line.err))
			continue
		}
		f.ok("sms", "route %s: %s; %s", route.Name, line.says, repeats(route.Repeat))
		if route.HTTP.Template.Message != "" {
			f.info("sms", "route %s sends the provider's template: it does not include the text of messages", route.Name)
		}
	}
	if !held {
		checkHooks(ctx, conf, g, found, f)
	}
}

// routeCheck is the result of checking a route.
type routeCheck struct {
	says string
	err  error
}

// checkRoute asks the provider or, for a permanent connection, the running instance that holds it.
func checkRoute(ctx context.Context, l *line, found *instance) routeCheck {
	if l.route.Kind != "http" && found != nil && !found.Standby {
		for _, r := range found.State.SMS {
			switch {
			case r.Name != l.route.Name:
			case !r.Up:
				return routeCheck{err: errors.New(r.Why)}
			case l.route.Kind == "xmpp":
				return routeCheck{says: "the instance is connected to the server"}
			default:
				return routeCheck{says: "the instance is bound to " + l.route.SMPP.Address}
			}
		}
	}
	if l.route.Kind == "xmpp" {
		return routeCheck{}
	}
	if err := l.Check(ctx); err != nil {
		return routeCheck{err: err}
	}
	http, ok := l.Gateway.(*httpapi.Gateway)
	switch {
	case !ok:
		return routeCheck{says: "bind to " + l.route.SMPP.Address + " succeeded"}
	case http.ChecksCredentials():
		return routeCheck{says: "the provider accepts the credentials"}
	}
	return routeCheck{says: "the provider answers (the preset has no credential check)"}
}

// checkGateways queries the XMPP gateways of [sms].
func checkGateways(ctx context.Context, conf *config.Config, p *probe, f *findings) {
	if conf.SMS == nil {
		return
	}
	for i := range conf.SMS.Routes {
		route := &conf.SMS.Routes[i]
		if route.Kind != "xmpp" {
			continue
		}
		if h := p.queryHost(ctx, route.XMPP.Gateway); h.err != nil {
			f.fail("sms", "%s: route %s: %s does not answer (%s)", conf.Where("sms.route"), route.Name, route.XMPP.Gateway, oneLine(h.err))
		} else {
			f.ok("sms", "route %s: %s answers; %s", route.Name, route.XMPP.Gateway, repeats(route.Repeat))
		}
	}
}

// repeats describes how often an SMS may be sent if its submission is in doubt.
func repeats(how string) string {
	switch routes.Repeat(how) {
	case routes.ByKey:
		return "sent at most once (idempotency key)"
	case routes.Always:
		return "sent at least once"
	}
	return "sent at most once"
}

// checkHooks checks whether the public URL reaches the running instance or, without one, a listener opened for the check.
func checkHooks(ctx context.Context, conf *config.Config, g *gateways, found *instance, f *findings) {
	where := conf.Where("sms.public")
	called := false
	for i := range conf.SMS.Routes {
		called = called || conf.SMS.Routes[i].Kind == "http"
	}
	switch {
	case !called:
		return
	case conf.HooksListen() == "":
		f.info("sms", "%s is not set: HTTP providers can deliver neither reports nor replies", where)
		return
	}
	if found == nil {
		server := &httpServer{Handler: g}
		if err := server.Listen(ctx, conf.HooksListen()); err != nil {
			f.fail("sms", "%s: %s", conf.Where("sms.listen"), oneLine(err))
			return
		}
		defer server.Close()
	}
	if err := g.reached(ctx, conf.SMS.Public); err != nil {
		f.fail("sms", "%s: %s does not reach sms.listen (%s): %s", where, conf.SMS.Public, conf.SMS.Listen, oneLine(err))
		return
	}
	f.ok("sms", "%s is reachable: providers can deliver reports and replies", conf.SMS.Public)
}

// probePath is the path at which the hooks prove their identity: it is followed by a nonce of 32 hexadecimal digits.
const probePath = "check"

// proof answers a probe.
func (g *gateways) proof(nonce string) string { return derived(g.secret, "check of hooks "+nonce) }

// probed answers a probe of the hooks, and reports whether it was one.
func (g *gateways) probed(w http.ResponseWriter, r *http.Request) bool {
	parts := strings.Split(r.URL.Path, "/")
	if r.Method != http.MethodGet || len(parts) < 2 || parts[len(parts)-2] != probePath {
		return false
	}
	nonce := parts[len(parts)-1]
	if b, err := hex.DecodeString(nonce); err != nil || len(b) != 16 {
		return false
	}
	w.Header().Set("Cache-Control", "no-store")
	io.WriteString(w, g.proof(nonce)) //nolint:errcheck // the client has gone
	return true
}

// reached requests a proof at the public URL that it reaches hooks with the secret of this database.
func (g *gateways) reached(ctx context.Context, public string) error {
	random := make([]byte, 16)
	rand.Read(random) // never fails
	nonce := hex.EncodeToString(random)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(public, "/")+"/"+probePath+"/"+nonce, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return lastError(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1000))
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", response.StatusCode)
	case string(answer) != g.proof(nonce):
		return fmt.Errorf("another service answers")
	}
	return nil
}
