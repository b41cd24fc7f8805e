package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
)

// stage stands in for a test: what the lab starts on it ends with it, and what goes wrong is printed.
type stage struct {
	testing.TB // nil: the methods the lab uses are below

	ctx      context.Context
	failed   bool
	cleanups []func()
}

// perform runs the playground until it ends, or until the first thing that goes wrong, and cleans up.
func (s *stage) perform(play func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		play()
	}()
	<-done
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

func (s *stage) Helper()                    {}
func (s *stage) Name() string               { return "playground" }
func (s *stage) Context() context.Context   { return s.ctx }
func (s *stage) Cleanup(f func())           { s.cleanups = append(s.cleanups, f) }
func (s *stage) Failed() bool               { return s.failed }
func (s *stage) Log(args ...any)            { s.Logf("%s", fmt.Sprint(args...)) }
func (s *stage) Logf(f string, args ...any) { fmt.Fprintf(os.Stderr, f+"\n", args...) }
func (s *stage) Error(args ...any)          { s.Errorf("%s", fmt.Sprint(args...)) }
func (s *stage) Fatal(args ...any)          { s.Fatalf("%s", fmt.Sprint(args...)) }

func (s *stage) Errorf(f string, args ...any) {
	s.failed = true
	s.Logf("playground: "+f, args...)
}

func (s *stage) Fatalf(f string, args ...any) {
	s.Errorf(f, args...)
	runtime.Goexit()
}

func (s *stage) FailNow() {
	s.failed = true
	runtime.Goexit()
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "tocsin-playground-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
