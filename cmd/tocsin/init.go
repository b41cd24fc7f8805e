package main

import "errors"

type initCommand struct{}

// Run is not built yet.
func (c *initCommand) Run() error { return errors.New("not built yet") }
