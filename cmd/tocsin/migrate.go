package main

import (
	"context"
	"fmt"

	"tocsin/storage"
)

type migrateCommand struct {
	configFlag
	Status bool `help:"Only show which migrations are applied."`
}

// Run brings the schema up to date, and lists the migrations.
func (c *migrateCommand) Run(ctx context.Context, e *environment) error {
	conf, err := c.load(e)
	if err != nil {
		return err
	}
	dsn := string(conf.Storage.DSN)
	if !c.Status {
		if err := storage.Migrate(ctx, dsn); err != nil {
			return fmt.Errorf("%s: %w", conf.Where("storage.dsn"), err)
		}
	}
	migrations, err := storage.Status(ctx, dsn)
	if err != nil {
		return fmt.Errorf("%s: %w", conf.Where("storage.dsn"), err)
	}
	for _, m := range migrations {
		state := "pending"
		if m.Applied {
			state = "applied"
		}
		fmt.Fprintf(e.stdout, "%04d  %s  %s\n", m.Version, state, m.Name)
	}
	return nil
}
