package web

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tocsin/component/clock"
)

const (
	// The rate and burst of pages for one address, and of invalid links.
	pageRate, pageBurst = rate.Limit(5), 60
	missRate, missBurst = rate.Limit(1.0 / 30), 20
	// maxAddresses limits the addresses remembered; the least recently used one is dropped.
	maxAddresses = 10_000
)

// limits are the rate limits of all addresses.
type limits struct {
	clock clock.Clock

	mu  sync.Mutex
	all map[string]*limit
}

type limit struct {
	pages, misses *rate.Limiter
	last          time.Time
}

func newLimits(c clock.Clock) *limits { return &limits{clock: c, all: map[string]*limit{}} }

// allow reports whether an address may request a page now.
func (l *limits) allow(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	one := l.of(address, now)
	return one.misses.TokensAt(now) >= 1 && one.pages.AllowN(now, 1)
}

// miss records an invalid link. It reports false if there have been too many.
func (l *limits) miss(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	one := l.of(address, now)
	one.misses.AllowN(now, 1)
	return one.misses.TokensAt(now) >= 1
}

func (l *limits) of(address string, now time.Time) *limit {
	one := l.all[address]
	if one == nil {
		if len(l.all) >= maxAddresses {
			l.evict()
		}
		one = &limit{pages: rate.NewLimiter(pageRate, pageBurst), misses: rate.NewLimiter(missRate, missBurst)}
		l.all[address] = one
	}
	one.last = now
	return one
}

func (l *limits) evict() {
	var stalest string
	for address, one := range l.all {
		if stalest == "" || one.last.Before(l.all[stalest].last) {
			stalest = address
		}
	}
	delete(l.all, stalest)
}
