package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tocsin/config"
	"tocsin/storage"
)

// configFlag is the flag of every command that reads the configuration.
type configFlag struct {
	Config string `placeholder:"FILE" help:"The configuration; default: $$TOCSIN_CONFIG, ./config.toml or /etc/tocsin/config.toml."`
}

var configPlaces = []string{"config.toml", "/etc/tocsin/config.toml"}

// file returns the path of the configuration.
func (f configFlag) file(e *environment) (string, error) {
	if f.Config != "" {
		return f.Config, nil
	}
	if name := e.getenv("TOCSIN_CONFIG"); name != "" {
		return name, nil
	}
	closed := ""
	for _, name := range configPlaces {
		_, err := os.Stat(name)
		if err == nil {
			return name, nil
		}
		// An unreadable place, such as root's home for the service's user, does not hide the next one.
		if !errors.Is(err, fs.ErrNotExist) {
			closed = name
		}
	}
	if closed != "" {
		return closed, nil // reading it will give the reason
	}
	return "", fmt.Errorf("no configuration: neither %s nor %s exists (use -config, or create one with \"tocsin init\")", configPlaces[0], configPlaces[1])
}

// load reads the configuration.
func (f configFlag) load(e *environment) (*config.Config, error) {
	file, err := f.file(e)
	if err != nil {
		return nil, err
	}
	return config.Load(file, e.getenv)
}

// open reads the configuration, and opens its database.
func (f configFlag) open(ctx context.Context, e *environment) (*config.Config, *storage.Store, error) {
	conf, err := f.load(e)
	if err != nil {
		return nil, nil, err
	}
	store, err := openStore(ctx, conf)
	if err != nil {
		return nil, nil, err
	}
	return conf, store, nil
}
