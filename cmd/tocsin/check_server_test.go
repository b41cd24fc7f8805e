package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tocsin/component/queue"
)

// The countdown ends at its limit, or as soon as there is nothing to wait for any more.
func TestCountdown(t *testing.T) {
	const line, clear = "\rWrite a message to another user now … ", "\r\x1b[K"
	for name, test := range map[string]struct {
		plain bool
		then  func(p *probe, cancel func()) // after 1.5 s
		took  time.Duration
		out   string
	}{
		"nothing comes":        {took: 2500 * time.Millisecond, out: line + "3s \x1b[K" + line + "2s \x1b[K" + line + "1s \x1b[K" + clear},
		"not on a terminal":    {plain: true, took: 2500 * time.Millisecond, out: "Write a message to another user now: waiting 2s for its copy\n"},
		"a copy":               {then: func(p *probe, _ func()) { p.receive([]byte("<message from='example.org'/>")) }, took: 1500 * time.Millisecond, out: line + "3s \x1b[K" + line + "2s \x1b[K" + clear},
		"the stream ends":      {then: func(p *probe, _ func()) { close(p.ended) }, took: 1500 * time.Millisecond, out: line + "3s \x1b[K" + line + "2s \x1b[K" + clear},
		"it is interrupted":    {then: func(_ *probe, cancel func()) { cancel() }, took: 1500 * time.Millisecond, out: line + "3s \x1b[K" + line + "2s \x1b[K" + clear},
		"other news is not it": {then: func(p *probe, _ func()) { p.news.Set() }, took: 2500 * time.Millisecond, out: line + "3s \x1b[K" + line + "2s \x1b[K" + line + "1s \x1b[K" + line + "1s \x1b[K" + clear},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &probe{copies: map[string]int{}, news: queue.NewSignal(), ended: make(chan struct{})}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.then != nil {
					go func() {
						time.Sleep(1500 * time.Millisecond)
						test.then(p, cancel)
					}()
				}
				var out strings.Builder
				began := time.Now()
				(&waiting{out: &out, terminal: !test.plain, limit: 2500 * time.Millisecond}).until(ctx, p)
				if took := time.Since(began); took != test.took || out.String() != test.out {
					t.Errorf("took %s and wrote %q, want %s and %q", took, &out, test.took, test.out)
				}
			})
		})
	}
}
