package main

import "errors"

type statusCommand struct{ configFlag }

// Run is not built yet.
func (c *statusCommand) Run() error { return errors.New("not built yet") }
