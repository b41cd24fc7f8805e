package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"mellium.im/xmpp/stream"

	"tocsin/component/session"
	"tocsin/config"
)

// moduleVersion is the version of mod_tocsin (contrib) that matches this program.
const moduleVersion = 1

// checkServer connects as the component, queries the users' domains for the tap, and waits for a copy if none of them has our
// module.
func checkServer(ctx context.Context, conf *config.Config, f *findings, w *waiting, now func() time.Time) {
	p := startProbe(ctx, conf)
	var hosts []host
	if p.connected() {
		f.ok("stream", "connected to %s as %s", conf.Component.Server, conf.Component.JID)
		hosts = p.queryHosts(ctx, conf.Tap.Domains)
		checkClock(ctx, conf, p, f, now)
		checkGateways(ctx, conf, p, f)
		if !slices.ContainsFunc(hosts, func(h host) bool { return h.tap }) && !isClosed(p.ended) {
			w.until(ctx, p)
		}
	}
	if err, lost := p.close(); lost {
		f.fail("stream", "%s", refusal(conf, err))
		return
	}
	checkTap(conf, f, hosts, p, w.limit)
}

// refusal explains why there is no connection, and what to change.
func refusal(conf *config.Config, err error) string {
	server := conf.Component.Server
	where := func(key, format string, args ...any) string {
		return conf.Where(key) + ": " + fmt.Sprintf(format, args...)
	}
	switch {
	case err == nil:
		return where("component.server", "stopped")
	case errors.Is(err, session.ErrNotAuthorized):
		return where("component.secret", "%v (Prosody: component_secret of Component %q; ejabberd: password of the ejabberd_service listener)",
			err, conf.Component.JID)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return where("component.server", "nothing listens on %s (%s)%s", server, oneLine(err), elsewhere(listening()))
	case errors.Is(err, stream.HostUnknown):
		return where("component.jid", "the server has no component %q at %s (host-unknown): add it as shown by \"tocsin init -print\" and restart the server, "+
			"or correct component.server: %s%s may be a port for clients", conf.Component.JID, server, server, by(listening(), server))
	case errors.Is(err, session.ErrHandshake):
		return where("component.server", "%s%s is not a port for components (%s): use component_ports of Prosody (default 5347), or the port of the ejabberd_service listener",
			server, by(listening(), server), oneLine(err))
	}
	return where("component.server", "%s", oneLine(err))
}

// checkClock compares the server's clock with this machine's (XEP-0202).
func checkClock(ctx context.Context, conf *config.Config, p *probe, f *findings, now func() time.Time) {
	for _, domain := range conf.Tap.Domains {
		before := now()
		at, err := p.time(ctx, domain)
		if err != nil {
			continue
		}
		// The server read its clock between before and now.
		warnOfSkew(f, at.Sub(before.Add(now().Sub(before)/2)))
		return
	}
}

// warnOfSkew warns about a server whose clock differs too much from this machine's.
func warnOfSkew(f *findings, ahead time.Duration) {
	const tolerated = 5 * time.Second
	if ahead.Abs() <= tolerated {
		return
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	f.warn("clock", "the server's clock is %s %s this machine's: synchronise both", roughly(ahead.Abs()), direction)
}

// checkTap reports what the users' domains say about the tap, and what it has delivered.
func checkTap(conf *config.Config, f *findings, hosts []host, p *probe, waited time.Duration) {
	where := conf.Where("tap.domains")
	var with, without []string
	good := true
	bad := func(format string, args ...any) {
		good = false
		f.fail("tap", format, args...)
	}
	for _, h := range hosts {
		switch {
		case h.err != nil:
			bad("%s: %s does not answer (%s): does this server host it?", where, h.domain, oneLine(h.err))
		case !h.tap:
			without = append(without, h.domain)
		case h.target != "" && h.target != conf.Component.JID:
			bad("mod_tocsin on %s sends to %q: set its %s to %q", h.domain, h.target, h.term("tocsin_component", "component"), conf.Component.JID)
			with = append(with, h.domain)
		default:
			with = append(with, h.domain)
			if moduleNumber(h.module) < moduleVersion {
				f.warn("tap", "mod_tocsin on %s is older than this program: install the one in contrib, and restart the server", h.domain)
			}
		}
	}
	if len(with) > 0 && len(without) > 0 {
		bad("mod_tocsin is loaded on %s, but not on %s: add it to %s there, or remove the domain (%s)",
			list(with), list(without), hosts[0].term("modules_enabled", "modules"), where)
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	var believed, foreign []string
	for _, from := range slices.Sorted(maps.Keys(p.copies)) {
		if slices.Contains(conf.Tap.Domains, from) {
			believed = append(believed, from)
		} else {
			foreign = append(foreign, from)
		}
	}
	if len(foreign) > 0 {
		bad("%s: ignoring copies from %s: add it to tap.domains", where, list(foreign))
	}
	switch {
	case len(with) > 0 && good:
		f.ok("tap", "mod_tocsin is loaded on %s", list(with))
	case len(with) == 0 && len(believed) > 0:
		f.ok("tap", "copies come from %s", list(believed))
		warnOfStock(f, hosts)
	case len(with) == 0 && good:
		f.unknown("tap", "nothing received in %s: %s", roughly(waited), tapAdvice)
	}
	if p.messages > 0 {
		f.info("tap", "this check consumed %s that the server had kept: they won't be watched", counted(int64(p.messages), "message"))
	}
	if len(with) > 0 && p.presence == "" {
		p.presence = presenceByTap
	}
	checkPresence(f, p.presence)
}

// warnOfStock explains the drawbacks of copies made by the servers' stock modules.
func warnOfStock(f *findings, hosts []host) {
	for _, h := range hosts {
		switch h.software {
		case "ejabberd":
			f.warn("tap", "their source is mod_service_log, which loses messages under load: install mod_tocsin (contrib/ejabberd)")
			return
		case "Prosody":
			f.warn("tap", "their source is mod_firewall, which reports no acknowledgements, bounces or presence, and sends errors to senders while Tocsin is down: install mod_tocsin (contrib/prosody)")
			return
		}
	}
}

// host is the answer of a user domain.
type host struct {
	domain   string
	err      error  // why it does not answer
	software string // the server's name
	tap      bool   // it has loaded our module
	module   string // "mod_tocsin 1"; "" if unknown
	target   string // the component it sends to; "" if unknown
}

// term returns the term of the host's server.
func (h host) term(prosody, ejabberd string) string {
	if h.software == "ejabberd" {
		return ejabberd
	}
	return prosody
}

var moduleName = regexp.MustCompile(`^mod_tocsin (\d+)$`)

// moduleNumber is the version in a module's name, or -1.
func moduleNumber(name string) int {
	if found := moduleName.FindStringSubmatch(name); found != nil {
		if n, err := strconv.Atoi(found[1]); err == nil {
			return n
		}
	}
	return -1
}

// waiting asks for a message to be written, and counts down.
type waiting struct {
	out      io.Writer
	terminal bool
	limit    time.Duration
}

// until waits until the probe has seen a copy, its stream has ended, or the limit is reached.
func (w *waiting) until(ctx context.Context, p *probe) {
	const invitation = "Write a message to another user now"
	end := time.Now().Add(w.limit)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	if !w.terminal {
		fmt.Fprintf(w.out, "%s: waiting %s for its copy\n", invitation, roughly(w.limit))
	} else {
		defer fmt.Fprint(w.out, "\r\x1b[K")
	}
	for !p.hasCopies() {
		if w.terminal {
			fmt.Fprintf(w.out, "\r%s … %s \x1b[K", invitation, roughly(time.Until(end).Round(time.Second)))
		}
		select {
		case <-p.news:
		case <-tick.C:
		case <-p.ended:
			return
		case <-ctx.Done():
			return
		}
	}
}
