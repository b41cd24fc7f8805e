package storage

import (
	"context"
	"fmt"

	"tocsin/track"
)

// Stops returns the opt-outs, newest first. Only HMACs of their numbers are stored, so Number is set only if the number is
// bound, or was recently sent an SMS.
func (s *Store) Stops(ctx context.Context) ([]track.Stop, error) {
	var known []string
	if err := s.readers.SelectContext(ctx, &known, "SELECT e164 FROM numbers UNION SELECT number FROM texts"); err != nil {
		return nil, fmt.Errorf("stops: %w", err)
	}
	numbers := make(map[string]string, len(known))
	for _, number := range known {
		numbers[s.hash.number(number)] = number
	}
	var all []track.Stop
	found, err := s.query(ctx, "SELECT "+stops.list()+" FROM stops WHERE stopped_by <> '' ORDER BY at DESC, hash")
	err = stops.read(found, err, func(v *stop) error {
		v.Number = numbers[v.hash]
		all = append(all, v.Stop)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("stops: %w", err)
	}
	return all, nil
}

// SetStop stores that the owner of a number has opted out of SMS, or in again. It reports whether that is new.
func (s *Store) SetStop(ctx context.Context, stop track.Stop) (bool, error) {
	var stopped int
	err := s.get(ctx, &stopped, "SELECT count(*) FROM stops WHERE hash = ? AND stopped_by <> ''", s.hash.number(stop.Number))
	if err == nil && (stopped > 0) == (stop.By != "") {
		return false, nil
	}
	if err == nil {
		err = s.upsert(ctx, &stops.table, "hash", stops.pack(s.hash.stops([]track.Stop{stop})...))
	}
	if err != nil {
		return false, failed("set stop", err)
	}
	return true, nil
}
