package alarm

import (
	"slices"

	"tocsin/track"
)

// heap holds the alarms in order of time, at most one per message or prompt: a heap, and a table of positions in it. Most
// alarms never fire, because the message is read before; removing them at once means that whatever comes first is really
// due.
//
// A million alarms take 22 bytes each: 16 in the heap, and four bytes per slot of a table that is a quarter larger.
type heap struct {
	alarms []track.Alarm
	table  []uint32 // open addressing with linear probing: one more than the index in the heap; 0: free
}

const (
	// arity is the number of children of a node: a flat heap has fewer levels to move through.
	arity = 4
	// The table has loadOver slots per loadUnder alarms.
	loadOver, loadUnder = 5, 4
	// growth is the share by which heap and table grow: more would cost memory, less would cost time.
	growth = 8
)

func (h *heap) len() int { return len(h.alarms) }

// next returns the alarm that is due first. The heap must not be empty.
func (h *heap) next() track.Alarm { return h.alarms[0] }

// pop removes the alarm that is due first.
func (h *heap) pop() track.Alarm {
	first := h.alarms[0]
	h.remove(h.slot(first.Ref))
	return first
}

// set sets the alarm of a ref, replacing the previous one; without Due it removes that.
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

// home is the slot of a ref in an empty table.
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

// remove removes the alarm of a slot.
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

// free empties a slot, and moves up those after it that would no longer be found.
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
		// It may move unless its home lies between the free slot and its own.
		if home := h.home(h.alarms[h.table[next]-1].Ref); (next-home+n)%n >= (next-slot+n)%n {
			h.table[slot] = h.table[next]
			slot = next
		}
	}
}

// up moves an alarm towards the root as far as it belongs, and returns its index.
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

// swap exchanges two alarms, and returns the second index.
func (h *heap) swap(x, y int) int {
	a, b := h.alarms[x], h.alarms[y]
	at, bt := h.slot(a.Ref), h.slot(b.Ref)
	h.alarms[x], h.alarms[y] = b, a
	h.table[at], h.table[bt] = uint32(y+1), uint32(x+1)
	return y
}

// down moves an alarm away from the root as far as it belongs.
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
