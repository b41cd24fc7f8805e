package storage

import (
	"errors"
	"fmt"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// hinted adds a remedy to an error that does not suggest one.
func hinted(err error) error {
	switch {
	case errors.Is(err, pq.ErrSSLNotSupported):
		return fmt.Errorf("%w (if the connection needs no encryption, add sslmode=disable to the DSN)", err)
	case isState(err, pqerror.InvalidCatalogName):
		return fmt.Errorf("%w (create it with: createdb -E UTF8 -T template0)", err)
	}
	return err
}
