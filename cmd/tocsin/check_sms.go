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

// checkSMS sees whether the routes of [sms] could be used, and whether providers reach us. It sends nothing.
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
			continue // not every SMSC takes a second bind
		}
		asked.Go(func() { lines[i] = checkRoute(ctx, g.lines[conf.SMS.Routes[i].Name], found) })
	}
	asked.Wait()
	for i, line := range lines {
		route := &conf.SMS.Routes[i]
		if held && route.Kind != "http" {
			f.note("sms", "route %s: another instance has its link: run check beside that one", route.Name)
			continue
		}
		if route.Kind == "xmpp" && found == nil {
			continue // checkGateways has asked
		}
		if line.err != nil {
			f.fail("sms", "%s: route %s: %s", conf.Where("sms.route"), route.Name, oneLine(line.err))
			continue
		}
		f.ok("sms", "route %s: %s; %s", route.Name, line.says, repeats(route.Repeat))
		if route.HTTP.Template.Message != "" {
			f.note("sms", "route %s sends the provider's template: the message's own text is never in it", route.Name)
		}
	}
	if !held {
		checkHooks(ctx, conf, g, found, f)
	}
}

// routeCheck is what was seen of a route.
type routeCheck struct {
	says string
	err  error
}

// checkRoute asks a provider; or the running instance, which has the link.
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
		return routeCheck{says: "bound to " + l.route.SMPP.Address + ", and unbound"}
	case http.ChecksCredentials():
		return routeCheck{says: "the provider accepts the credentials"}
	}
	return routeCheck{says: "the provider answers (the preset has no check of the credentials)"}
}

// checkGateways asks the gateways of [sms] on the server who they are.
func checkGateways(ctx context.Context, conf *config.Config, p *probe, f *findings) {
	if conf.SMS == nil {
		return
	}
	for i := range conf.SMS.Routes {
		route := &conf.SMS.Routes[i]
		if route.Kind != "xmpp" {
			continue
		}
		if h := p.askHost(ctx, route.XMPP.Gateway); h.err != nil {
			f.fail("sms", "%s: route %s: %s does not answer (%s)", conf.Where("sms.route"), route.Name, route.XMPP.Gateway, oneLine(h.err))
		} else {
			f.ok("sms", "route %s: %s answers; %s", route.Name, route.XMPP.Gateway, repeats(route.Repeat))
		}
	}
}

// repeats says what becomes of an SMS that may have been sent.
func repeats(how string) string {
	switch routes.Repeat(how) {
	case routes.ByKey:
		return "sent at most once, by a key that the provider knows"
	case routes.Always:
		return "sent at least once"
	}
	return "sent at most once"
}

// checkHooks sees whether the public URL leads to us: to the running instance, or for this moment to this process.
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
		f.note("sms", "%s is not set: HTTP providers can't report what became of an SMS, and replies don't arrive", where)
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
		f.fail("sms", "%s: %s does not lead to sms.listen (%s): %s", where, conf.SMS.Public, conf.SMS.Listen, oneLine(err))
		return
	}
	f.ok("sms", "%s leads here: providers can report and hand on replies", conf.SMS.Public)
}

// probePath is the path at which the hooks prove that they are ours: what follows is 32 hexadecimal digits.
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
	io.WriteString(w, g.proof(nonce)) //nolint:errcheck // who asked has gone
	return true
}

// reached asks at the public URL for a proof that it leads to hooks with the secret of this database.
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
		return fmt.Errorf("something else answers there")
	}
	return nil
}
