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

// lockFile locks a file, which it makes if it is missing, until it is closed or the process ends: a file that is
// merely there locks nothing.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
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

// lockSoon is lockFile with some patience for those who only look, or change the schema.
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
