package texting

import (
	"context"
	"sync"

	"tocsin/component/gateway"
)

// provider is the provider of all routes. It answers by a script, then always with its last word.
type provider struct {
	mu     sync.Mutex
	script map[string][]gateway.Outcome // by route
	got    []string                     // "route ref" of what it received and may have sent
	texts  []string
	from   []string
	keys   map[string]bool // idempotency keys: repetitions are not sent again
	sent   map[string]int  // number of SMS delivered, by reference
	ids    []string        // given to every SMS
	before func()          // called before it answers
}

func (p *provider) submit(route string, m gateway.Submission) gateway.Answer {
	if p.before != nil {
		p.before()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	script := p.script[route]
	outcome := script[0]
	if len(script) > 1 {
		p.script[route] = script[1:]
	}
	p.texts, p.from = append(p.texts, m.Text), append(p.from, m.From)
	if outcome == gateway.Sent || outcome == gateway.Unsure {
		p.got = append(p.got, route)
		if !(p.keys[route] && p.sent[m.Ref] > 0) {
			p.sent[m.Ref]++
		}
	}
	return gateway.Answer{Outcome: outcome, Class: "scripted", IDs: p.ids}
}

func (p *provider) onPhones() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, times := range p.sent {
		n += times
	}
	return n
}

// route is a gateway.
type route struct {
	*life
	name     string
	provider *provider
}

func (r route) Submit(_ context.Context, m gateway.Submission) gateway.Answer {
	r.mu.Lock()
	r.submits++
	crashes := r.submits == r.crash.submit
	r.mu.Unlock()
	if crashes && !r.crash.after {
		r.end()
		return gateway.Answer{}
	}
	answer := r.provider.submit(r.name, m)
	if crashes {
		r.end()
	}
	return answer
}

func (route) Check(context.Context) error { return nil }
func (route) Up() (bool, string)          { return true, "" }
