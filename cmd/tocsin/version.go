package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker (see the Makefile); built otherwise, the program tells what Go knows of it.
var version string

type versionCommand struct{}

// Run shows the version.
func (versionCommand) Run(e *environment) error {
	fmt.Fprintf(e.stdout, "tocsin %s (%s %s/%s)\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// programVersion is what XEP-0092 and "tocsin version" tell.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
