package main

import "errors"

type storageCommand struct {
	Copy copyCommand `cmd:"" help:"Copy a database into an empty one."`
}

type copyCommand struct {
	From string `required:"" placeholder:"DSN" help:"The database to read."`
	To   string `required:"" placeholder:"DSN" help:"The database to write."`
}

// Run is not built yet.
func (c *copyCommand) Run() error { return errors.New("not built yet") }
