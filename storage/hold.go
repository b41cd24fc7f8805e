package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// alone makes sure that only one process changes the schema. The release is nil if it is worth looking at the schema
// again first.
func (s *Store) alone(ctx context.Context) (release func() error, err error) {
	if s.lockFile == "" {
		return func() error { return nil }, nil
	}
	f, err := lockFile(s.lockFile)
	var held *heldError
	if errors.As(err, &held) {
		return nil, wait(ctx, 20*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f.Close, nil
}
