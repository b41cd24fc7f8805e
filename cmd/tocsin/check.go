package main

import "errors"

type checkCommand struct{ configFlag }

// Run is not built yet.
func (c *checkCommand) Run() error { return errors.New("not built yet") }
