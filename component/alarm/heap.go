package alarm

import (
	"slices"

	"tocsin/track"
)

// heap holds the alarms, the next one first, and one at most of each message or prompt: a heap, and a table that finds
// each of them in it. Most alarms never fire: the message is read before. They are taken out then, so that what fires is
// what is due.
//
// A million take 22 bytes each: 16 in the heap, and a number of four bytes in a table that is a quarter larger.
type heap struct {
	alarms []track.Alarm
	table  []uint32 // open addressing with linear probing: one more than the place in the heap; 0: free
}

const (
	// arity is the children of a node: a flat heap has fewer places to be written on the way.
	arity = 4
	// The table has loadOver slots for loadUnder alarms.
	loadOver, loadUnder = 5, 4
	// growth is the share by which heap and table grow: a larger one would cost memory, a smaller one time.
	growth = 8
)

func (h *heap) len() int { return len(h.alarms) }

// next returns the alarm that is due first. There must be one.
func (h *heap) next() track.Alarm { return h.alarms[0] }

// pop takes out the alarm that is due first.
func (h *heap) pop() track.Alarm {
	first := h.alarms[0]
	h.remove(h.slot(first.Ref))
	return first
}

// set sets the one alarm of a ref in place of the one before; without a due there is none any more.
func (h *heap) set(a track.Alarm) {
	if len(h.table) > 0 {
		if slot := h.slot(a.Ref); h.table[slot] != 0 {
			if a.Due == 0 {
				h.remove(slot)
				return
			}
			place := int(h.table[slot] - 1)
			h.alarms[place].Due = a.Due
			h.down(h.up(place))
			return
		}
	}
	if a.Due == 0 {
		return
	}
	if len(h.alarms) == cap(h.alarms) {
		h.grow()
	}
	h.alarms = append(h.alarms, a)
	h.table[h.slot(a.Ref)] = uint32(len(h.alarms))
	h.up(len(h.alarms) - 1)
}

func (h *heap) grow() {
	size := max(64, len(h.alarms)+len(h.alarms)/growth)
	h.alarms = slices.Grow(h.alarms[:len(h.alarms):len(h.alarms)], size-len(h.alarms))
	h.table = make([]uint32, cap(h.alarms)*loadOver/loadUnder)
	for place, a := range h.alarms {
		h.table[h.slot(a.Ref)] = uint32(place + 1)
	}
}

// home is where a ref would stand in an empty table.
func (h *heap) home(ref int64) int {
	hash := uint64(ref) * 0x9E3779B97F4A7C15 // Fibonacci hashing
	return int(hash >> 32 * uint64(len(h.table)) >> 32)
}

// slot is where the table has the ref, or would have it.
func (h *heap) slot(ref int64) int {
	slot := h.home(ref)
	for h.table[slot] != 0 && h.alarms[h.table[slot]-1].Ref != ref {
		if slot++; slot == len(h.table) {
			slot = 0
		}
	}
	return slot
}

// remove takes out the alarm of a slot.
func (h *heap) remove(slot int) {
	place, last := int(h.table[slot]-1), len(h.alarms)-1
	h.free(slot)
	if place != last {
		moved := h.alarms[last]
		at := h.slot(moved.Ref)
		h.alarms[place] = moved
		h.table[at] = uint32(place + 1)
	}
	h.alarms = h.alarms[:last]
	if place != last {
		h.down(h.up(place))
	}
}

// free empties a slot, and moves those up behind it that would not be found any more.
func (h *heap) free(slot int) {
	n := len(h.table)
	for next := slot; ; {
		if next++; next == n {
			next = 0
		}
		if h.table[next] == 0 {
			h.table[slot] = 0
			return
		}
		// It may move if its home is not between the free slot and where it stands.
		if home := h.home(h.alarms[h.table[next]-1].Ref); (next-home+n)%n >= (next-slot+n)%n {
			h.table[slot] = h.table[next]
			slot = next
		}
	}
}

// up moves an alarm to where it belongs towards the first, and returns its place.
func (h *heap) up(place int) int {
	for place > 0 {
		parent := (place - 1) / arity
		if h.alarms[parent].Due <= h.alarms[place].Due {
			break
		}
		place = h.swap(place, parent)
	}
	return place
}

// swap exchanges two places, and returns the second.
func (h *heap) swap(x, y int) int {
	a, b := h.alarms[x], h.alarms[y]
	at, bt := h.slot(a.Ref), h.slot(b.Ref)
	h.alarms[x], h.alarms[y] = b, a
	h.table[at], h.table[bt] = uint32(y+1), uint32(x+1)
	return y
}

// down moves an alarm to where it belongs away from the first.
func (h *heap) down(place int) {
	for {
		first := arity*place + 1
		if first >= len(h.alarms) {
			return
		}
		child := first
		for other := first + 1; other < min(first+arity, len(h.alarms)); other++ {
			if h.alarms[other].Due < h.alarms[child].Due {
				child = other
			}
		}
		if h.alarms[child].Due >= h.alarms[place].Due {
			return
		}
		place = h.swap(place, child)
	}
}
