package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// document is a body decoded as JSON; root is nil if it is not JSON.
type document struct{ root any }

func parse(body []byte) *document {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids may exceed the precision of float64
	var root any
	if d.Decode(&root) != nil {
		return &document{}
	}
	return &document{root: root}
}

// all returns the strings, numbers and booleans at a path: names and indexes separated by dots, "*" for all elements of a list.
// Of several paths separated by "|", the first with a value counts.
func (d *document) all(path string) (values []string) {
	path, others, more := strings.Cut(path, "|")
	defer func() {
		if more && len(values) == 0 {
			values = d.all(others)
		}
	}()
	for _, node := range nodes(d.root, path) {
		switch v := node.(type) {
		case string:
			values = append(values, v)
		case json.Number:
			values = append(values, v.String())
		case bool:
			values = append(values, strconv.FormatBool(v))
		}
	}
	return values
}

func nodes(node any, path string) []any {
	if path == "" {
		if node == nil {
			return nil
		}
		return []any{node}
	}
	name, rest, _ := strings.Cut(path, ".")
	switch n := node.(type) {
	case map[string]any:
		if name == "*" {
			return nil
		}
		return nodes(n[name], rest)
	case []any:
		if name == "*" {
			var all []any
			for _, inner := range n {
				all = append(all, nodes(inner, rest)...)
			}
			return all
		}
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n) {
			return nodes(n[i], rest)
		}
	}
	return nil
}

// call is a provider's call of a hook.
type call struct {
	query, form url.Values
	header      http.Header
	json        *document
	raw         []byte
}

// at returns the value at a place in a call, or "". Of several places separated by "|", the first with a value counts; values
// of places joined by "+" are concatenated, if all of them have one.
func (c *call) at(place string) string {
	for one := range strings.SplitSeq(place, "|") {
		value := ""
		for part := range strings.SplitSeq(one, "+") {
			more := c.part(part)
			if more == "" {
				value = ""
				break
			}
			value += more
		}
		if value != "" {
			return value
		}
	}
	return ""
}

func (c *call) part(place string) string {
	kind, name, _ := strings.Cut(place, ":")
	switch kind {
	case "param": // depends on the provider's settings
		for _, kind := range []string{"query:", "form:", "json:"} {
			if value := c.part(kind + name); value != "" {
				return value
			}
		}
	case "text":
		return name
	case "query":
		return c.query.Get(name)
	case "form":
		return c.form.Get(name)
	case "header":
		return c.header.Get(name)
	case "json":
		if values := c.json.all(name); len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// each returns one call for each element of the list at a place.
func (c *call) each(place string) []*call {
	if place == "" {
		return []*call{c}
	}
	var calls []*call
	for _, node := range nodes(c.json.root, strings.TrimPrefix(place, "json:")) {
		list, ok := node.([]any)
		if !ok {
			list = []any{node}
		}
		for _, element := range list {
			one := *c
			one.json = &document{root: element}
			calls = append(calls, &one)
		}
	}
	return calls
}

// knownPlace reports whether at understands a place.
func knownPlace(place string) bool {
	for part := range strings.FieldsFuncSeq(place, func(r rune) bool { return r == '|' || r == '+' }) {
		kind, name, ok := strings.Cut(part, ":")
		if !ok || kind != "json" && (name == "" || !slices.Contains([]string{"query", "form", "header", "param", "text"}, kind)) {
			return false
		}
	}
	return true
}
