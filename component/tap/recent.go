package tap

import (
	"hash/maphash"
	"time"

	"tocsin/track"
)

// recentFor is how long after the first another copy of a message may follow: ejabberd makes one where the message is sent
// and one for every session that receives it.
const recentFor = time.Minute

// recent is a fixed-size cache of the latest messages.
type recent struct {
	seed  maphash.Seed
	table []remembered
}

type remembered struct {
	sum uint64
	at  track.Time
}

func newRecent() recent {
	return recent{maphash.MakeSeed(), make([]remembered, 4096)}
}

// isCopy reports whether a message with this id was seen recently, and remembers it.
func (r *recent) isCopy(from, to string, id []byte, now track.Time) bool {
	sum := maphash.String(r.seed, from)*31 + maphash.String(r.seed, to)
	sum = sum*31 + maphash.Bytes(r.seed, id)
	e := &r.table[sum%uint64(len(r.table))]
	if e.sum == sum && now < e.at.Add(recentFor) {
		return true
	}
	*e = remembered{sum, now}
	return false
}
