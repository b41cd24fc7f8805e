//go:build unix

package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fileLock is a lock on a file next to an SQLite database. It ends with the process, so it can't be lost unnoticed. A
// database in memory has none, and path is "".
type fileLock struct{ path string }

func (l fileLock) lead(ctx context.Context, s *Store, jid string, _ bool) (*Leadership, error) {
	unlock := func() error { return nil }
	if l.path != "" {
		f, err := lockSoon(ctx, l.path)
		if err != nil {
			return nil, err
		}
		unlock = f.Close
	}
	if _, err := s.begin(ctx, s.writer, jid); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return &Leadership{store: s, isLeader: func() bool { return true }, stop: func() {}, unlock: unlock, lost: make(chan struct{})}, nil
}

func (l fileLock) hasLeader(_ context.Context, s *Store) (bool, error) {
	if l.path == "" {
		return s.fence.isHeld(), nil
	}
	f, err := lockFile(l.path)
	if errors.Is(err, ErrInUse) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

func (l fileLock) alone(context.Context, *Store) (release func() error, err error) {
	if l.path == "" {
		return func() error { return nil }, nil
	}
	f, err := lockFile(l.path)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

// lockFile locks a file, created if missing, until it is closed or the process ends. A file that remains is not locked.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err = chownToDir(f); err != nil {
		f.Close()
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		err = fmt.Errorf("%w by process %s (it locks %s)", ErrInUse, strings.TrimSpace(string(pid)), name)
	} else if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = fmt.Fprintln(f, os.Getpid())
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockSoon is lockFile with a few retries: some processes only lock the file briefly.
func lockSoon(ctx context.Context, name string) (*os.File, error) {
	for tries := 0; ; tries++ {
		f, err := lockFile(name)
		if tries == 50 || !errors.Is(err, ErrInUse) {
			return f, err
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
