package component

import (
	"slices"

	"tocsin/track"
)

// dues holds the alarms, the next one first, and one at most of each message or prompt: a heap, and a table that finds
// each of them in it. Most alarms never ring: the message is read before. They are taken out then, so that what rings is
// what is due.
//
// A million take 22 bytes each: 16 in the heap, and a number of four bytes in a table that is a quarter larger.
type dues struct {
	heap  []track.Alarm
	table []uint32 // open addressing with linear probing: one more than the place in the heap; 0: free
}

const (
	// arity is the children of a node: a flat heap has fewer places to be written on the way.
	arity = 4
	// The table has loadOver slots for loadUnder alarms.
	loadOver, loadUnder = 5, 4
	// growth is the share by which heap and table grow: a larger one would cost memory, a smaller one time.
	growth = 8
)

func (d *dues) len() int { return len(d.heap) }

// next returns the alarm that is due first. There must be one.
func (d *dues) next() track.Alarm { return d.heap[0] }

// pop takes out the alarm that is due first.
func (d *dues) pop() track.Alarm {
	first := d.heap[0]
	d.remove(d.slot(first.Ref))
	return first
}

// set sets the one alarm of a ref in place of the one before; without a due there is none any more.
func (d *dues) set(a track.Alarm) {
	if len(d.table) > 0 {
		if slot := d.slot(a.Ref); d.table[slot] != 0 {
			if a.Due == 0 {
				d.remove(slot)
				return
			}
			place := int(d.table[slot] - 1)
			d.heap[place].Due = a.Due
			d.down(d.up(place))
			return
		}
	}
	if a.Due == 0 {
		return
	}
	if len(d.heap) == cap(d.heap) {
		d.grow()
	}
	d.heap = append(d.heap, a)
	d.table[d.slot(a.Ref)] = uint32(len(d.heap))
	d.up(len(d.heap) - 1)
}

func (d *dues) grow() {
	size := max(64, len(d.heap)+len(d.heap)/growth)
	d.heap = slices.Grow(d.heap[:len(d.heap):len(d.heap)], size-len(d.heap))
	d.table = make([]uint32, cap(d.heap)*loadOver/loadUnder)
	for place, a := range d.heap {
		d.table[d.slot(a.Ref)] = uint32(place + 1)
	}
}

// home is where a ref would stand in an empty table.
func (d *dues) home(ref int64) int {
	hash := uint64(ref) * 0x9E3779B97F4A7C15 // Fibonacci hashing
	return int(hash >> 32 * uint64(len(d.table)) >> 32)
}

// slot is where the table has the ref, or would have it.
func (d *dues) slot(ref int64) int {
	slot := d.home(ref)
	for d.table[slot] != 0 && d.heap[d.table[slot]-1].Ref != ref {
		if slot++; slot == len(d.table) {
			slot = 0
		}
	}
	return slot
}

// remove takes out the alarm of a slot.
func (d *dues) remove(slot int) {
	place, last := int(d.table[slot]-1), len(d.heap)-1
	d.free(slot)
	if place != last {
		moved := d.heap[last]
		at := d.slot(moved.Ref)
		d.heap[place] = moved
		d.table[at] = uint32(place + 1)
	}
	d.heap = d.heap[:last]
	if place != last {
		d.down(d.up(place))
	}
}

// free empties a slot, and moves those up behind it that would not be found any more.
func (d *dues) free(slot int) {
	n := len(d.table)
	for next := slot; ; {
		if next++; next == n {
			next = 0
		}
		if d.table[next] == 0 {
			d.table[slot] = 0
			return
		}
		// It may move if its home is not between the free slot and where it stands.
		if home := d.home(d.heap[d.table[next]-1].Ref); (next-home+n)%n >= (next-slot+n)%n {
			d.table[slot] = d.table[next]
			slot = next
		}
	}
}

// up moves an alarm to where it belongs towards the first, and returns its place.
func (d *dues) up(place int) int {
	for place > 0 {
		parent := (place - 1) / arity
		if d.heap[parent].Due <= d.heap[place].Due {
			break
		}
		place = d.swap(place, parent)
	}
	return place
}

// swap exchanges two places, and returns the second.
func (d *dues) swap(x, y int) int {
	a, b := d.heap[x], d.heap[y]
	at, bt := d.slot(a.Ref), d.slot(b.Ref)
	d.heap[x], d.heap[y] = b, a
	d.table[at], d.table[bt] = uint32(y+1), uint32(x+1)
	return y
}

// down moves an alarm to where it belongs away from the first.
func (d *dues) down(place int) {
	for {
		first := arity*place + 1
		if first >= len(d.heap) {
			return
		}
		child := first
		for other := first + 1; other < min(first+arity, len(d.heap)); other++ {
			if d.heap[other].Due < d.heap[child].Due {
				child = other
			}
		}
		if d.heap[child].Due >= d.heap[place].Due {
			return
		}
		place = d.swap(place, child)
	}
}
