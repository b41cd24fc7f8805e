// Package routes chooses the routes by which an SMS may be sent to a number, by country and longest prefix. It is pure. Its tests
// are tables.
package routes

import (
	"cmp"
	"slices"
	"strings"

	"tocsin/component/numbers"
)

// Repeat says whether an SMS that may have been sent is submitted again.
type Repeat string

const (
	Never  Repeat = "never"  // at most once: without a report, the sender is prompted
	ByKey  Repeat = "key"    // submitted again with the same idempotency key, which the provider recognises
	Always Repeat = "always" // at least once
)

// Everywhere means all countries.
const Everywhere = "*"

// Route is one way to send SMS.
type Route struct {
	Name      string
	Countries []string // ISO 3166; none: all countries of the table
	Prefixes  []string // of numbers, with their plus; replace Countries
	Messages  bool     // sends messages
	Codes     bool     // sends codes
	From      []string // numbers, short codes or names; none: those of the table
	Fixed     bool     // the provider chooses the sender
	Nameless  bool     // replies don't name the number they were sent to, so only one can be used
	Rate      float64  // SMS per second; 0: no limit
	Cost      float64  // of a segment
	Repeat    Repeat
}

// Table contains all routes, in the order in which they are tried.
type Table struct {
	Countries []string // allowed countries, or Everywhere
	From      []string
	Routes    []Route
}

// For returns the routes for a number in E.164, in the order in which they are to be tried: longest matching prefix first, then in
// the order of the table.
func (t *Table) For(number string, code bool) []*Route {
	country := numbers.Country(number)
	if !slices.Contains(t.Countries, Everywhere) && !slices.Contains(t.Countries, country) {
		return nil
	}
	type fit struct {
		*Route
		length int
	}
	var fits []fit
	for i := range t.Routes {
		r := &t.Routes[i]
		if code && !r.Codes || !code && !r.Messages {
			continue
		}
		if length, ok := r.fits(number, country); ok {
			fits = append(fits, fit{r, length})
		}
	}
	slices.SortStableFunc(fits, func(a, b fit) int { return cmp.Compare(b.length, a.length) })
	var all []*Route
	for _, f := range fits {
		all = append(all, f.Route)
	}
	return all
}

// fits reports whether the route serves a number, and the length of the matching prefix.
func (r *Route) fits(number, country string) (length int, ok bool) {
	for _, p := range r.Prefixes {
		if strings.HasPrefix(number, p) {
			length = max(length, len(p))
		}
	}
	if len(r.Prefixes) > 0 {
		return length, length > 0
	}
	return 0, len(r.Countries) == 0 || slices.Contains(r.Countries, Everywhere) || slices.Contains(r.Countries, country)
}

// Named returns the route with a name, or nil.
func (t *Table) Named(name string) *Route {
	for i := range t.Routes {
		if t.Routes[i].Name == name {
			return &t.Routes[i]
		}
	}
	return nil
}

// Senders returns the senders that a route may use, in order of preference. None leaves it to the provider.
func (t *Table) Senders(r *Route) []string {
	list := t.From
	if len(r.From) > 0 {
		list = r.From
	}
	switch {
	case r.Fixed:
		return nil
	case r.Nameless && len(list) > 1:
		return list[:1]
	}
	return list
}

// IsOwn reports whether a number is among our senders.
func (t *Table) IsOwn(number string) bool {
	return slices.Contains(t.From, number) || slices.ContainsFunc(t.Routes, func(r Route) bool { return slices.Contains(r.From, number) })
}
