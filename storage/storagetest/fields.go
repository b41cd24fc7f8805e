package storagetest

import (
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
	var ords []int64
	for i := range both {
		ords = append(ords, both[i].Ord)
	}
	is := func(want []track.Message) {
		s.Helper()
		got := s.load(track.Want{Ords: ords}).Messages
		got = slices.DeleteFunc(got, func(m track.Message) bool { return !slices.Contains(ords, m.Ord) })
		slices.Reverse(got)
		s.same(want, got)
	}
	s.insert(both...)
	is(both)
	for _, change := range [][2][]track.Message{{both, alone}, {alone, both}, {both, empty}, {empty, alone}} {
		s.commit(track.Changes{Was: change[0], Update: change[1]})
		is(change[1])
	}
}
