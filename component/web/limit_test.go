package web

import (
	"net/http"
	"testing"
	"time"

	"tocsin/component/clock"
	"tocsin/internal/expect"
)

// Visitors are distinguished by network: whoever has one IPv6 address has very many.
func TestClients(t *testing.T) {
	for _, tt := range []struct{ remote, forwarded, want string }{
		{"192.0.2.7:4711", "198.51.100.1", "192.0.2.7"},
		{"127.0.0.1:4711", "203.0.113.9, 198.51.100.1", "198.51.100.1"},
		{"[::1]:4711", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2:ffff::9]:4711", "", "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:4711", "", "fe80::/64"},
		{"[::ffff:192.0.2.7]:4711", "", "::ffff:192.0.2.7"},
		{"127.0.0.1:4711", "nonsense", "127.0.0.1"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": {tt.forwarded}}}
		expect.Equal(t, tt.remote+" "+tt.forwarded, client(r), tt.want)
	}
}

// Visitors who request too many pages, or wrong ones, are refused; others are not.
func TestLimitsOfOne(t *testing.T) {
	now := clock.NewStepped(time.Unix(1e9, 0))
	l := newLimits(now)
	for range 1000 {
		l.allow("eve")
	}
	expect.Equal(t, "Eve", l.allow("eve"), false)
	for range 100 {
		l.miss("mallory")
	}
	expect.Equal(t, "Mallory", l.allow("mallory"), false)
	expect.Equal(t, "Alice", l.allow("alice"), true)
	for i := range maxAddresses {
		now.Step(time.Millisecond)
		l.allow(time.Duration(i).String())
		l.allow("mallory")
	}
	expect.Equal(t, "how many are remembered", len(l.all), maxAddresses)
	expect.Equal(t, "Mallory, whom others do not push out", l.all["mallory"] != nil, true)
}
