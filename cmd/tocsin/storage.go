package main

import (
	"context"
	"errors"
	"fmt"

	"tocsin/config"
	"tocsin/storage"
)

// openStore opens the configured database. A missing SQLite file is created, with its schema; a missing or older schema is
// an error that "run" or "migrate" fixes.
func openStore(ctx context.Context, c *config.Config) (*storage.Store, error) {
	store, err := storage.Open(ctx, string(c.Storage.DSN), storage.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Where("storage.dsn"), err)
	}
	return store, nil
}

type storageCommand struct {
	Copy copyCommand `cmd:"" help:"Copy a database to another, for example from SQLite to PostgreSQL."`
}

type copyCommand struct {
	From string `required:"" placeholder:"DSN" help:"The database to read: sqlite:PATH or postgres://…"`
	To   string `required:"" placeholder:"DSN" help:"The database to write: an empty one, or that of an interrupted copy."`
}

// Run copies the database, and shows the progress.
func (c *copyCommand) Run(ctx context.Context, e *environment) (err error) {
	open := func(flag, text string, o storage.Options) (*storage.Store, error) {
		dsn, err := config.ParseDSN(text)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", flag, err)}
		}
		store, err := storage.Open(ctx, string(dsn), o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		return store, nil
	}
	from, err := open("-from", c.From, storage.Options{Existing: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := open("-to", c.To, storage.Options{Migrate: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()

	bar := progress{out: e.stderr, terminal: isTerminal(e.stderr)}
	if err := storage.Copy(ctx, from, to, bar.print); err != nil {
		bar.end()
		return fmt.Errorf("copy: %w", err)
	}
	bar.end()
	fmt.Fprintln(e.stdout, "Copied and verified. Now set storage.dsn to the new database and restart Tocsin.")
	return nil
}
