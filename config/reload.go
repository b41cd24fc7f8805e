package config

import "reflect"

// Reload reads the file again. Everything in it takes effect except [component] and [storage], which need a restart. The
// notes list the keys changed there, followed by those of Notes. On an error, c stays in effect.
func (c *Config) Reload(getenv func(string) string) (next *Config, notes []string, err error) {
	next, err = Load(c.source.file, getenv)
	if err != nil {
		return nil, nil, err
	}
	for _, table := range []struct {
		name     string
		old, new reflect.Value
	}{
		{"component", reflect.ValueOf(c.Component), reflect.ValueOf(next.Component)},
		{"storage", reflect.ValueOf(c.Storage), reflect.ValueOf(next.Storage)},
	} {
		for i := range table.old.NumField() {
			if !reflect.DeepEqual(table.old.Field(i).Interface(), table.new.Field(i).Interface()) {
				key := table.name + "." + table.old.Type().Field(i).Tag.Get("toml")
				notes = append(notes, next.Where(key)+": takes effect after a restart")
			}
		}
	}
	notes = append(notes, next.Notes()...)
	next.Component, next.Storage = c.Component, c.Storage
	return next, notes, nil
}

// File returns the path of the configuration file.
func (c *Config) File() string { return c.source.file }
