package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// decoder fills a Config from a parsed document, guided by the types and tags of its fields, and collects the faults.
type decoder struct {
	source
	faults Faults
	bad    map[string]bool // places of faults
}

// source is the origin of values: the lines of a file, by place, and the environment.
type source struct {
	file  string
	lines map[string]int
	env   map[string]string // places whose value comes from an environment variable
}

// origin records that the value of a place comes from an environment variable.
func (s source) origin(p path, variable string) { s.env[p.String()] = variable }

// line returns the line of a place, or of the nearest enclosing table in the file, or 0.
func (s source) line(p path) int {
	for ; len(p) > 0; p = p[:len(p)-1] {
		if n := s.lines[p.String()]; n > 0 {
			return n
		}
	}
	return 0
}

// fault records a fault at a place.
func (d *decoder) fault(p path, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	f := Fault{File: d.file, Line: d.line(p), Key: p.key(), Text: text}
	if variable := d.env[p.String()]; variable != "" {
		f = Fault{File: variable, Text: text}
	}
	d.faults = append(d.faults, f)
	d.bad[p.String()] = true
}

func (d *decoder) table(value any, into reflect.Value, p path) {
	table, ok := value.(map[string]any)
	if !ok {
		d.fault(p, "not a table (write [%s])", p.key())
		return
	}
	fields := fieldsOf(into.Type())
	for key, value := range table {
		at := p.add(key)
		if i, ok := fields[key]; ok {
			d.value(value, into.Field(i), into.Type().Field(i).Tag, at)
		} else {
			d.unknown(value, at, fields)
		}
	}
}

// unknown reports an unknown key, and suggests the one that was probably meant: one of the same table, or one of the same
// name in another table.
func (d *decoder) unknown(value any, p path, fields map[string]int) {
	name, kind := p[len(p)-1], "key"
	switch value.(type) {
	case map[string]any, []map[string]any:
		kind = "table"
	}
	beside := make([]string, 0, len(fields))
	for key := range fields {
		beside = append(beside, key)
	}
	slices.Sort(beside)
	meant := nearest(name, beside)
	if meant == "" {
		all := Keys()
		if i := slices.IndexFunc(all, func(key string) bool { return strings.HasSuffix(key, "."+name) }); i >= 0 {
			meant = all[i]
		}
	}
	if meant == "" {
		d.fault(p, "unknown %s", kind)
		return
	}
	d.fault(p, "unknown %s (did you mean %s?)", kind, meant)
}

func (d *decoder) value(value any, into reflect.Value, tag reflect.StructTag, p path) {
	switch target := into.Addr().Interface().(type) {
	case *time.Duration:
		bounded(d, p, target, value, "duration", "10m", parseDuration, tag)
		return
	case *Size:
		bounded(d, p, target, value, "size", "512KiB", parseSize, tag)
		return
	case *int:
		d.integer(value, target, tag, p)
		return
	case *float64:
		d.number(value, target, p)
		return
	case *bool:
		if b, ok := value.(bool); ok {
			*target = b
		} else {
			d.fault(p, "invalid boolean %s (true or false)", formatValue(value))
		}
		return
	case *Secret:
		if s, ok := value.(string); ok {
			*target = Secret(s)
		} else {
			d.fault(p, "not a string (put it in quotes)")
		}
		return
	case *map[string]*template.Template:
		d.templates(value, *target, p)
		return
	}
	switch {
	case tag.Get("is") != "" && into.Kind() == reflect.Slice:
		d.list(value, into, tag, p)
	case tag.Get("is") != "":
		d.text(value, into, tag, p)
	case into.Kind() == reflect.Slice:
		d.tables(value, into, p)
	case into.Kind() == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		if s, ok := into.Interface().(*SMS); ok {
			*s = *defaultSMS()
		}
		d.table(value, into.Elem(), p)
	default:
		d.table(value, into, p)
	}
}

// bounded parses a duration or size, and checks it against the tags "min" and "max".
func bounded[T time.Duration | Size](d *decoder, p path, into *T, value any, kind, example string, parse func(string) (T, error), tag reflect.StructTag) {
	s, ok := value.(string)
	if !ok {
		d.fault(p, "invalid %s %s (example: %q)", kind, formatValue(value), example)
		return
	}
	n, err := parse(s)
	if err != nil {
		d.fault(p, "%v", err)
		return
	}
	if least, err := parse(tag.Get("min")); err == nil && n < least {
		d.fault(p, "%q is less than the minimum of %s", s, tag.Get("min"))
		return
	}
	if most, err := parse(tag.Get("max")); err == nil && n > most {
		d.fault(p, "%q exceeds the maximum of %s", s, tag.Get("max"))
		return
	}
	*into = n
}

func (d *decoder) integer(value any, into *int, tag reflect.StructTag, p path) {
	n, ok := value.(int64)
	if !ok {
		d.fault(p, "invalid integer %s (example: %d)", formatValue(value), *into)
		return
	}
	if least, err := strconv.ParseInt(tag.Get("min"), 10, 64); err == nil && n < least {
		d.fault(p, "%d is less than the minimum of %d", n, least)
		return
	}
	most, err := strconv.ParseInt(tag.Get("max"), 10, 64)
	if err != nil {
		most = 1 << 30
	}
	if n > most {
		d.fault(p, "%d exceeds the maximum of %d", n, most)
		return
	}
	*into = int(n)
}

// number parses a number, zero or more, which may have a fraction.
func (d *decoder) number(value any, into *float64, p path) {
	n, ok := value.(float64)
	if whole, is := value.(int64); is {
		n, ok = float64(whole), true
	}
	switch {
	case !ok || math.IsNaN(n):
		d.fault(p, "invalid number %s (example: 0.5)", formatValue(value))
	case n < 0 || n > 1e6:
		d.fault(p, "%v is not between 0 and 1000000", n)
	default:
		*into = n
	}
}

// text parses a text in the form of the field, or one of the words it allows.
func (d *decoder) text(value any, into reflect.Value, tag reflect.StructTag, p path) {
	s, ok := value.(string)
	if !ok {
		d.fault(p, "not a string (put it in quotes)") // the value is not shown: it may be a secret
		return
	}
	is := tag.Get("is")
	form, ok := forms[is]
	if !ok {
		words := strings.Split(is, "|")
		if !slices.Contains(words, s) {
			d.fault(p, "invalid value %q (must be %s)", s, oneOf(words))
			return
		}
		into.SetString(s)
		return
	}
	v, err := form(s)
	if err != nil {
		d.fault(p, "%v", err)
		return
	}
	into.Set(reflect.ValueOf(v).Convert(into.Type()))
}

func (d *decoder) list(value any, into reflect.Value, tag reflect.StructTag, p path) {
	values, ok := value.([]any)
	if !ok {
		d.fault(p, "not a list (put it in [ ])")
		return
	}
	list := reflect.MakeSlice(into.Type(), len(values), len(values))
	known := map[any]bool{}
	for i, v := range values {
		at := p.index(i)
		d.text(v, list.Index(i), tag, at)
		if d.bad[at.String()] {
			continue
		}
		if got := list.Index(i).Interface(); known[got] {
			d.fault(at, "duplicate %q", got)
		} else {
			known[got] = true
		}
	}
	into.Set(list)
}

// tables reads an array of tables.
func (d *decoder) tables(value any, into reflect.Value, p path) {
	var values []any
	switch v := value.(type) {
	case []map[string]any:
		for _, table := range v {
			values = append(values, table)
		}
	case []any:
		values = v
	default:
		d.fault(p, "not a list of tables (write [[%s]])", p.key())
		return
	}
	list := reflect.MakeSlice(into.Type(), len(values), len(values))
	for i, v := range values {
		if route, ok := list.Index(i).Addr().Interface().(*SMSRoute); ok {
			if table, ok := v.(map[string]any); ok {
				d.route(table, route, p.index(i))
				continue
			}
		}
		d.table(v, list.Index(i), p.index(i))
	}
	into.Set(list)
}

func (d *decoder) templates(value any, into map[string]*template.Template, p path) {
	table, ok := value.(map[string]any)
	if !ok {
		d.fault(p, `not a table (write %s.en = "…")`, p[len(p)-1])
		return
	}
	for name, v := range table {
		at := p.add(name)
		if err := checkLanguage(name); err != nil {
			d.fault(at, "%v", err)
			continue
		}
		t := reflect.New(reflect.TypeFor[*template.Template]()).Elem()
		d.text(v, t, `is:"template"`, at)
		into[name], _ = t.Interface().(*template.Template)
	}
}

// formatValue returns a value as it appears in the file, shortened.
func formatValue(value any) string {
	switch v := value.(type) {
	case string:
		if r := []rune(v); len(r) > 40 {
			v = string(r[:40]) + "…"
		}
		return strconv.Quote(v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	}
	return "a list"
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// fieldsOf returns the indexes of a struct's fields by key.
func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("toml"); key != "" {
			fields[key] = i
		}
	}
	return fields
}

// Keys returns the names of all keys, "component.jid" and so on, in the order of Config.
func Keys() []string { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		field := t.Field(i)
		name := field.Tag.Get("toml")
		if name == "" {
			continue
		}
		inner := field.Type
		if (inner.Kind() == reflect.Slice || inner.Kind() == reflect.Pointer) && field.Tag.Get("is") == "" {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && field.Tag.Get("is") == "" {
			keys = append(keys, keysOf(inner, prefix+name+".")...)
			continue
		}
		keys = append(keys, prefix+name)
	}
	return keys
}
