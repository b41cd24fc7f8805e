package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// stage stands in for a test: what the lab starts ends with it, and what goes wrong is told.
type stage struct {
	testing.TB // nil: the methods the lab uses are below

	ctx     context.Context
	cancel  context.CancelFunc
	out     *os.File
	colours bool
	started time.Time

	mu       sync.Mutex
	failed   bool
	cleanups []func()
}

func newStage(ctx context.Context) *stage {
	s := &stage{out: os.Stdout, started: time.Now()}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if info, err := s.out.Stat(); err == nil && os.Getenv("NO_COLOR") == "" {
		s.colours = info.Mode()&os.ModeCharDevice != 0
	}
	return s
}

// perform runs a story to its end, or to the first thing that goes wrong, and cleans up.
func (s *stage) perform(story func(*stage)) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		story(s)
	}()
	select {
	case <-ended:
	case <-s.ctx.Done():
		s.Errorf("interrupted")
	}
	s.cancel()
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

func (s *stage) Helper()                    {}
func (s *stage) Name() string               { return "demo" }
func (s *stage) Context() context.Context   { return s.ctx }
func (s *stage) Log(args ...any)            { s.Logf("%s", fmt.Sprint(args...)) }
func (s *stage) Logf(f string, args ...any) { fmt.Fprintf(os.Stderr, f+"\n", args...) }
func (s *stage) Error(args ...any)          { s.Errorf("%s", fmt.Sprint(args...)) }
func (s *stage) Fatal(args ...any)          { s.Fatalf("%s", fmt.Sprint(args...)) }

func (s *stage) Errorf(f string, args ...any) {
	s.mu.Lock()
	s.failed = true
	s.mu.Unlock()
	s.Logf("demo: "+f, args...)
}

func (s *stage) Fatalf(f string, args ...any) {
	s.Errorf(f, args...)
	runtime.Goexit()
}

func (s *stage) FailNow() {
	s.mu.Lock()
	s.failed = true
	s.mu.Unlock()
	runtime.Goexit()
}

func (s *stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "tocsin-demo-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
