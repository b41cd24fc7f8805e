package main

import "errors"

type migrateCommand struct{ configFlag }

// Run is not built yet.
func (c *migrateCommand) Run() error { return errors.New("not built yet") }
