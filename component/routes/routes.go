// Package routes chooses by which routes an SMS may go to a number: by its country, and by the longest prefix. It is pure. Its
// tests are tables.
package routes

import (
	"cmp"
	"slices"
	"strings"

	"tocsin/component/numbers"
)

// Repeat says what is done about an SMS of which nobody knows whether it was sent.
type Repeat string

const (
	Never  Repeat = "never"  // at most once: a report is waited for, then a person is asked
	ByKey  Repeat = "key"    // it is submitted again under the same key, by which the provider knows it
	Always Repeat = "always" // at least once
)

// Everywhere stands for all countries.
const Everywhere = "*"

// Route is one way to send SMS.
type Route struct {
	Name      string
	Countries []string // ISO 3166; none: all that the table allows
	Prefixes  []string // of numbers, with their plus: in place of Countries
	Messages  bool     // what it is for
	Codes     bool
	From      []string // numbers, short codes or names; none: those of the table
	Fixed     bool     // what SMS come from is the provider's choice
	Nameless  bool     // replies don't say which number they were sent to: there can be only one
	Rate      float64  // SMS a second; 0: no limit
	Cost      float64  // of a segment
	Repeat    Repeat
}

// Table is all routes, in the order in which they are tried.
type Table struct {
	Countries []string // that SMS may go to; Everywhere: all
	From      []string
	Routes    []Route
}

// For returns the routes for a number, in E.164, in the order in which they are to be tried: those with the longest prefix of it
// first, and what is equal in the order of the table.
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

// fits reports whether the route is for a number, and how long the prefix is that says so.
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

// Named returns the route of a name, or nil.
func (t *Table) Named(name string) *Route {
	for i := range t.Routes {
		if t.Routes[i].Name == name {
			return &t.Routes[i]
		}
	}
	return nil
}

// Senders returns what an SMS may be sent from by a route, in the order of preference; none leaves it to the provider.
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

// IsOwn reports whether SMS may be sent from a number.
func (t *Table) IsOwn(number string) bool {
	return slices.Contains(t.From, number) || slices.ContainsFunc(t.Routes, func(r Route) bool { return slices.Contains(r.From, number) })
}
