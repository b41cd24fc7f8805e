package storagetest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tocsin/track"
)

// fields are the paths of the fields of a message that an update can change.
func fields(s *suite) (paths [][]int) {
	m := full()
	var visit func(name string, path []int)
	visit = func(name string, path []int) {
		v := reflect.ValueOf(m)
		if len(path) > 0 {
			v = v.FieldByIndex(path)
		}
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				visit(name+"."+v.Type().Field(i).Name, append(slices.Clone(path), i))
			}
			return
		}
		if strings.HasPrefix(name, ".Key.") || name == ".Ord" || name == ".Notice.Delivered" || name == ".Expects.Until" {
			return
		}
		if v.IsZero() {
			s.Errorf("%s has no value", name)
		}
		paths = append(paths, path)
	}
	visit("", nil)
	return paths
}

// An update with the previous rows stores every field that differs.
func changedFields(s *suite) {
	m := full()
	s.insert(m)
	for _, path := range fields(s) {
		is := m
		reflect.ValueOf(&is).Elem().FieldByIndex(path).SetZero()
		for _, change := range [][2]track.Message{{m, is}, {is, m}} {
			s.commit(track.Changes{Was: change[:1], Update: change[1:]})
			s.same(change[1:], s.load(track.Want{Ords: []int64{m.Ord}}).Messages)
		}
	}
}

// Whichever fields have values, an insert stores them all, and an update stores those that differ and keeps the others.
func fewFields(s *suite) {
	var empty, alone, both []track.Message
	from := reflect.ValueOf(full())
	paths := fields(s)
	for i, x := range paths {
		for _, y := range paths[:i+1] {
			n := int64(len(both))
			m := track.Message{Ord: ord(n), Key: key(fmt.Sprint("m", n))}
			empty = append(empty, m)
			for _, path := range [][]int{x, y} {
				reflect.ValueOf(&m).Elem().FieldByIndex(path).Set(from.FieldByIndex(path))
				if len(alone) < len(empty) {
					alone = append(alone, m)
				}
			}
			both = append(both, m)
		}
	}
	s.insert(both...)
	s.stored(both)
	for _, change := range [][2][]track.Message{{both, alone}, {alone, both}, {both, empty}, {empty, alone}} {
		s.commit(track.Changes{Was: change[0], Update: change[1]})
		s.stored(change[1])
	}
}

// The same for messages as they usually are: new, delivered by a receipt, read by a marker. Whatever else differs is stored.
func usualFields(s *suite) {
	sent := track.Message{SentAt: 1795000000000, Marks: track.AsksReceipt | track.Markable, Text: "some words", Due: 1795000120000}
	delivered := sent
	delivered.Status, delivered.DeliveredAt, delivered.Due = track.Delivered, 1795000001000, 1795000600000
	delivered.Notice = track.Notice{Seq: 1, Rev: 1, State: track.StateDelivered, Basis: track.ByReceipt, At: 1795000001000}
	read := delivered
	read.Status, read.SettledAt, read.Due, read.Text, read.Reason = track.Displayed, 1795000002000, 0, "", track.ReasonSettled
	read.Notice = track.Notice{Seq: 2, Rev: 2, State: track.StateDisplayed, Basis: track.ByMarker, At: 1795000002000}
	var was, is []track.Message
	for _, from := range []track.Message{sent, delivered, read} {
		for _, to := range []track.Message{sent, delivered, read} {
			for _, path := range append(fields(s), nil) {
				for _, other := range []reflect.Value{reflect.ValueOf(full()), reflect.ValueOf(track.Message{})} {
					n := int64(len(was))
					from.Ord, from.Key = ord(n), key(fmt.Sprint("m", n))
					m := to
					m.Ord, m.Key = from.Ord, from.Key
					if path != nil {
						reflect.ValueOf(&m).Elem().FieldByIndex(path).Set(other.FieldByIndex(path))
					}
					was, is = append(was, from), append(is, m)
				}
			}
		}
	}
	s.insert(was...)
	s.stored(was)
	s.commit(track.Changes{Was: was, Update: is})
	s.stored(is)
	for i := range is {
		is[i].Ord, is[i].ID = ord(int64(len(is)+i)), is[i].ID+"again"
	}
	s.insert(is...)
	s.stored(is)
}

// stored checks that these messages are stored as they are; they are in order.
func (s *suite) stored(want []track.Message) {
	s.Helper()
	var ords []int64
	for i := range want {
		ords = append(ords, want[i].Ord)
	}
	got := s.load(track.Want{Ords: ords}).Messages
	got = slices.DeleteFunc(got, func(m track.Message) bool { return !slices.Contains(ords, m.Ord) })
	slices.SortFunc(got, func(x, y track.Message) int { return cmp.Compare(x.Ord, y.Ord) })
	s.same(want, got)
}
