//go:build unix

package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock of a file, which it makes if it is missing. The lock lives as long as the process: a file
// that is merely there locks nothing.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
		}
	} else if errors.Is(err, unix.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		err = &heldError{name, strings.TrimSpace(string(pid))}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// heldError says who holds a database.
type heldError struct{ file, pid string }

func (e *heldError) Error() string {
	return fmt.Sprintf("the database is in use by process %s (it locks %s): only one tocsin may run on it", e.pid, e.file)
}
